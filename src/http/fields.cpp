#include "fields.hpp"

namespace caas::http {

namespace {

constexpr std::array<FieldRule, kFieldCount> rules = {{
    {"apiKey", FieldType::text, {ProblemId::invalid_api_key}, "The API key, unless the header Authorization has it."},
    {"userUUID", FieldType::text, {ProblemId::invalid_uuid}, "The user, in the text form of RFC 9562."},
    {"userId",
     FieldType::text_or_integer,
     {ProblemId::invalid_user_id, ProblemId::ambiguous_user},
     "The user's id in place of userUUID: an integer, or text of 1 to 1024 bytes."},
    {"namespace",
     FieldType::text,
     {ProblemId::invalid_namespace},
     "The kind of userId, such as users: text of 1 to 1024 bytes."},
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
    {"normalize",
     FieldType::text,
     {ProblemId::invalid_normalize, ProblemId::too_much_work},
     "What of a text counts: none, by default, casefold or digits."},
    {"password", FieldType::text, {ProblemId::invalid_text}, "The password: text without U+0000."},
    {"passwordHash",
     FieldType::text,
     {ProblemId::invalid_text, ProblemId::unknown_generation},
     "The stored password hash."},
    {"operation", FieldType::text, {ProblemId::invalid_operation}, "What to do with each of the requests."},
    {"requests", FieldType::array, {}, "Requests of the operation, without apiKey."},
}};

std::optional<Field> field_named(std::string_view name) {
    for (std::size_t i = 0; i < rules.size(); i++) {
        if (name == rules[i].name) return static_cast<Field>(i);
    }
    return std::nullopt;
}

bool fits(FieldType type, JsonValue::Kind kind) {
    using Kind = JsonValue::Kind;
    switch (type) {
        case FieldType::text:
            return kind == Kind::text;
        case FieldType::integer:
            return kind == Kind::integer;
        case FieldType::text_or_integer:
            return kind == Kind::text || kind == Kind::integer || kind == Kind::long_integer;
        case FieldType::array:
            return kind == Kind::array;
    }
    return false;
}

// The problem of a field whose text has half of a surrogate pair.
ProblemId problem_of_text(const FieldRule& rule) {
    for (const ProblemId own : {ProblemId::invalid_context, ProblemId::invalid_user_id, ProblemId::invalid_namespace}) {
        if (rule.problems.has(own)) return own;
    }
    return ProblemId::invalid_text;
}

}  // namespace

const FieldRule& rule_of(Field field) { return rules[static_cast<std::size_t>(field)]; }

void Fields::add(const JsonValue& name, const JsonValue& value) {
    const std::optional<Field> field = name.kind == JsonValue::Kind::text ? field_named(name.text) : std::nullopt;
    if (!field) {
        unknown_ = true;
    } else if (seen_.has(*field)) {
        fault(ProblemId::duplicate_field, *field);
    } else {
        seen_.add(*field);
        if (value.kind != JsonValue::Kind::null) keep(*field, value);
    }
}

void Fields::keep(Field field, const JsonValue& value) {
    const FieldRule& rule = rule_of(field);
    if (fits(rule.type, JsonValue::Kind::text) && value.kind == JsonValue::Kind::unpaired_surrogate) {
        return fault(problem_of_text(rule), field);
    }
    if (!fits(rule.type, value.kind)) return fault(ProblemId::wrong_type, field);
    present_.add(field);
    texts_[index(field)] = value.text;
    integers_[index(field)] = value.integer;
    if (rule.type == FieldType::array) elements_ = value.elements;
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

}  // namespace caas::http
