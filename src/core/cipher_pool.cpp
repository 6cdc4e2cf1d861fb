#include "cipher_pool.hpp"

#include <algorithm>
#include <climits>

namespace caas {

namespace {

struct Cipher {
    const char* name;
    const char* openssl_name;
};

constexpr std::size_t kDefaults = 3;
constexpr std::array<Cipher, kCiphers> ciphers = {{
    {"aes-256-gcm", "AES-256-GCM"},
    {"chacha20-poly1305", "ChaCha20-Poly1305"},
    {"aes-256-ocb", "AES-256-OCB"},
    {"aria-256-gcm", "ARIA-256-GCM"},
    {"aes-256-gcm-siv", "AES-256-GCM-SIV"},
}};

const char* name(std::size_t id) { return ciphers[id].name; }

bool provided(std::size_t id) { return make_aead(static_cast<AlgorithmId>(id)) != nullptr; }

// Runs data through the cipher; false also when not exactly data.size() bytes come out.
bool transform(EVP_CIPHER_CTX* ctx, Bytes associated, Bytes data, std::uint8_t* out) {
    if (data.size() > INT_MAX || associated.size() > INT_MAX) return false;
    int part = 0;
    if (!associated.empty() &&
        EVP_CipherUpdate(ctx, nullptr, &part, associated.data(), static_cast<int>(associated.size())) != 1) {
        return false;
    }
    int written = 0;
    if (!data.empty() && EVP_CipherUpdate(ctx, out, &written, data.data(), static_cast<int>(data.size())) != 1) {
        return false;
    }
    // OCB keeps the last partial block until the end. Without data there is nothing that could be written.
    std::uint8_t nothing[kAeadTagBytes];
    part = 0;
    if (EVP_CipherFinal_ex(ctx, data.empty() ? nothing : out + written, &part) != 1) return false;
    return static_cast<std::size_t>(written) + static_cast<std::size_t>(part) == data.size();
}

EvpCipherCtx started_context(const EVP_CIPHER* cipher, bool encrypt) {
    EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
    if (!ctx) throw std::bad_alloc();
    if (EVP_CipherInit_ex2(ctx.get(), cipher, nullptr, nullptr, encrypt ? 1 : 0, nullptr) != 1) return nullptr;
    return ctx;
}

}  // namespace

bool Aead::seal(AeadKey key, Bytes associated, Bytes data, std::uint8_t* out) {
    EVP_CIPHER_CTX* ctx = encrypt_.get();
    return EVP_CipherInit_ex2(ctx, nullptr, key.key.data(), key.iv.data(), 1, nullptr) == 1 &&
           transform(ctx, associated, data, out) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, out + data.size()) == 1;
}

bool Aead::open(AeadKey key, Bytes associated, Bytes sealed, std::uint8_t* out) {
    if (sealed.size() < kAeadTagBytes) return false;
    const Bytes data = sealed.first(sealed.size() - kAeadTagBytes);
    std::uint8_t tag[kAeadTagBytes];
    std::copy_n(sealed.data() + data.size(), kAeadTagBytes, tag);
    EVP_CIPHER_CTX* ctx = decrypt_.get();
    return EVP_CipherInit_ex2(ctx, nullptr, key.key.data(), key.iv.data(), 0, nullptr) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag) == 1 &&
           transform(ctx, associated, data, out);
}

std::unique_ptr<Aead> make_aead(AlgorithmId id) {
    const EvpCipher cipher(EVP_CIPHER_fetch(nullptr, ciphers[id].openssl_name, nullptr));
    if (!cipher) return nullptr;
    EvpCipherCtx encrypt = started_context(cipher.get(), true);
    EvpCipherCtx decrypt = started_context(cipher.get(), false);
    if (!encrypt || !decrypt) return nullptr;
    return std::make_unique<Aead>(std::move(encrypt), std::move(decrypt));
}

const PoolKind cipher_pool = {"ciphers=", kCiphers, kDefaults, name, provided};

}  // namespace caas
