#include "operation.hpp"

#include "base64.hpp"

#include <algorithm>
#include <utility>

namespace caas::http {

namespace {

using enum Field;

Rejection about(ProblemId problem, Field field) { return {problem, rule_of(field).name}; }

// A string of this size lies on the heap, where freed memory is cleansed: a shorter one lies within the object on the
// stack (small-string optimisation).
constexpr std::size_t kHeapBytes = 64;

// Input is what the operations share: decoded and checked.
struct Input {
    std::array<std::uint8_t, CAAS_UUID_BYTES> uuid{};
    std::string decoded;
    std::string_view data;  // in `decoded`, or in the request
    std::string_view context;
    bool base64 = false;
    bool nothing_remains = false;  // of a text that was normalised

    std::optional<Rejection> read_user(const Fields& fields) {
        if (fields.has(user_id)) return read_user_id(fields.text(user_namespace), fields.text(user_id));
        const std::string_view text = fields.text(user_uuid);
        if (caas_uuid_parse(text.data(), text.size(), uuid.data()) == 1) return std::nullopt;
        return about(ProblemId::invalid_uuid, user_uuid);
    }

    std::optional<Rejection> read_user_id(std::string_view name_space, std::string_view id) {
        const auto is_name = [](std::string_view text) {
            return !text.empty() && text.size() <= CAAS_NAME_MAX_BYTES &&
                   caas_text_check(text.data(), text.size()) == CAAS_OK;
        };
        if (!is_name(id)) return about(ProblemId::invalid_user_id, user_id);
        if (!is_name(name_space)) return about(ProblemId::invalid_namespace, user_namespace);
        const caas_status status =
            caas_user_uuid(name_space.data(), name_space.size(), id.data(), id.size(), uuid.data(), nullptr);
        if (status != CAAS_OK) return Rejection{problem_for_status(status)};
        return std::nullopt;
    }

    std::optional<Rejection> read_encoding(const Fields& fields) {
        const std::string_view name = fields.has(encoding) ? fields.text(encoding) : "text";
        base64 = name == "base64";
        if (base64 || name == "text") return std::nullopt;
        return about(ProblemId::invalid_encoding, encoding);
    }

    // A field that is base64, or text.
    std::optional<Rejection> read_data(const Fields& fields, Field field, bool is_base64) {
        data = fields.text(field);
        if (is_base64) {
            if (!base64_decode(data, decoded)) return about(ProblemId::invalid_base64, field);
            data = decoded;
        } else if (caas_text_check(data.data(), data.size()) != CAAS_OK) {
            return about(ProblemId::invalid_text, field);
        }
        return std::nullopt;
    }

    std::optional<Rejection> read_context(const Fields& fields) {
        context = fields.text(Field::context);
        const bool fits = context.size() <= CAAS_CONTEXT_MAX_BYTES;
        if (fits && caas_text_check(context.data(), context.size()) == CAAS_OK) return std::nullopt;
        return about(ProblemId::invalid_context, Field::context);
    }

    // Replaces the data by what a blind index is to be made of.
    std::optional<Rejection> normalize_data(const Fields& fields) {
        constexpr std::size_t kMostBytes = std::size_t{256} * 1024;  // the slowest text takes 50 ms
        const std::string_view name = fields.has(normalize) ? fields.text(normalize) : "none";
        caas_normalization how{};
        if (caas_normalization_parse(name.data(), name.size(), &how) != 1) {
            return about(ProblemId::invalid_normalize, normalize);
        }
        if (how == CAAS_NORMALIZE_NONE) return std::nullopt;
        if (data.size() > kMostBytes) return about(ProblemId::too_much_work, normalize);
        std::string normalized(std::max(data.size(), kHeapBytes), '\0');
        std::size_t size = 0;
        const auto run = [&] {
            return caas_normalize(how, data.data(), data.size(), normalized.data(), normalized.size(), &size, nullptr);
        };
        caas_status status = run();
        if (status == CAAS_ERR_OUTPUT_SIZE) {
            normalized.resize(size);
            status = run();
        }
        if (status == CAAS_ERR_TEXT) return about(ProblemId::invalid_text, sensitive_data);
        if (status != CAAS_OK) return Rejection{problem_for_status(status)};
        normalized.resize(size);
        decoded = std::move(normalized);
        data = decoded;
        nothing_remains = data.empty();
        return std::nullopt;
    }

    std::optional<Rejection> read_user_and_data(const Fields& fields) {
        if (auto rejection = read_user(fields)) return rejection;
        if (auto rejection = read_encoding(fields)) return rejection;
        return read_data(fields, sensitive_data, base64);
    }
};

// The costs of new hashes, the same as the defaults of the database.
constexpr caas_password_costs password_costs = CAAS_PASSWORD_COSTS;

std::uint8_t* writable_bytes(std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); }

// The blind index under a generation (0: the active one) in base64, or the core's status.
caas_status append_index(const Call& call, const Input& input, int generation, std::string& index, std::string& text) {
    const caas_status status =
        caas_blind_index(call.engine, generation, input.context.data(), input.context.size(), input.data.data(),
                         input.data.size(), writable_bytes(index), index.size(), nullptr);
    if (status == CAAS_OK) text += base64_encode(index);
    return status;
}

}  // namespace

Reply encrypt(const Call& call) {
    Input input;
    if (auto rejection = input.read_user_and_data(call.fields)) return *rejection;
    const std::int64_t number = call.fields.integer(generation);
    if (call.fields.has(generation) && (number < 1 || number > INT32_MAX)) {
        return about(ProblemId::unknown_generation, generation);
    }
    std::array<std::uint8_t, CAAS_DIGEST_MAX_BYTES> digest{};
    std::size_t size = 0;
    const caas_status status = caas_digest(call.engine, input.uuid.data(), static_cast<int>(number), input.data.data(),
                                           input.data.size(), digest.data(), &size, nullptr);
    if (status != CAAS_OK) return Rejection{problem_for_status(status)};
    std::array<char, std::size_t{2} * CAAS_DIGEST_MAX_BYTES> hex{};
    caas_hex_encode(digest.data(), size, hex.data());
    return call.answer.object({{hex.data(), 2 * size}});
}

Reply verify(const Call& call) {
    Input input;
    if (auto rejection = input.read_user_and_data(call.fields)) return *rejection;
    const std::string_view stored = call.fields.text(encrypted_data);
    int matched = 0;
    const caas_status status = caas_verify(call.engine, input.uuid.data(), input.data.data(), input.data.size(),
                                           stored.data(), stored.size(), CAAS_FORM_HEX, &matched, nullptr);
    if (status != CAAS_OK) return Rejection{problem_for_status(status)};
    if (matched == 0) return call.answer.object({"false", "null"});
    return call.answer.object({"true", std::to_string(matched)});
}

Reply seal(const Call& call) {
    Input input;
    if (auto rejection = input.read_user_and_data(call.fields)) return *rejection;
    if (auto rejection = input.read_context(call.fields)) return *rejection;
    std::string sealed(input.data.size() + CAAS_SEALED_OVERHEAD, '\0');
    const caas_status status = caas_seal(call.engine, input.uuid.data(), input.context.data(), input.context.size(),
                                         input.data.data(), input.data.size(), writable_bytes(sealed), nullptr);
    if (status != CAAS_OK) return Rejection{problem_for_status(status)};
    return call.answer.object({base64_encode(sealed)});
}

Reply open(const Call& call) {
    Input input;
    if (auto rejection = input.read_user(call.fields)) return *rejection;
    if (auto rejection = input.read_encoding(call.fields)) return *rejection;
    if (auto rejection = input.read_context(call.fields)) return *rejection;
    if (auto rejection = input.read_data(call.fields, sealed_data, true)) return *rejection;
    std::string data(std::max(input.data.size(), kHeapBytes), '\0');
    std::size_t size = 0;
    const caas_status status = caas_open(call.engine, input.uuid.data(), input.context.data(), input.context.size(),
                                         input.data.data(), input.data.size(), writable_bytes(data), &size, nullptr);
    if (status != CAAS_OK) return Rejection{problem_for_status(status)};
    data.resize(size);
    if (!input.base64 && caas_text_check(data.data(), data.size()) != CAAS_OK) return Rejection{ProblemId::not_text};
    return input.base64 ? call.answer.object({base64_encode(data)}) : call.answer.object({data});
}

Reply reseal(const Call& call) {
    Input input;
    if (auto rejection = input.read_user(call.fields)) return *rejection;
    if (auto rejection = input.read_context(call.fields)) return *rejection;
    if (auto rejection = input.read_data(call.fields, sealed_data, true)) return *rejection;
    std::string sealed(input.data.size(), '\0');
    const caas_status status =
        caas_reseal(call.engine, input.uuid.data(), 0, input.context.data(), input.context.size(), input.data.data(),
                    input.data.size(), writable_bytes(sealed), nullptr);
    if (status != CAAS_OK) return Rejection{problem_for_status(status)};
    return call.answer.object({base64_encode(sealed)});
}

Reply blind_index(const Call& call) {
    constexpr std::int64_t kDefaultLength = 16;
    Input input;
    if (auto rejection = input.read_encoding(call.fields)) return *rejection;
    if (auto rejection = input.read_data(call.fields, sensitive_data, input.base64)) return *rejection;
    if (auto rejection = input.read_context(call.fields)) return *rejection;
    const std::int64_t bytes = call.fields.has(length) ? call.fields.integer(length) : kDefaultLength;
    if (bytes < CAAS_BLIND_INDEX_MIN_BYTES || bytes > CAAS_BLIND_INDEX_MAX_BYTES) {
        return about(ProblemId::invalid_length, length);
    }
    if (auto rejection = input.normalize_data(call.fields)) return *rejection;
    if (input.nothing_remains) return call.answer.object({"", ""});
    std::string index(static_cast<std::size_t>(bytes), '\0');
    std::string active;
    std::string candidates;
    for (int i = 0;; i++) {
        int number = 0;
        caas_status status = caas_engine_index_generation(call.engine, i, &number, nullptr);
        if (status == CAAS_OK && number == 0) return call.answer.object({active, candidates});
        if (i > 0) candidates += "\",\"";
        if (status == CAAS_OK) status = append_index(call, input, number, index, candidates);
        if (status != CAAS_OK) return Rejection{problem_for_status(status)};
        if (i == 0) active = candidates;
    }
}

std::optional<Rejection> read_password(const Fields& fields, PasswordInput& input) {
    Input read;
    if (auto rejection = read.read_user(fields)) return rejection;
    if (auto rejection = read.read_data(fields, password, false)) return rejection;
    input.uuid = read.uuid;
    input.password.reserve(kHeapBytes);
    input.password = read.data;
    input.stored = fields.text(password_hash);
    return std::nullopt;
}

Reply hash_password(const PasswordCall& call) {
    std::array<char, CAAS_PASSWORD_TEXT_BYTES> text{};
    const caas_status status = caas_password_hash(call.engine, call.input.uuid.data(), call.input.password.data(),
                                                  call.input.password.size(), &password_costs, text.data(), nullptr);
    if (status != CAAS_OK) return Rejection{problem_for_status(status)};
    return call.answer.object({text.data()});
}

Reply verify_password(const PasswordCall& call) {
    const PasswordInput& input = call.input;
    int match = 0;
    int outdated = 0;
    caas_status status =
        caas_password_verify(call.engine, input.uuid.data(), input.password.data(), input.password.size(),
                             input.stored.data(), input.stored.size(), &match, nullptr);
    if (status == CAAS_OK) {
        status = caas_password_outdated(call.engine, input.stored.data(), input.stored.size(), &password_costs,
                                        &outdated, nullptr);
    }
    if (status == CAAS_ERR_UNKNOWN_GENERATION) return about(ProblemId::unknown_generation, password_hash);
    if (status != CAAS_OK) return Rejection{problem_for_status(status)};
    return call.answer.object({match != 0 ? "true" : "false", outdated != 0 ? "true" : "false"});
}

}  // namespace caas::http
