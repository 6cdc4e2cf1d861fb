// The key and the algorithm that a user's UUID selects under a generation, spec sections 5 to 8.
#pragma once
#include "core_only.hpp"

#include "kdf.hpp"
#include "pool.hpp"

namespace caas {

// SubjectKey holds OKM(K_purpose, uuid, n) of section 4 for the span of one call: a key of 32 bytes, 8 bytes that pick
// the algorithm, and further bytes for the purposes that need them.
class SubjectKey {
public:
    static constexpr std::size_t kRestAt = 40;
    static constexpr std::size_t kMinBytes = 48;  // a multiple of AES blocks that holds key and choice

    // okm_bytes is a multiple of 16 from kMinBytes to SubjectKdf::kMaxBytes. False when OpenSSL fails; the key must
    // then not be used.
    bool derive(SubjectKdf& kdf, Uuid uuid, const Pool& pool, std::size_t okm_bytes = kMinBytes) {
        std::uint8_t* okm = okm_.reserve(okm_bytes);
        if (!kdf.derive(uuid, okm, okm_bytes)) return false;
        algorithm_ = pool[pick(okm + kSecretBytes, pool.size())];
        return true;
    }

    AlgorithmId algorithm() const { return algorithm_; }
    std::span<const std::uint8_t, kSecretBytes> expose_key() const {
        return std::span<const std::uint8_t, kSecretBytes>(okm_.data(), kSecretBytes);
    }
    // The bytes of OKM from kRestAt on.
    const std::uint8_t* expose_rest() const { return okm_.data() + kRestAt; }

private:
    ScratchSecret<SubjectKdf::kMaxBytes> okm_;
    AlgorithmId algorithm_ = 0;
};

}  // namespace caas
