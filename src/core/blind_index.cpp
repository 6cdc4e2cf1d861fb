#include "blind_index.hpp"

#include <algorithm>

namespace caas {

Result<BlindIndexer> BlindIndexer::create(SecretKey<kSecretBytes> key) {
    auto hmac = HmacSha256::create();
    if (!hmac) return crypto_error("SHA-256 is not available");
    return BlindIndexer(std::move(key), std::move(hmac));
}

bool BlindIndexer::select(Bytes context) {
    const bool same = std::equal(context.begin(), context.end(), context_.begin(), context_.end(),
                                 [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
    if (selected_ && same) return true;
    selected_ = false;
    context_.assign(context.begin(), context.end());
    ScratchSecret<HmacSha256::kBytes> context_key;
    std::uint8_t* bytes = context_key.reserve(HmacSha256::kBytes);
    selected_ = hmac_->set_key(key_.expose()) && hmac_->compute_last(context, bytes) &&
                hmac_->set_key(HmacSha256::Key(bytes, HmacSha256::kBytes));
    return selected_;
}

bool BlindIndexer::compute(Bytes context, Bytes data, std::uint8_t* out) {
    if (!select(context)) return false;
    selected_ = hmac_->compute(data, out);
    return selected_;
}

}  // namespace caas
