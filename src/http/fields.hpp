// The fields of requests, and how they are read from JSON.
#pragma once
#include "problem.hpp"

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caas::http {

enum class Field : std::uint8_t {
    api_key,
    user_uuid,
    sensitive_data,
    encrypted_data,
    sealed_data,
    context,
    encoding,
    generation,
    length,
    operation,
    requests
};

inline constexpr std::size_t kFieldCount = 11;

enum class FieldType : std::uint8_t { text, integer, array };

struct FieldRule {
    const char* name;
    FieldType type;
    ProblemSet problems;  // those that a value of the right type can have
    const char* description;
};

const FieldRule& rule_of(Field field);

using FieldSet = EnumSet<Field>;

// Fields are those of one JSON object. Text points into the document.
class Fields {
public:
    // What is not known, twice there or of another type is noted, and told by check().
    explicit Fields(simdjson::dom::object object);

    // Refuses the first fault of reading, a field that is in neither set, and a required one that is missing.
    std::optional<Rejection> check(FieldSet required, FieldSet optional) const;

    bool has(Field field) const { return present_.has(field); }
    // Empty, or 0, or no array, where the field is not there.
    std::string_view text(Field field) const { return texts_[index(field)]; }
    std::int64_t integer(Field field) const { return integers_[index(field)]; }
    simdjson::dom::array array() const { return array_; }

private:
    static std::size_t index(Field field) { return static_cast<std::size_t>(field); }
    void read(Field field, simdjson::dom::element value);
    void fault(ProblemId problem, Field field);

    FieldSet present_, seen_;
    std::array<std::string_view, kFieldCount> texts_;
    std::array<std::int64_t, kFieldCount> integers_{};
    simdjson::dom::array array_;
    bool unknown_ = false;
    std::optional<Rejection> fault_;
};

using Parser = simdjson::dom::parser;

// Document is a JSON text, read by a parser that may be used again when the document has ended: then nothing of the
// text is left in it.
class Document {
public:
    // Makes room in body for what the parser reads beyond the end. Text of the fields is the parser's.
    Document(Parser& parser, std::string& body);
    ~Document();
    Document(const Document&) = delete;
    Document& operator=(const Document&) = delete;

    std::optional<Rejection> rejection() const { return rejection_; }
    simdjson::dom::object object() const { return object_; }

private:
    Parser& parser_;
    std::size_t size_;
    simdjson::dom::object object_;
    std::optional<Rejection> rejection_;
};

}  // namespace caas::http
