// Blind indexes, spec section 7: equal data in one context gives equal bytes for every user.
#pragma once
#include "core_only.hpp"

#include "hmac.hpp"
#include "kdf.hpp"
#include "status.hpp"

#include <string>

namespace caas {

inline constexpr std::size_t kBlindIndexMin = 4;
inline constexpr std::size_t kBlindIndexMax = HmacSha256::kBytes;

// BlindIndexer computes indexes under one index key. It keeps the key of the last context: the values of a column share
// one.
class BlindIndexer {
public:
    static Result<BlindIndexer> create(SecretKey<kSecretBytes> key);

    // out receives kBlindIndexMax bytes, of which the caller uses the first n. False when OpenSSL fails.
    bool compute(Bytes context, Bytes data, std::uint8_t* out);

private:
    BlindIndexer(SecretKey<kSecretBytes> key, std::unique_ptr<HmacSha256> hmac)
        : key_(std::move(key)), hmac_(std::move(hmac)) {}

    bool select(Bytes context);

    SecretKey<kSecretBytes> key_;
    std::unique_ptr<HmacSha256> hmac_;  // keyed with K_context while selected_
    std::string context_;
    bool selected_ = false;
};

}  // namespace caas
