// The ciphers of spec section 3. Each is an AEAD with a key of 32 bytes, an iv of 12 and a tag of 16.
#pragma once
#include "core_only.hpp"

#include "openssl.hpp"
#include "pool.hpp"
#include "secret.hpp"

#include <array>
#include <memory>

namespace caas {

inline constexpr std::size_t kAeadKeyBytes = 32;
inline constexpr std::size_t kAeadIvBytes = 12;
inline constexpr std::size_t kAeadTagBytes = 16;
inline constexpr std::size_t kCiphers = 5;

extern const PoolKind cipher_pool;

struct AeadKey {
    std::span<const std::uint8_t, kAeadKeyBytes> key;
    std::span<const std::uint8_t, kAeadIvBytes> iv;
};

// The result of opening. refused: the tag does not verify. failed: OpenSSL reported an error.
enum class Opened : std::uint8_t { yes, refused, failed };

// Aead is one cipher with a scratch context for each direction, made once.
class Aead {
public:
    // restart is the cipher where the contexts must be reset for every value, else null.
    Aead(EvpCipherCtx encrypt, EvpCipherCtx decrypt, EvpCipher restart)
        : encrypt_(std::move(encrypt)), decrypt_(std::move(decrypt)), restart_(std::move(restart)) {}

    // out receives data.size() bytes of ciphertext and the tag; it may begin where data does. False when OpenSSL fails,
    // and for data of over INT_MAX bytes.
    bool seal(AeadKey key, Bytes associated, Bytes data, std::uint8_t* out);
    // out receives sealed.size() - 16 bytes; it may begin where sealed does. Unless opened, out is undefined and must
    // not be used.
    Opened open(AeadKey key, Bytes associated, Bytes sealed, std::uint8_t* out);

private:
    bool start(EVP_CIPHER_CTX* ctx, AeadKey key, bool encrypt, const OSSL_PARAM* params);

    EvpCipherCtx encrypt_;
    EvpCipherCtx decrypt_;
    EvpCipher restart_;
};

// Null when this OpenSSL does not provide the cipher.
std::unique_ptr<Aead> make_aead(AlgorithmId id);

// AeadCache keeps one Aead for each cipher that was asked for.
class AeadCache {
public:
    Aead* get(AlgorithmId id) {
        if (!aeads_[id]) aeads_[id] = make_aead(id);
        return aeads_[id].get();
    }

private:
    std::array<std::unique_ptr<Aead>, kCiphers> aeads_;
};

}  // namespace caas
