#include "profile.hpp"

namespace caas {

namespace {
// Positions behind the key and the choice of the algorithm: 8 bytes pick the length of the salt, then comes the salt.
constexpr std::size_t kSaltAt = 8;
constexpr std::array<std::size_t, 4> kSaltLengths = {8, 16, 32, 64};
static_assert(SubjectKey::kRestAt + kSaltAt + kSaltLengths.back() == SubjectKdf::kMaxBytes);
}  // namespace

bool DigestProfile::derive(SubjectKdf& kdf, Uuid uuid, const Pool& digests) {
    if (!key_.derive(kdf, uuid, digests, SubjectKdf::kMaxBytes)) return false;
    salt_length_ = kSaltLengths[pick(key_.expose_rest(), kSaltLengths.size())];
    return true;
}

Bytes DigestProfile::expose_salt() const { return {key_.expose_rest() + kSaltAt, salt_length_}; }

}  // namespace caas
