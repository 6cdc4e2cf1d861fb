// The C ABI of caas.h: sealed values, blind indexes and passwords.
#include "abi.hpp"

#include <cstdio>
#include <cstring>

namespace {

using namespace caas;

constexpr caas_password_costs kDefaultCosts = {15, 3, 19456, 2, 1, 220000};
constexpr std::uint32_t kScryptR = 8;

Outcome check_context(std::size_t context_len) {
    if (context_len > kMaxContextBytes) return Error{.status = CAAS_ERR_CONTEXT};
    return Done{};
}

// Runs body when the arguments are there and the context is short enough; zeroes out on any failure.
template <typename Body>
caas_status produce(bool complete, std::size_t context_len, std::uint8_t* out, std::size_t out_len, caas_error* error,
                    Body body) {
    const caas_status status = guarded(error, [&]() -> Outcome {
        if (!complete || !readable(out, out_len)) return bad_argument("an argument is missing");
        const Outcome context = check_context(context_len);
        return context.ok() ? body() : context;
    });
    if (status != CAAS_OK && out != nullptr) OPENSSL_cleanse(out, out_len);
    return status;
}

SealedFor target_of(const std::uint8_t* uuid, const void* context, std::size_t context_len) {
    return {Uuid(uuid, CAAS_UUID_BYTES), view(context, context_len)};
}

PasswordCosts costs_of(const caas_password_costs& costs) {
    PasswordCosts result{};
    result[kScrypt] = {costs.scrypt_ln, kScryptR, costs.scrypt_p};
    result[kArgon2id] = {costs.argon2_m, costs.argon2_t, costs.argon2_p};
    result[kPbkdf2] = {costs.pbkdf2_i, 0, 0};
    return result;
}

Outcome check_costs(const PasswordCosts& costs) {
    for (std::size_t id = 0; id < costs.size(); id++) {
        if (!password_algorithms[id].allowed(costs[id])) {
            return Error{.status = CAAS_ERR_PASSWORD_COST,
                         .reason = "it is that of an algorithm",
                         .algorithm = password_algorithms[id].name};
        }
    }
    return Done{};
}

}  // namespace

caas_status caas_seal(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], const void* context, size_t context_len,
                      const void* data, size_t data_len, uint8_t* out, caas_error* error) {
    // No output can be that long, so none is zeroed.
    if (data_len > CAAS_SEAL_MAX_BYTES) return report(bad_argument("too much data for one sealed value"), error);
    const bool complete =
        engine != nullptr && uuid != nullptr && readable(context, context_len) && readable(data, data_len);
    return produce(complete, context_len, out, data_len + CAAS_SEALED_OVERHEAD, error,
                   [&] { return engine->core.seal(target_of(uuid, context, context_len), view(data, data_len), out); });
}

caas_status caas_open(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], const void* context, size_t context_len,
                      const void* sealed, size_t sealed_len, uint8_t* out, size_t* out_len, caas_error* error) {
    const bool complete = engine != nullptr && uuid != nullptr && out_len != nullptr &&
                          readable(context, context_len) && readable(sealed, sealed_len);
    const caas_status status = produce(complete, context_len, out, sealed_len, error, [&] {
        return engine->core.open(target_of(uuid, context, context_len), view(sealed, sealed_len), out);
    });
    if (out_len != nullptr) *out_len = status == CAAS_OK ? sealed_len - CAAS_SEALED_OVERHEAD : 0;
    return status;
}

caas_status caas_reseal(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], const void* context,
                        size_t context_len, const void* sealed, size_t sealed_len, uint8_t* out, caas_error* error) {
    const bool complete =
        engine != nullptr && uuid != nullptr && readable(context, context_len) && readable(sealed, sealed_len);
    return produce(complete, context_len, out, sealed_len, error, [&] {
        return engine->core.reseal(target_of(uuid, context, context_len), view(sealed, sealed_len), out);
    });
}

caas_status caas_sealed_describe(const void* sealed, size_t sealed_len, caas_sealed_info* out) {
    if (out == nullptr) return CAAS_ERR_ARGUMENT;
    *out = {};
    if (!readable(sealed, sealed_len)) return CAAS_ERR_ARGUMENT;
    const auto generation = sealed_generation(view(sealed, sealed_len));
    if (!generation) return CAAS_ERR_MALFORMED;
    *out = {1, *generation, sealed_len - kSealedOverhead};
    return CAAS_OK;
}

caas_status caas_blind_index(caas_engine* engine, int generation, const void* context, size_t context_len,
                             const void* data, size_t data_len, uint8_t* out, size_t out_len, caas_error* error) {
    const bool complete = engine != nullptr && out_len >= kBlindIndexMin && out_len <= kBlindIndexMax &&
                          readable(context, context_len) && readable(data, data_len);
    return produce(complete, context_len, out, out_len, error, [&] {
        return engine->core.blind_index(generation, view(context, context_len), view(data, data_len),
                                        std::span(out, out_len));
    });
}

void caas_password_costs_default(caas_password_costs* out) {
    if (out != nullptr) *out = kDefaultCosts;
}

caas_status caas_password_hash(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], const void* password,
                               size_t password_len, const caas_password_costs* costs,
                               char out[CAAS_PASSWORD_TEXT_BYTES], caas_error* error) {
    if (out != nullptr) std::memset(out, 0, CAAS_PASSWORD_TEXT_BYTES);
    if (engine == nullptr || uuid == nullptr || costs == nullptr || out == nullptr ||
        !readable(password, password_len)) {
        return report(bad_argument("an argument is missing"), error);
    }
    return guarded(error, [&]() -> Outcome {
        const PasswordCosts wanted = costs_of(*costs);
        const Outcome allowed = check_costs(wanted);
        if (!allowed.ok()) return allowed;
        const auto text = engine->core.hash_password(Uuid(uuid, CAAS_UUID_BYTES), view(password, password_len), wanted);
        if (!text.ok()) return text.error();
        (void)std::snprintf(out, CAAS_PASSWORD_TEXT_BYTES, "%s", text.value().c_str());
        return Done{};
    });
}

caas_status caas_password_verify(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], const void* password,
                                 size_t password_len, const char* stored, size_t stored_len, int* match,
                                 caas_error* error) {
    if (match != nullptr) *match = 0;
    if (engine == nullptr || uuid == nullptr || match == nullptr || !readable(password, password_len) ||
        !readable(stored, stored_len)) {
        return report(bad_argument("an argument is missing"), error);
    }
    return guarded(error, [&]() -> Outcome {
        const auto equal = engine->core.verify_password(Uuid(uuid, CAAS_UUID_BYTES), view(password, password_len),
                                                        std::string_view(stored, stored_len));
        if (!equal.ok()) return equal.error();
        *match = equal.value() ? 1 : 0;
        return Done{};
    });
}

caas_status caas_password_outdated(caas_engine* engine, const char* stored, size_t stored_len,
                                   const caas_password_costs* costs, int* outdated, caas_error* error) {
    if (outdated != nullptr) *outdated = 0;
    if (engine == nullptr || costs == nullptr || outdated == nullptr || !readable(stored, stored_len)) {
        return report(bad_argument("an argument is missing"), error);
    }
    return guarded(error, [&]() -> Outcome {
        const auto old = engine->core.password_outdated(std::string_view(stored, stored_len), costs_of(*costs));
        if (!old.ok()) return old.error();
        *outdated = old.value() ? 1 : 0;
        return Done{};
    });
}
