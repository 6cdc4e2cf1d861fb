// What a UUID selects under a generation (spec section 5): algorithm, key and salt.
#pragma once
#include "core_only.hpp"

#include "digest_pool.hpp"
#include "kdf.hpp"
#include "pool.hpp"

namespace caas {

// DigestProfile holds a user's key and salt for the span of one call.
class DigestProfile {
public:
    // False when OpenSSL fails; the profile must then not be used.
    bool derive(SubjectKdf& kdf, Uuid uuid, const Pool& digests);

    AlgorithmId algorithm() const { return algorithm_; }
    std::span<const std::uint8_t, kMacKeyBytes> expose_key() const {
        return std::span<const std::uint8_t, kMacKeyBytes>(okm_.data(), kMacKeyBytes);
    }
    Bytes expose_salt() const;
    std::size_t salt_length() const { return salt_length_; }

private:
    static constexpr std::size_t kOkmBytes = 112;
    ScratchSecret<kOkmBytes> okm_;
    AlgorithmId algorithm_ = 0;
    std::size_t salt_length_ = 0;
};

}  // namespace caas
