#include "blind_index.hpp"

#include <algorithm>

namespace caas {

bool BlindIndexer::select(Mac& hmac_sha256, Bytes context) {
    const bool same = std::equal(context.begin(), context.end(), context_.begin(), context_.end(),
                                 [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
    if (selected_ && same) return true;
    selected_ = false;
    context_.assign(context.begin(), context.end());
    selected_ = hmac_sha256.compute(key_.expose(), {}, context, context_key_.expose_mutable().data());
    return selected_;
}

bool BlindIndexer::compute(Mac& hmac_sha256, Bytes context, Bytes data, std::uint8_t* out) {
    return select(hmac_sha256, context) && hmac_sha256.compute(context_key_.expose(), {}, data, out);
}

}  // namespace caas
