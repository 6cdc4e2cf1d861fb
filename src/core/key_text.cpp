#include "key_text.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace caas {

namespace {

constexpr std::size_t kChars = 44;
// EVP_EncodeBlock adds a terminator, EVP_DecodeBlock counts the padding as a byte.
using Encoded = ScratchSecret<kChars + 1>;

bool encode(const SecretKey<kSecretBytes>& key, Encoded& encoded) {
    return EVP_EncodeBlock(encoded.reserve(kChars + 1), key.expose().data(), kSecretBytes) == static_cast<int>(kChars);
}

}  // namespace

// EVP_DecodeBlock accepts different texts in different versions of OpenSSL, so the result is encoded again and
// compared.
bool decode_key(std::string_view text, SecretKey<kSecretBytes>& key) {
    if (text.size() != kChars) return false;
    const auto* const chars = reinterpret_cast<const std::uint8_t*>(text.data());
    Encoded scratch;
    std::uint8_t* const decoded = scratch.reserve(kChars + 1);
    if (EVP_DecodeBlock(decoded, chars, kChars) != kSecretBytes + 1) return false;
    std::copy_n(decoded, kSecretBytes, key.expose_mutable().data());
    Encoded again;
    return encode(key, again) && CRYPTO_memcmp(again.data(), chars, kChars) == 0;
}

bool append_key(const SecretKey<kSecretBytes>& key, std::string& text) {
    Encoded encoded;
    if (!encode(key, encoded)) return false;
    text.append(reinterpret_cast<const char*>(encoded.data()), kChars);
    return true;
}

bool has_equal_bytes(const SecretKey<kSecretBytes>& key) {
    const auto bytes = key.expose();
    std::uint8_t differing = 0;
    for (const std::uint8_t byte : bytes) differing |= static_cast<std::uint8_t>(byte ^ bytes[0]);
    return differing == 0;
}

bool same_key(const SecretKey<kSecretBytes>& a, const SecretKey<kSecretBytes>& b) {
    return CRYPTO_memcmp(a.expose().data(), b.expose().data(), kSecretBytes) == 0;
}

}  // namespace caas
