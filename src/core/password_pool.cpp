#include "password_pool.hpp"

#include "openssl.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

namespace caas {

namespace {

constexpr std::size_t kDefaults = 1;
constexpr std::uint64_t kMaxScryptWork = std::uint64_t{1} << 19;
constexpr std::uint64_t kMaxArgon2Work = std::uint64_t{1} << 20;
constexpr std::uint32_t kArgon2Version = 0x13;

bool within(std::uint32_t value, std::uint32_t low, std::uint32_t high) { return value >= low && value <= high; }

bool scrypt_allowed(const PasswordCost& cost) {
    const auto [ln, r, p] = cost;
    return within(ln, 10, 18) && r == 8 && within(p, 1, 16) && (std::uint64_t{p} << ln) <= kMaxScryptWork;
}

bool argon2_allowed(const PasswordCost& cost) {
    const auto [m, t, p] = cost;
    return within(p, 1, 16) && within(m, 8 * p, 262144) && within(t, 1, 16) && std::uint64_t{m} * t <= kMaxArgon2Work;
}

bool pbkdf2_allowed(const PasswordCost& cost) { return within(cost[0], 10000, 10000000); }

const char* name(std::size_t id) { return password_algorithms[id].name; }

bool provided(std::size_t id) {
    return EvpKdf(EVP_KDF_fetch(nullptr, password_algorithms[id].openssl_name, nullptr)) != nullptr;
}

OSSL_PARAM octets(const char* key, Bytes bytes) {
    return OSSL_PARAM_construct_octet_string(key, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
}

bool derive(AlgorithmId algorithm, const OSSL_PARAM* params, std::span<std::uint8_t, kPasswordHashBytes> out) {
    const EvpKdf kdf(EVP_KDF_fetch(nullptr, password_algorithms[algorithm].openssl_name, nullptr));
    if (!kdf) return false;
    const EvpKdfCtx ctx(EVP_KDF_CTX_new(kdf.get()));
    return ctx && EVP_KDF_derive(ctx.get(), out.data(), out.size(), params) == 1;
}

}  // namespace

const std::array<PasswordAlgorithm, 3> password_algorithms = {{
    {"scrypt", "SCRYPT", {"ln", "r", "p"}, scrypt_allowed},
    {"argon2id", "ARGON2ID", {"m", "t", "p"}, argon2_allowed},
    {"pbkdf2-sha512", "PBKDF2", {"i", nullptr, nullptr}, pbkdf2_allowed},
}};

const PoolKind password_pool = {"passwords=", password_algorithms.size(), kDefaults, name, provided};

bool hash_password(AlgorithmId algorithm, std::span<const std::uint8_t, kPasswordInputBytes> input,
                   std::span<const std::uint8_t, kPasswordSaltBytes> salt, const PasswordCost& cost,
                   std::span<std::uint8_t, kPasswordHashBytes> out) {
    if (algorithm == kScrypt) {
        std::uint64_t n = std::uint64_t{1} << cost[0];
        std::uint32_t r = cost[1];
        std::uint32_t p = cost[2];
        // OpenSSL's default limit refuses ln=15. scrypt needs 128 r N bytes, and 128 r more for each p.
        std::uint64_t limit = std::uint64_t{128} * r * (n + p + 2) + 4096;
        const OSSL_PARAM params[] = {
            octets(OSSL_KDF_PARAM_PASSWORD, input),
            octets(OSSL_KDF_PARAM_SALT, salt),
            OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
            OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
            OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
            OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &limit),
            OSSL_PARAM_construct_end(),
        };
        return derive(algorithm, params, out);
    }
    if (algorithm == kArgon2id) {
        std::uint32_t m = cost[0];
        std::uint32_t t = cost[1];
        std::uint32_t lanes = cost[2];
        std::uint32_t version = kArgon2Version;
        // The names are written out because the macros came with OpenSSL 3.2.
        const OSSL_PARAM params[] = {
            octets(OSSL_KDF_PARAM_PASSWORD, input),
            octets(OSSL_KDF_PARAM_SALT, salt),
            OSSL_PARAM_construct_uint32("memcost", &m),
            OSSL_PARAM_construct_uint32("iter", &t),
            OSSL_PARAM_construct_uint32("lanes", &lanes),
            OSSL_PARAM_construct_uint32("version", &version),
            OSSL_PARAM_construct_end(),
        };
        return derive(algorithm, params, out);
    }
    std::uint32_t iterations = cost[0];
    char digest[] = "SHA512";
    const OSSL_PARAM params[] = {
        octets(OSSL_KDF_PARAM_PASSWORD, input),
        octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &iterations),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return derive(algorithm, params, out);
}

}  // namespace caas
