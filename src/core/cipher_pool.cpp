#include "cipher_pool.hpp"

#include "openssl.hpp"

#include <array>

namespace caas {

namespace {

struct Cipher {
    const char* name;
    const char* openssl_name;
};

constexpr std::size_t kDefaults = 3;
constexpr std::array<Cipher, 5> ciphers = {{
    {"aes-256-gcm", "AES-256-GCM"},
    {"chacha20-poly1305", "ChaCha20-Poly1305"},
    {"aes-256-ocb", "AES-256-OCB"},
    {"aria-256-gcm", "ARIA-256-GCM"},
    {"aes-256-gcm-siv", "AES-256-GCM-SIV"},
}};

const char* name(std::size_t id) { return ciphers[id].name; }

bool provided(std::size_t id) {
    return EvpCipher(EVP_CIPHER_fetch(nullptr, ciphers[id].openssl_name, nullptr)) != nullptr;
}

}  // namespace

const PoolKind cipher_pool = {"ciphers=", ciphers.size(), kDefaults, name, provided};

}  // namespace caas
