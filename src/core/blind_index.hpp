// Blind indexes, spec section 7: equal data of one context gives equal bytes, whoever's data it is.
#pragma once
#include "core_only.hpp"

#include "digest_pool.hpp"
#include "kdf.hpp"

#include <string>

namespace caas {

inline constexpr std::size_t kBlindIndexMin = 4;
inline constexpr std::size_t kBlindIndexMax = 32;

// BlindIndexer computes indexes under one K_index. It keeps the key of the last context, since a column has one.
class BlindIndexer {
public:
    explicit BlindIndexer(SecretKey<kSecretBytes> key) : key_(std::move(key)) {}

    // out receives kBlindIndexMax bytes, of which the caller uses the first n. False when OpenSSL fails.
    bool compute(Mac& hmac_sha256, Bytes context, Bytes data, std::uint8_t* out);

private:
    bool select(Mac& hmac_sha256, Bytes context);

    SecretKey<kSecretBytes> key_;
    SecretKey<kSecretBytes> context_key_;
    std::string context_;
    bool selected_ = false;
};

}  // namespace caas
