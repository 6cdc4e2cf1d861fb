#include "kdf.hpp"

#include "text.hpp"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include <array>
#include <cstring>

namespace caas {

namespace {

constexpr std::string_view kExtractSalt = "caas/v1";
constexpr std::string_view kInfoPrefix = "caas/v1/";
constexpr std::size_t kPrkBytes = 64;  // HKDF-SHA512
constexpr std::size_t kBlock = 16;
constexpr std::size_t kCheckBytes = 8;

OSSL_PARAM octets(const char* name, const void* data, std::size_t len) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(data), len);  // OpenSSL only reads the data
}

bool hkdf_sha512(int mode, Bytes key, const char* text_param, std::string_view text, std::span<std::uint8_t> out) {
    EvpKdf kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
    if (!kdf) return false;
    EvpKdfCtx ctx(EVP_KDF_CTX_new(kdf.get()));
    if (!ctx) return false;
    char digest[] = "SHA512";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
        octets(text_param, text.data(), text.size()),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(ctx.get(), out.data(), out.size(), params) == 1;
}

// Doubles a block in GF(2^128) as in SP 800-38B, 6.1, without a branch on the secret.
void double_block(std::uint8_t block[kBlock]) {
    const auto carry = static_cast<std::uint8_t>(0U - (block[0] >> 7));
    for (std::size_t i = 0; i + 1 < kBlock; i++) {
        block[i] = static_cast<std::uint8_t>((block[i] << 1) | (block[i + 1] >> 7));
    }
    block[kBlock - 1] = static_cast<std::uint8_t>((block[kBlock - 1] << 1) ^ (carry & 0x87));
}

// A block as two words in memory order, which is enough for XOR.
using Words = std::array<std::uint64_t, 2>;
Words load(const std::uint8_t* block) {
    Words words;
    std::memcpy(words.data(), block, kBlock);
    return words;
}

bool ecb(EVP_CIPHER_CTX* aes, const std::uint8_t* in, std::size_t len, std::uint8_t* out) {
    int written = 0;
    return EVP_EncryptUpdate(aes, out, &written, in, static_cast<int>(len)) == 1 && written == static_cast<int>(len);
}

}  // namespace

Result<SecretKey<kSecretBytes>> derive_purpose_key(const SecretKey<kSecretBytes>& secret, std::string_view purpose) {
    ScratchSecret<kPrkBytes> scratch;
    const std::span<std::uint8_t> prk(scratch.reserve(kPrkBytes), kPrkBytes);
    if (!hkdf_sha512(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, secret.expose(), OSSL_KDF_PARAM_SALT, kExtractSalt, prk)) {
        return crypto_error("HKDF extract failed");
    }
    std::string info(kInfoPrefix);
    info.append(purpose);
    SecretKey<kSecretBytes> key;
    if (!hkdf_sha512(EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk, OSSL_KDF_PARAM_INFO, info, key.expose_mutable())) {
        return crypto_error("HKDF expand failed");
    }
    return key;
}

Result<std::string> check_value(const SecretKey<kSecretBytes>& secret, std::string_view description) {
    auto key = derive_purpose_key(secret, "check");
    if (!key.ok()) return key.error();
    std::uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    if (HMAC(EVP_sha256(), key.value().expose().data(), kSecretBytes, as_bytes(description).data(), description.size(),
             mac, &mac_len) == nullptr) {
        return crypto_error("HMAC of the check value failed");
    }
    std::string hex(2 * kCheckBytes, '0');
    hex_encode(Bytes(mac, kCheckBytes), hex.data());
    OPENSSL_cleanse(mac, sizeof mac);
    return hex;
}

Result<SubjectKdf> SubjectKdf::create(const SecretKey<kSecretBytes>& key) {
    EvpCipher cipher(EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr));
    if (!cipher) return crypto_error("AES-256 is not available");
    EvpCipherCtx aes(EVP_CIPHER_CTX_new());
    if (!aes) throw std::bad_alloc();
    if (EVP_EncryptInit_ex2(aes.get(), cipher.get(), key.expose().data(), nullptr, nullptr) != 1 ||
        EVP_CIPHER_CTX_set_padding(aes.get(), 0) != 1) {
        return crypto_error("AES-256 could not be keyed");
    }
    const std::uint8_t zero[kBlock] = {};
    SecretKey<kBlock> subkey;
    std::uint8_t* bytes = subkey.expose_mutable().data();
    if (!ecb(aes.get(), zero, kBlock, bytes)) return crypto_error("AES-256 failed");
    double_block(bytes);
    double_block(bytes);
    bytes[4] ^= 0x80;  // the last block of the message holds its last 4 bytes and the padding 80 00 .. 00
    return SubjectKdf(std::move(aes), std::move(subkey));
}

bool SubjectKdf::derive(Uuid uuid, std::uint8_t* out, std::size_t out_len) {
    if (out_len == 0 || out_len > kMaxBytes || out_len % kBlock != 0) return false;
    // Output block i is the CMAC of counter i (4 bytes) and the uuid (16 bytes). The first AES block of that message
    // holds the counter and the first 12 bytes of the uuid. All output blocks go through AES in one call.
    std::uint8_t first[kBlock] = {};
    std::memcpy(first + 4, uuid.data(), kBlock - 4);
    for (std::size_t at = 0; at < out_len; at += kBlock) {
        std::memcpy(out + at, first, kBlock);
        out[at + 3] = static_cast<std::uint8_t>(at / kBlock + 1);
    }
    if (!ecb(aes_.get(), out, out_len, out)) return false;
    // The last AES block holds the other 4 bytes of the uuid and the padding. CMAC XORs it with the subkey K2 and the
    // result of the first block.
    std::uint64_t tail = 0;
    std::memcpy(&tail, uuid.data() + kBlock - 4, 4);
    Words last = load(padded_subkey2_.expose().data());
    last[0] ^= tail;
    for (std::size_t at = 0; at < out_len; at += kBlock) {
        const Words chain = load(out + at);
        const Words sum = {chain[0] ^ last[0], chain[1] ^ last[1]};
        std::memcpy(out + at, sum.data(), kBlock);
    }
    return ecb(aes_.get(), out, out_len, out);
}

std::size_t pick(const std::uint8_t s[8], std::size_t n) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = (value << 8) | s[i];
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>((static_cast<Wide>(value) * n) >> 64);
}

}  // namespace caas
