// The digest algorithms of spec section 3. Each is MAC(key of 32 bytes, salt || data).
#pragma once
#include "core_only.hpp"

#include "pool.hpp"
#include "secret.hpp"
#include "status.hpp"

#include <array>
#include <memory>

namespace caas {

inline constexpr std::size_t kMacKeyBytes = 32;
inline constexpr std::size_t kMaxSaltBytes = 64;

enum class MacKind : std::uint8_t { hmac, blake2, kmac };

struct DigestAlgorithm {
    const char* name;  // in a keyring
    MacKind kind;
    const char* openssl_name;  // name of the hash; for BLAKE2, name of the MAC
    std::size_t output_bytes;
    std::size_t block_bytes;  // block of the hash; for KMAC, the rate
    bool weak;                // a keyring that names it loads with a warning
};

inline constexpr std::size_t kDigestAlgorithms = 16;
extern const std::array<DigestAlgorithm, kDigestAlgorithms> digest_algorithms;  // an AlgorithmId is an index into it
extern const PoolKind digest_pool;

// The size in bytes of the digest that a value can be by its shape: that many bytes or hexadecimal digits, as an
// algorithm makes. 0 when there is none.
std::size_t digest_size_of(Bytes value, bool is_hex);

// Mac computes one algorithm. Its OpenSSL context is made once and reused.
class Mac {
public:
    Mac() = default;
    Mac(const Mac&) = delete;
    Mac& operator=(const Mac&) = delete;
    virtual ~Mac() = default;

    // out receives the algorithm's output_bytes. False when OpenSSL fails; out is then undefined.
    virtual bool compute(std::span<const std::uint8_t, kMacKeyBytes> key, Bytes salt, Bytes data,
                         std::uint8_t* out) = 0;
};

// Null when this OpenSSL does not provide the algorithm.
std::unique_ptr<Mac> make_mac(const DigestAlgorithm& algorithm);

// MacCache keeps one Mac for each algorithm in use, so that nothing is fetched in the row path.
class MacCache {
public:
    // Null when this OpenSSL does not provide the algorithm.
    Mac* get(AlgorithmId id) {
        if (!macs_[id]) macs_[id] = make_mac(digest_algorithms[id]);
        return macs_[id].get();
    }

private:
    std::array<std::unique_ptr<Mac>, kDigestAlgorithms> macs_;
};

}  // namespace caas
