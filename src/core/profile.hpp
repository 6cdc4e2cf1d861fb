// A user's profile, spec section 5: the digest algorithm, key and salt that a UUID selects under a generation.
#pragma once
#include "core_only.hpp"

#include "digest_pool.hpp"
#include "subject_key.hpp"

namespace caas {

// DigestProfile holds a user's key and salt for the span of one call.
class DigestProfile {
public:
    // False when OpenSSL fails; the profile must then not be used.
    bool derive(SubjectKdf& kdf, Uuid uuid, const Pool& digests);

    AlgorithmId algorithm() const { return key_.algorithm(); }
    std::span<const std::uint8_t, kMacKeyBytes> expose_key() const { return key_.expose_key(); }
    Bytes expose_salt() const;
    std::size_t salt_length() const { return salt_length_; }

private:
    SubjectKey key_;
    std::size_t salt_length_ = 0;
};

}  // namespace caas
