#include "cipher_pool.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <climits>

namespace caas {

namespace {

struct Cipher {
    const char* name;
    const char* openssl_name;
    // True when OpenSSL (seen in 3.5) carries associated data over from one use of a context to the next.
    bool remembers = false;
};

constexpr std::size_t kDefaults = 3;
constexpr std::array<Cipher, kCiphers> ciphers = {{
    {"aes-256-gcm", "AES-256-GCM"},
    {"chacha20-poly1305", "ChaCha20-Poly1305"},
    {"aes-256-ocb", "AES-256-OCB"},
    {"aria-256-gcm", "ARIA-256-GCM"},
    {"aes-256-gcm-siv", "AES-256-GCM-SIV", true},
}};

const char* name(std::size_t id) { return ciphers[id].name; }

bool provided(std::size_t id) { return make_aead(static_cast<AlgorithmId>(id)) != nullptr; }

// OpenSSL takes lengths as int.
bool countable(Bytes bytes) { return bytes.size() <= INT_MAX; }

// Runs data through the cipher. written receives the bytes that come out at once: OCB keeps the last partial block
// until the end. Empty data is run as well, because GCM-SIV computes its tag in this call.
bool update(EVP_CIPHER_CTX* ctx, Bytes associated, Bytes data, std::uint8_t* out, int& written) {
    std::uint8_t nothing = 0;
    int none = 0;
    written = 0;
    if (data.empty()) {
        data = Bytes(&nothing, std::size_t{0});
        out = &nothing;
    }
    return (associated.empty() ||
            EVP_CipherUpdate(ctx, nullptr, &none, associated.data(), static_cast<int>(associated.size())) == 1) &&
           EVP_CipherUpdate(ctx, out, &written, data.data(), static_cast<int>(data.size())) == 1;
}

// False when the tag does not verify or the output is not exactly data.size() bytes.
bool finish(EVP_CIPHER_CTX* ctx, Bytes data, std::uint8_t* out, int written) {
    // For empty data the final call gets a buffer of its own, because out may have no room at all.
    std::uint8_t nothing[kAeadTagBytes];
    int last = 0;
    if (EVP_CipherFinal_ex(ctx, data.empty() ? nothing : out + written, &last) != 1) return false;
    return static_cast<std::size_t>(written) + static_cast<std::size_t>(last) == data.size();
}

// TagParam passes the tag directly: EVP_CIPHER_CTX_ctrl would build the same parameters in one more call.
struct TagParam {
    explicit TagParam(std::uint8_t* tag)
        : params{OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, kAeadTagBytes),
                 OSSL_PARAM_construct_end()} {}
    OSSL_PARAM params[2];
};

EvpCipherCtx started_context(const EVP_CIPHER* cipher, bool encrypt) {
    EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
    // The cipher was fetched, so a failure here means that memory is short, not that the cipher is not provided.
    if (!ctx || EVP_CipherInit_ex2(ctx.get(), cipher, nullptr, nullptr, encrypt ? 1 : 0, nullptr) != 1) {
        throw std::bad_alloc();
    }
    return ctx;
}

}  // namespace

bool Aead::start(EVP_CIPHER_CTX* ctx, AeadKey key, bool encrypt, const OSSL_PARAM* params) {
    return (!restart_ || EVP_CIPHER_CTX_reset(ctx) == 1) &&
           EVP_CipherInit_ex2(ctx, restart_.get(), key.key.data(), key.iv.data(), encrypt ? 1 : 0, params) == 1;
}

bool Aead::seal(AeadKey key, Bytes associated, Bytes data, std::uint8_t* out) {
    if (!countable(data) || !countable(associated)) return false;
    EVP_CIPHER_CTX* ctx = encrypt_.get();
    TagParam tag(out + data.size());
    int written = 0;
    return start(ctx, key, true, nullptr) && update(ctx, associated, data, out, written) &&
           finish(ctx, data, out, written) && EVP_CIPHER_CTX_get_params(ctx, tag.params) == 1;
}

Opened Aead::open(AeadKey key, Bytes associated, Bytes sealed, std::uint8_t* out) {
    if (sealed.size() < kAeadTagBytes || !countable(sealed) || !countable(associated)) return Opened::refused;
    const Bytes data = sealed.first(sealed.size() - kAeadTagBytes);
    std::uint8_t expected[kAeadTagBytes];
    std::copy_n(sealed.data() + data.size(), kAeadTagBytes, expected);
    const TagParam tag(expected);
    EVP_CIPHER_CTX* ctx = decrypt_.get();
    int written = 0;
    if (!start(ctx, key, false, tag.params) || !update(ctx, associated, data, out, written)) {
        return Opened::failed;
    }
    return finish(ctx, data, out, written) ? Opened::yes : Opened::refused;
}

std::unique_ptr<Aead> make_aead(AlgorithmId id) {
    EvpCipher cipher(EVP_CIPHER_fetch(nullptr, ciphers[id].openssl_name, nullptr));
    if (!cipher) return nullptr;
    EvpCipherCtx encrypt = started_context(cipher.get(), true);
    EvpCipherCtx decrypt = started_context(cipher.get(), false);
    if (!ciphers[id].remembers) cipher.reset();
    return std::make_unique<Aead>(std::move(encrypt), std::move(decrypt), std::move(cipher));
}

const PoolKind cipher_pool = {"ciphers=", kCiphers, kDefaults, name, provided};

}  // namespace caas
