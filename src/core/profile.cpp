#include "profile.hpp"

namespace caas {

namespace {
constexpr std::size_t kAlgorithmAt = 32;
constexpr std::size_t kLengthAt = 40;
constexpr std::size_t kSaltAt = 48;
constexpr std::array<std::size_t, 4> kSaltLengths = {8, 16, 32, 64};
static_assert(kSaltAt + kSaltLengths.back() == SubjectKdf::kMaxBytes);
}  // namespace

bool DigestProfile::derive(SubjectKdf& kdf, Uuid uuid, const Pool& digests) {
    std::uint8_t* okm = okm_.reserve(kOkmBytes);
    if (!kdf.derive(uuid, okm, kOkmBytes)) return false;
    algorithm_ = digests[pick(okm + kAlgorithmAt, digests.size())];
    salt_length_ = kSaltLengths[pick(okm + kLengthAt, kSaltLengths.size())];
    return true;
}

Bytes DigestProfile::expose_salt() const { return {okm_.data() + kSaltAt, salt_length_}; }

}  // namespace caas
