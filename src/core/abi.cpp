// The C ABI of caas.h: the library, the engine and digests.
#include "abi.hpp"

#include "api_key.hpp"
#include "cipher_pool.hpp"
#include "password_pool.hpp"
#include "text.hpp"

#include <openssl/err.h>

#include <cstdio>
#include <cstring>

#ifndef CAAS_VERSION
#error "CAAS_VERSION comes from caas.control through the Makefile"
#endif

namespace {

using namespace caas;

// Where OpenSSL failed, only its queue of errors tells whether memory had run out; before 3.2 not always.
bool openssl_lacked_memory() {
    for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error()) {
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) return true;
    }
    return false;
}

template <std::size_t N>
void copy_text(const std::string& from, char (&to)[N]) {
    (void)std::snprintf(to, N, "%s", from.c_str());
}

}  // namespace

caas_status caas::report(Error failure, caas_error* error) {
    const bool from_openssl = failure.status == CAAS_ERR_CRYPTO || failure.status == CAAS_ERR_KEYRING_ALGORITHM;
    if (from_openssl && openssl_lacked_memory()) failure = Error{.status = CAAS_ERR_NO_MEMORY};
    ERR_clear_error();  // the queue is shared with whatever else uses OpenSSL in this process
    if (error != nullptr) *error = {failure.status, failure.line, failure.os_error, failure.reason, failure.algorithm};
    return failure.status;
}

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
    const caas_status status = guarded(error, [&]() -> Outcome {
        if (path == nullptr) return bad_argument("no path");
        return engine->core.load(path);
    });
    if (status != CAAS_OK) engine->core.unload();
    return status;
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
        const Keyring* keyring = engine->core.keyring();
        if (keyring == nullptr) return Error{.status = CAAS_ERR_NO_KEYRING};
        if (index < 0 || static_cast<std::size_t>(index) >= keyring->generations().size()) {
            return bad_argument("no generation of this index");
        }
        const Generation& generation = keyring->generations()[static_cast<std::size_t>(index)];
        const std::string digests = pool_text(digest_pool, generation.digests);
        const std::string ciphers = pool_text(cipher_pool, generation.ciphers);
        const std::string passwords = pool_text(password_pool, generation.passwords);
        const auto value = check_value(generation.secret, generation.number, digests, ciphers, passwords);
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
    const Keyring* keyring = engine == nullptr ? nullptr : engine->core.keyring();
    if (keyring == nullptr || index < 0 || static_cast<std::size_t>(index) >= keyring->generations().size()) return 0;
    return keyring->generations()[static_cast<std::size_t>(index)].number;
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

void caas_hex_encode(const void* data, size_t len, char* out) { hex_encode(view(data, len), out); }

caas_status caas_text_check(const void* text, size_t len) { return is_text(view(text, len)) ? CAAS_OK : CAAS_ERR_TEXT; }

int caas_uuid_parse(const char* text, size_t len, uint8_t out[CAAS_UUID_BYTES]) {
    if (uuid_decode({text, len}, std::span<std::uint8_t, CAAS_UUID_BYTES>(out, CAAS_UUID_BYTES))) return 1;
    std::memset(out, 0, CAAS_UUID_BYTES);
    return 0;
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
