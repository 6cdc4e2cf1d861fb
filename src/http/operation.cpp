#include "operation.hpp"

#include "base64.hpp"
#include "json_text.hpp"

#include <openssl/crypto.h>

namespace caas::http {

namespace {

using enum Field;

Failure about(const Problem& problem, Field field) { return {&problem, rule_of(field).name}; }

// Whether data is written in base64; nullopt when the encoding is neither.
std::optional<bool> in_base64(const Fields& fields) {
    if (!fields.has(encoding) || fields.text(encoding) == "text") return false;
    if (fields.text(encoding) == "base64") return true;
    return std::nullopt;
}

// Input is what the operations share, decoded and checked.
struct Input {
    // Of another kind than Fields: bytes are decoded here, and live here.
    std::array<std::uint8_t, CAAS_UUID_BYTES> uuid{};
    std::string decoded;
    std::string_view data;
    bool base64 = false;

    std::optional<Failure> read_uuid(const Fields& fields) {
        const std::string_view text = fields.text(user_uuid);
        if (caas_uuid_parse(text.data(), text.size(), uuid.data()) == 0) return about(problem::kInvalidUuid, user_uuid);
        return std::nullopt;
    }

    std::optional<Failure> read_encoding(const Fields& fields) {
        const std::optional<bool> given = in_base64(fields);
        if (!given) return about(problem::kInvalidEncoding, encoding);
        base64 = *given;
        return std::nullopt;
    }

    // The bytes of a field that is base64, or text.
    std::optional<Failure> read_data(const Fields& fields, Field field, bool is_base64) {
        data = fields.text(field);
        if (is_base64) {
            if (!base64_decode(data, decoded)) return about(problem::kInvalidBase64, field);
            data = decoded;
        } else if (caas_text_check(data.data(), data.size()) != CAAS_OK) {
            return about(problem::kInvalidText, field);
        }
        return std::nullopt;
    }
};

std::optional<Failure> check_context(const Fields& fields) {
    const std::string_view given = fields.text(context);
    if (given.size() > CAAS_CONTEXT_MAX_BYTES) return about(problem::kInvalidContext, context);
    if (caas_text_check(given.data(), given.size()) != CAAS_OK) return about(problem::kInvalidText, context);
    return std::nullopt;
}

// A string of this size is not kept within itself, on the stack, but where memory is cleansed when freed.
constexpr std::size_t kOnHeap = 64;

std::string_view view(const std::string& bytes) { return bytes; }

std::uint8_t* bytes_of(std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); }

// An object that begins and ends so, and between holds what needs no escape: digits, base64, JSON.
std::string json_object(std::string_view begin, std::string_view middle, std::string_view end) {
    std::string text;
    text.reserve(begin.size() + middle.size() + end.size() + 2);
    text += '{';
    text += begin;
    text += middle;
    text += end;
    text += '}';
    return text;
}

std::optional<Failure> read_user_and_data(const Fields& fields, Input& input) {
    if (auto failure = input.read_uuid(fields)) return failure;
    if (auto failure = input.read_encoding(fields)) return failure;
    return input.read_data(fields, sensitive_data, input.base64);
}

Outcome encrypt(caas_engine* engine, const Fields& fields) {
    Input input;
    if (auto failure = read_user_and_data(fields, input)) return *failure;
    const std::int64_t number = fields.integer(generation);
    if (fields.has(generation) && (number < 1 || number > INT32_MAX)) {
        return about(problem::kUnknownGeneration, generation);
    }
    std::array<std::uint8_t, CAAS_DIGEST_MAX_BYTES> digest{};
    std::size_t length = 0;
    const Problem* problem =
        problem_of(caas_digest(engine, input.uuid.data(), static_cast<int>(number), input.data.data(),
                               input.data.size(), digest.data(), &length, nullptr));
    if (problem != nullptr) return Failure{problem};
    std::array<char, std::size_t{2} * CAAS_DIGEST_MAX_BYTES> hex{};
    caas_hex_encode(digest.data(), length, hex.data());
    return json_object(R"("encrypted_data":")", {hex.data(), 2 * length}, "\"");
}

Outcome verify(caas_engine* engine, const Fields& fields) {
    Input input;
    if (auto failure = read_user_and_data(fields, input)) return *failure;
    const std::string_view stored = fields.text(encrypted_data);
    int matched = 0;
    const Problem* problem = problem_of(caas_verify(engine, input.uuid.data(), input.data.data(), input.data.size(),
                                                    stored.data(), stored.size(), CAAS_FORM_HEX, &matched, nullptr));
    if (problem != nullptr) return Failure{problem};
    if (matched == 0) return std::string(R"({"valid":false,"generation":null})");
    return json_object(R"("valid":true,"generation":)", std::to_string(matched), "");
}

Outcome seal(caas_engine* engine, const Fields& fields) {
    Input input;
    if (auto failure = read_user_and_data(fields, input)) return *failure;
    if (auto failure = check_context(fields)) return *failure;
    const std::string_view where = fields.text(context);
    std::string sealed(input.data.size() + CAAS_SEALED_OVERHEAD, '\0');
    const Problem* problem = problem_of(caas_seal(engine, input.uuid.data(), where.data(), where.size(),
                                                  input.data.data(), input.data.size(), bytes_of(sealed), nullptr));
    if (problem != nullptr) return Failure{problem};
    return json_object(R"("sealed_data":")", base64_encode(view(sealed)), "\"");
}

Outcome open(caas_engine* engine, const Fields& fields) {
    Input input;
    if (auto failure = input.read_uuid(fields)) return *failure;
    if (auto failure = input.read_encoding(fields)) return *failure;
    if (auto failure = check_context(fields)) return *failure;
    if (auto failure = input.read_data(fields, sealed_data, true)) return *failure;
    const std::string_view where = fields.text(context);
    std::string data(std::max(input.data.size(), kOnHeap), '\0');
    std::size_t length = 0;
    const Problem* problem =
        problem_of(caas_open(engine, input.uuid.data(), where.data(), where.size(), input.data.data(),
                             input.data.size(), bytes_of(data), &length, nullptr));
    if (problem != nullptr) return Failure{problem};
    data.resize(length);
    if (input.base64) return json_object(R"("sensitive_data":")", base64_encode(view(data)), "\"");
    if (caas_text_check(data.data(), data.size()) != CAAS_OK) return Failure{&problem::kNotText};
    std::string quoted = json_string(data);
    std::string answer = json_object(R"("sensitive_data":)", quoted, "");
    OPENSSL_cleanse(quoted.data(), quoted.size());  // a short one lies on the stack
    return answer;
}

Outcome blind_index(caas_engine* engine, const Fields& fields) {
    constexpr std::int64_t kDefaultLength = 16;
    Input input;
    if (auto failure = input.read_encoding(fields)) return *failure;
    if (auto failure = input.read_data(fields, sensitive_data, input.base64)) return *failure;
    if (auto failure = check_context(fields)) return *failure;
    const std::int64_t bytes = fields.has(length) ? fields.integer(length) : kDefaultLength;
    if (bytes < CAAS_BLIND_INDEX_MIN_BYTES || bytes > CAAS_BLIND_INDEX_MAX_BYTES) {
        return about(problem::kInvalidLength, length);
    }
    const std::string_view where = fields.text(context);
    std::string index(static_cast<std::size_t>(bytes), '\0');
    const auto compute = [&](int number) {
        const Problem* problem =
            problem_of(caas_blind_index(engine, number, where.data(), where.size(), input.data.data(),
                                        input.data.size(), bytes_of(index), index.size(), nullptr));
        return problem != nullptr ? Outcome(Failure{problem}) : Outcome("\"" + base64_encode(view(index)) + "\"");
    };
    Outcome active = compute(0);
    if (std::holds_alternative<Failure>(active)) return active;
    std::string candidates;
    for (int i = 0; const int number = caas_engine_generation_number(engine, i); i++) {
        Outcome candidate = compute(number);
        if (std::holds_alternative<Failure>(candidate)) return candidate;
        if (i > 0) candidates += ',';
        candidates += std::get<std::string>(candidate);
    }
    return json_object(R"("blind_index":)" + std::get<std::string>(active) + R"(,"candidates":[)", candidates, "]");
}

}  // namespace

constexpr std::array<OperationRule, kOperationCount> operation_rules = {{
    {Operation::encrypt,
     "encrypt",
     "/encrypt",
     "A keyed one-way digest of a user's data",
     {user_uuid, sensitive_data},
     {encoding, generation},
     encrypt},
    {Operation::verify,
     "verify",
     "/verify",
     "Whether a digest is that of a user's data",
     {user_uuid, sensitive_data, encrypted_data},
     {encoding},
     verify},
    {Operation::seal,
     "seal",
     "/seal",
     "Data sealed for a user and a context",
     {user_uuid, sensitive_data},
     {context, encoding},
     seal},
    {Operation::open,
     "open",
     "/open",
     "The data of a sealed value",
     {user_uuid, sealed_data},
     {context, encoding},
     open},
    {Operation::blind_index,
     "blind-index",
     "/blind-index",
     "A blind index to find rows by",
     {sensitive_data},
     {context, length, encoding},
     blind_index},
}};

const OperationRule* operation_named(std::string_view name) {
    for (const OperationRule& rule : operation_rules) {
        if (name == rule.name) return &rule;
    }
    return nullptr;
}

Outcome perform(const OperationRule& rule, caas_engine* engine, const Fields& fields, bool with_key) {
    FieldSet optional = rule.optional;
    if (with_key) optional.add(Field::api_key);
    if (auto failure = fields.check(rule.required, optional)) return *failure;
    return rule.run(engine, fields);
}

}  // namespace caas::http
