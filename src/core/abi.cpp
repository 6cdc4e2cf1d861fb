// The C ABI of caas.h: checks arguments, turns results and exceptions into statuses. Exceptions end here.
#include "abi.hpp"

#include "api_key.hpp"
#include "cipher_pool.hpp"
#include "normalize.hpp"
#include "password_pool.hpp"
#include "text.hpp"
#include "user_uuid.hpp"

#include <openssl/err.h>

#include <cstdio>
#include <cstring>
#include <new>

#ifndef CAAS_VERSION
#error "CAAS_VERSION comes from caas.control through the Makefile"
#endif

namespace {

using namespace caas;

constexpr std::uint32_t kScryptR = 8;

// Only OpenSSL's queue of errors tells whether OpenSSL failed for want of memory; before 3.2 it does not always.
bool openssl_lacked_memory() {
    for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error()) {
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) return true;
    }
    return false;
}

// Fills error, unless it is null, and returns its status.
caas_status report(Error failure, caas_error* error) {
    const bool from_openssl = failure.status == CAAS_ERR_CRYPTO || failure.status == CAAS_ERR_KEYRING_ALGORITHM;
    if (from_openssl && openssl_lacked_memory()) failure = Error{.status = CAAS_ERR_NO_MEMORY};
    ERR_clear_error();  // the queue is shared with whatever else uses OpenSSL in this process
    if (error != nullptr) *error = {failure.status, failure.line, failure.os_error, failure.reason, failure.algorithm};
    return failure.status;
}

// Runs body, which returns an Outcome, and turns whatever it throws into a status.
template <typename Body>
caas_status guarded(caas_error* error, Body body) noexcept {
    try {
        const Outcome outcome = body();
        return outcome.ok() ? CAAS_OK : report(outcome.error(), error);
    } catch (const std::bad_alloc&) {
        return report(Error{.status = CAAS_ERR_NO_MEMORY}, error);
    } catch (...) {
        return report(Error{.status = CAAS_ERR_INTERNAL}, error);
    }
}

Error bad_argument(const char* reason) { return Error{.status = CAAS_ERR_ARGUMENT, .reason = reason}; }

// A pointer may be null only where its length is 0.
bool readable(const void* data, std::size_t len) { return data != nullptr || len == 0; }

Bytes view(const void* data, std::size_t len) { return {static_cast<const std::uint8_t*>(data), len}; }

template <std::size_t N>
void copy_text(const std::string& from, char (&to)[N]) {
    (void)std::snprintf(to, N, "%s", from.c_str());
}

// Null when there is no keyring or no such index.
const Generation* generation_at(const caas_engine* engine, int index) {
    const Keyring* keyring = engine == nullptr ? nullptr : engine->core.keyring();
    if (keyring == nullptr || index < 0 || static_cast<std::size_t>(index) >= keyring->generations().size())
        return nullptr;
    return &keyring->generations()[static_cast<std::size_t>(index)];
}

Outcome check_context(std::size_t context_len) {
    if (context_len > kMaxContextBytes) return Error{.status = CAAS_ERR_CONTEXT};
    return Done{};
}

// Runs body when no argument is missing and the context is short enough. On any failure out is zeroed.
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

const char* caas_library_version(void) { return CAAS_VERSION; }

const char* caas_openssl_version(void) { return OpenSSL_version(OPENSSL_VERSION); }

int caas_secrets_locked(void) {
    bool locked = false;
    (void)guarded(nullptr, [&]() -> Outcome {
        locked = secrets_locked();
        return Done{};
    });
    return locked ? 1 : 0;
}

void caas_cleanse(void* p, size_t len) { OPENSSL_cleanse(p, len); }

caas_status caas_engine_new(caas_engine** out, caas_error* error) {
    if (out == nullptr) return report(bad_argument("no place for the engine"), error);
    *out = nullptr;
    return guarded(error, [&]() -> Outcome {
        *out = new caas_engine;
        return Done{};
    });
}

void caas_engine_free(caas_engine* engine) { delete engine; }

caas_status caas_engine_load(caas_engine* engine, const char* path, caas_error* error) {
    if (engine == nullptr) return report(bad_argument("no engine"), error);
    if (path == nullptr) {
        engine->core.unload();
        return report(bad_argument("no path"), error);
    }
    return guarded(error, [&] { return engine->core.load(path); });
}

void caas_engine_unload(caas_engine* engine) {
    if (engine != nullptr) engine->core.unload();
}

void caas_engine_keyring(const caas_engine* engine, caas_keyring_info* out) {
    *out = engine == nullptr ? caas_keyring_info{} : engine->core.info();
}

caas_status caas_engine_generation(caas_engine* engine, int index, caas_generation_info* out, caas_error* error) {
    if (out != nullptr) *out = {};
    if (engine == nullptr || out == nullptr) return report(bad_argument("no engine or output"), error);
    return guarded(error, [&]() -> Outcome {
        if (engine->core.keyring() == nullptr) return Error{.status = CAAS_ERR_NO_KEYRING};
        const Generation* const found = generation_at(engine, index);
        if (found == nullptr) return bad_argument("no generation of this index");
        const Generation& generation = *found;
        const std::string digests = pool_text(digest_pool, generation.digests);
        const std::string ciphers = pool_text(cipher_pool, generation.ciphers);
        const std::string passwords = pool_text(password_pool, generation.passwords);
        const auto value = generation.check_value();
        if (!value.ok()) return value.error();
        out->number = generation.number;
        out->active = generation.active ? 1 : 0;
        copy_text(generation.created, out->created);
        copy_text(value.value(), out->check_value);
        copy_text(digests, out->digests);
        copy_text(ciphers, out->ciphers);
        copy_text(passwords, out->passwords);
        return Done{};
    });
}

int caas_engine_generation_number(const caas_engine* engine, int index) {
    const Generation* const found = generation_at(engine, index);
    return found != nullptr ? found->number : 0;
}

caas_status caas_engine_index_generation(caas_engine* engine, int index, int* generation, caas_error* error) {
    if (generation == nullptr) return report(bad_argument("no place for the number"), error);
    *generation = 0;
    return guarded(error, [&]() -> Outcome {
        if (engine == nullptr || index < 0) return bad_argument("no engine, or no such index");
        const auto numbers = engine->core.index_generations();
        if (!numbers.ok()) return numbers.error();
        const std::vector<int>& all = *numbers.value();
        if (static_cast<std::size_t>(index) < all.size()) *generation = all[static_cast<std::size_t>(index)];
        return Done{};
    });
}

caas_status caas_digest(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], int generation, const void* data,
                        size_t data_len, uint8_t out[CAAS_DIGEST_MAX_BYTES], size_t* out_len, caas_error* error) {
    if (out_len != nullptr) *out_len = 0;
    const caas_status status = guarded(error, [&]() -> Outcome {
        if (engine == nullptr || uuid == nullptr || out == nullptr || out_len == nullptr || !readable(data, data_len)) {
            return bad_argument("an argument is missing");
        }
        const auto length =
            engine->core.digest(Uuid(uuid, CAAS_UUID_BYTES), generation, view(data, data_len),
                                std::span<std::uint8_t, CAAS_DIGEST_MAX_BYTES>(out, CAAS_DIGEST_MAX_BYTES));
        if (!length.ok()) return length.error();
        *out_len = length.value();
        return Done{};
    });
    if (status != CAAS_OK && out != nullptr) std::memset(out, 0, CAAS_DIGEST_MAX_BYTES);
    return status;
}

size_t caas_digest_size(const void* value, size_t len, caas_form form) {
    return readable(value, len) ? digest_size_of(view(value, len), form == CAAS_FORM_HEX) : 0;
}

caas_status caas_verify(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], const void* data, size_t data_len,
                        const void* stored, size_t stored_len, caas_form form, int* generation, caas_error* error) {
    if (generation != nullptr) *generation = 0;
    if (engine == nullptr || uuid == nullptr || generation == nullptr || !readable(data, data_len) ||
        !readable(stored, stored_len)) {
        return report(bad_argument("an argument is missing"), error);
    }
    return guarded(error, [&]() -> Outcome {
        std::uint8_t decoded[CAAS_DIGEST_MAX_BYTES];
        Bytes digest = view(stored, stored_len);
        if (form == CAAS_FORM_HEX) {
            digest = hex_decode(digest, decoded) ? Bytes(decoded, stored_len / 2) : Bytes();
        }
        const auto match = engine->core.verify(Uuid(uuid, CAAS_UUID_BYTES), view(data, data_len), digest);
        if (!match.ok()) return match.error();
        *generation = match.value();
        return Done{};
    });
}

caas_status caas_profile(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], int generation,
                         caas_profile_info* out, caas_error* error) {
    if (out != nullptr) *out = {};
    if (engine == nullptr || uuid == nullptr || out == nullptr) {
        return report(bad_argument("an argument is missing"), error);
    }
    return guarded(error, [&]() -> Outcome {
        const auto profile = engine->core.profile(Uuid(uuid, CAAS_UUID_BYTES), generation);
        if (!profile.ok()) return profile.error();
        *out = profile.value();
        return Done{};
    });
}

caas_status caas_seal(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], const void* context, size_t context_len,
                      const void* data, size_t data_len, uint8_t* out, caas_error* error) {
    // No output is that long, so there is none to zero.
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

caas_status caas_reseal(caas_engine* engine, const uint8_t uuid[CAAS_UUID_BYTES], int generation, const void* context,
                        size_t context_len, const void* sealed, size_t sealed_len, uint8_t* out, caas_error* error) {
    const bool complete =
        engine != nullptr && uuid != nullptr && readable(context, context_len) && readable(sealed, sealed_len);
    return produce(complete, context_len, out, sealed_len, error, [&] {
        return engine->core.reseal(generation, target_of(uuid, context, context_len), view(sealed, sealed_len), out);
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

int caas_normalization_parse(const char* name, size_t len, caas_normalization* out) {
    if (out == nullptr || !readable(name, len)) return 0;
    const auto found = find_normalization({name, len});
    *out = found.value_or(CAAS_NORMALIZE_NONE);
    return found ? 1 : 0;
}

caas_status caas_normalize(caas_normalization normalization, const void* text, size_t text_len, void* out,
                           size_t out_size, size_t* out_len, caas_error* error) {
    if (out_len != nullptr) *out_len = 0;
    const bool complete = out_len != nullptr && readable(text, text_len);
    auto* const room = static_cast<std::uint8_t*>(out);
    return produce(complete, 0, room, out_size, error, [&]() -> Outcome {
        const auto length = normalize(normalization, view(text, text_len), std::span(room, out_size));
        if (!length.ok()) return length.error();
        *out_len = length.value();
        if (length.value() > out_size) return Error{.status = CAAS_ERR_OUTPUT_SIZE};
        return Done{};
    });
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

void caas_hex_encode(const void* data, size_t len, char* out) { hex_encode(view(data, len), out); }

caas_status caas_text_check(const void* text, size_t len) { return is_text(view(text, len)) ? CAAS_OK : CAAS_ERR_TEXT; }

int caas_uuid_parse(const char* text, size_t len, uint8_t out[CAAS_UUID_BYTES]) {
    if (uuid_decode({text, len}, std::span<std::uint8_t, CAAS_UUID_BYTES>(out, CAAS_UUID_BYTES))) return 1;
    std::memset(out, 0, CAAS_UUID_BYTES);
    return 0;
}

caas_status caas_user_uuid(const void* name_space, size_t name_space_len, const void* id, size_t id_len,
                           uint8_t out[CAAS_UUID_BYTES], caas_error* error) {
    const bool complete = out != nullptr && readable(name_space, name_space_len) && readable(id, id_len);
    return produce(complete, 0, out, CAAS_UUID_BYTES, error, [&] {
        return user_uuid(view(name_space, name_space_len), view(id, id_len),
                         std::span<std::uint8_t, CAAS_UUID_BYTES>(out, CAAS_UUID_BYTES));
    });
}

caas_status caas_api_key_digest(const void* key, size_t key_len, uint8_t out[CAAS_SHA256_BYTES]) {
    if (EVP_Digest(key, key_len, out, nullptr, EVP_sha256(), nullptr) == 1) return CAAS_OK;
    std::memset(out, 0, CAAS_SHA256_BYTES);
    return report(crypto_error("SHA-256 failed"), nullptr);
}

caas_status caas_api_key_list_parse(const char* text, caas_api_key_list* out, caas_error* error) {
    if (out != nullptr) *out = {};
    if (text == nullptr || out == nullptr) return report(bad_argument("an argument is missing"), error);
    return guarded(error, [&] { return parse_api_key_list(text, *out); });
}

int caas_api_key_find(const caas_api_key_list* list, const uint8_t digest[CAAS_SHA256_BYTES]) {
    int found = -1;
    for (int i = list->count - 1; i >= 0; i--) {
        if (CRYPTO_memcmp(list->digests[i], digest, CAAS_SHA256_BYTES) == 0) found = i;
    }
    return found;
}
