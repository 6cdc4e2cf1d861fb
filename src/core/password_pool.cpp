#include "password_pool.hpp"

#include "openssl.hpp"

#include <array>

namespace caas {

namespace {

struct PasswordHash {
    const char* name;
    const char* openssl_name;
};

constexpr std::size_t kDefaults = 1;
constexpr std::array<PasswordHash, 3> hashes = {{
    {"scrypt", "SCRYPT"},
    {"argon2id", "ARGON2ID"},
    {"pbkdf2-sha512", "PBKDF2"},
}};

const char* name(std::size_t id) { return hashes[id].name; }

bool provided(std::size_t id) { return EvpKdf(EVP_KDF_fetch(nullptr, hashes[id].openssl_name, nullptr)) != nullptr; }

}  // namespace

const PoolKind password_pool = {"passwords=", hashes.size(), kDefaults, name, provided};

}  // namespace caas
