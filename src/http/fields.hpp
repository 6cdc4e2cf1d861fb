// The fields that requests can have, and those that one request has.
#pragma once
#include "problem.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caas::http {

enum class Field : std::uint8_t {
    api_key,
    user_uuid,
    user_id,
    user_namespace,
    sensitive_data,
    encrypted_data,
    sealed_data,
    context,
    encoding,
    generation,
    length,
    normalize,
    password,
    password_hash,
    operation,
    requests
};

inline constexpr std::size_t kFieldCount = 16;

enum class FieldType : std::uint8_t { text, integer, text_or_integer, array };

struct FieldRule {
    const char* name;
    FieldType type;
    ProblemSet problems;  // those that a value of the right type can have
    const char* description;
};

const FieldRule& rule_of(Field field);

using FieldSet = EnumSet<Field>;

// JsonValue is a value, or the name of a field, as it was read.
struct JsonValue {
    enum class Kind : std::uint8_t { null, text, unpaired_surrogate, integer, long_integer, array, other };

    Kind kind = Kind::other;
    std::string_view text;     // of Kind::text; of the two kinds of integer, their digits
    std::int64_t integer = 0;  // of Kind::integer, which has 64 bits at most
    std::size_t elements = 0;  // of Kind::array
};

// Fields are those of one JSON object. Faults are kept until check() tells the first one.
class Fields {
public:
    void add(const JsonValue& name, const JsonValue& value);

    // Refuses a field that is in neither set, the first fault of reading, and a required field that is missing.
    std::optional<Rejection> check(FieldSet required, FieldSet optional) const;

    bool has(Field field) const { return present_.has(field); }
    // Empty, or 0, when the field is not there.
    std::string_view text(Field field) const { return texts_[index(field)]; }
    std::int64_t integer(Field field) const { return integers_[index(field)]; }
    // The elements of the only field that is an array.
    std::size_t elements() const { return elements_; }

private:
    static std::size_t index(Field field) { return static_cast<std::size_t>(field); }
    void keep(Field field, const JsonValue& value);
    void fault(ProblemId problem, Field field);

    FieldSet present_, seen_;
    std::array<std::string_view, kFieldCount> texts_;
    std::array<std::int64_t, kFieldCount> integers_{};
    std::size_t elements_ = 0;
    bool unknown_ = false;
    std::optional<Rejection> fault_;
};

}  // namespace caas::http
