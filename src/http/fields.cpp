#include "fields.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace caas::http {

namespace {

using simdjson::dom::element_type;

// A request has an object, an array and objects in it; what is deeper is none.
constexpr std::size_t kMaxDepth = 16;

// A parser that has read no longer text is kept.
constexpr std::size_t kSmallText = 1024;

constexpr std::array<FieldRule, kFieldCount> rules = {{
    {"apiKey", FieldType::text, {ProblemId::invalid_api_key}, "The API key, unless the header Authorization has it."},
    {"userUUID", FieldType::text, {ProblemId::invalid_uuid}, "The user, in the text form of RFC 9562."},
    {"sensitiveData",
     FieldType::text,
     {ProblemId::invalid_text, ProblemId::invalid_base64},
     "The data: text without U+0000, or base64."},
    {"encryptedData", FieldType::text, {ProblemId::invalid_text}, "A digest in hexadecimal digits."},
    {"sealedData",
     FieldType::text,
     {ProblemId::invalid_base64, ProblemId::malformed_value, ProblemId::unknown_generation, ProblemId::cannot_open},
     "A sealed value in base64."},
    {"context",
     FieldType::text,
     {ProblemId::invalid_context},
     "What the value is for, at most 1024 bytes; empty by default."},
    {"encoding",
     FieldType::text,
     {ProblemId::invalid_encoding},
     "How the data is written: text, by default, or base64."},
    {"generation",
     FieldType::integer,
     {ProblemId::unknown_generation},
     "A generation of the keyring; the active one by default."},
    {"length", FieldType::integer, {ProblemId::invalid_length}, "Bytes of the blind index, 4 to 32; 16 by default."},
    {"operation", FieldType::text, {ProblemId::invalid_operation}, "What to do with each of the requests."},
    {"requests", FieldType::array, {}, "Requests of the operation, without apiKey."},
}};

std::optional<Field> field_named(std::string_view name) {
    for (std::size_t i = 0; i < rules.size(); i++) {
        if (name == rules[i].name) return static_cast<Field>(i);
    }
    return std::nullopt;
}

// Of the document too: the sizes of its buffers are then those for a text of kSmallText bytes at least.
simdjson::error_code make_room(Parser& parser, std::size_t size) {
    simdjson::error_code error = simdjson::SUCCESS;
    if (parser.capacity() < size) error = parser.allocate(size, kMaxDepth);
    if (error == simdjson::SUCCESS && parser.doc.capacity() < size) error = parser.doc.allocate(size);
    return error;
}

}  // namespace

const FieldRule& rule_of(Field field) { return rules[static_cast<std::size_t>(field)]; }

Fields::Fields(simdjson::dom::object object) {
    for (const auto& [key, value] : object) {
        const std::optional<Field> field = field_named(key);
        if (!field) {
            unknown_ = true;
        } else if (seen_.has(*field)) {
            fault(ProblemId::duplicate_field, *field);
        } else {
            seen_.add(*field);
            if (!value.is_null()) read(*field, value);
        }
    }
}

void Fields::read(Field field, simdjson::dom::element value) {
    const FieldType type = rule_of(field).type;
    bool fits = false;
    if (type == FieldType::text) {
        fits = value.get_string().get(texts_[index(field)]) == simdjson::SUCCESS;
    } else if (type == FieldType::integer) {
        // A double such as 2.0 is not an integer here.
        fits =
            value.type() == element_type::INT64 && value.get_int64().get(integers_[index(field)]) == simdjson::SUCCESS;
    } else {
        fits = value.get_array().get(array_) == simdjson::SUCCESS;
    }
    if (fits) {
        present_.add(field);
    } else {
        fault(ProblemId::wrong_type, field);
    }
}

void Fields::fault(ProblemId problem, Field field) {
    if (!fault_) fault_ = Rejection{problem, rule_of(field).name};
}

std::optional<Rejection> Fields::check(FieldSet required, FieldSet optional) const {
    if (unknown_) return Rejection{ProblemId::unknown_field};
    for (std::size_t i = 0; i < kFieldCount; i++) {
        const auto field = static_cast<Field>(i);
        if (seen_.has(field) && !required.has(field) && !optional.has(field)) {
            return Rejection{ProblemId::unknown_field, rule_of(field).name};
        }
    }
    if (fault_) return fault_;
    for (std::size_t i = 0; i < kFieldCount; i++) {
        const auto field = static_cast<Field>(i);
        if (required.has(field) && !has(field)) return Rejection{ProblemId::missing_field, rule_of(field).name};
    }
    return std::nullopt;
}

Document::Document(Parser& parser, std::string& body) : parser_(parser), size_(body.size()) {
    if (body.starts_with("\xEF\xBB\xBF")) {  // simdjson 3.12 would skip it, 3.0 does not
        rejection_ = Rejection{ProblemId::invalid_json};
        return;
    }
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    simdjson::dom::element root;
    simdjson::error_code error = make_room(parser_, std::max(size_, kSmallText));
    if (error == simdjson::SUCCESS) error = parser_.parse(body.data(), body.size(), false).get(root);
    if (error == simdjson::MEMALLOC) {
        parser_ = Parser();  // half of it may be there
        rejection_ = Rejection{ProblemId::internal};
    } else if (error == simdjson::UTF8_ERROR) {
        rejection_ = Rejection{ProblemId::invalid_utf8};
    } else if (error != simdjson::SUCCESS) {
        rejection_ = Rejection{ProblemId::invalid_json};
    } else if (root.get_object().get(object_) != simdjson::SUCCESS) {
        rejection_ = Rejection{ProblemId::not_an_object};
    }
}

// The parser has unescaped strings into one buffer and put numbers into the other, no further than a text of this
// length can reach.
Document::~Document() {
    if (size_ > kSmallText) {
        parser_ = Parser();  // which frees, and so cleanses
        return;
    }
    if (parser_.doc.capacity() < kSmallText) return;  // there was no memory
    OPENSSL_cleanse(parser_.doc.string_buf.get(), 5 * size_ / 3 + simdjson::SIMDJSON_PADDING);
    OPENSSL_cleanse(parser_.doc.tape.get(), (size_ + 3) * sizeof(std::uint64_t));
}

}  // namespace caas::http
