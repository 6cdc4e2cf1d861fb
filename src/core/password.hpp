// Password hashes, spec section 8: a pepper per user, a slow function, and the PHC string that is stored.
#pragma once
#include "core_only.hpp"

#include "kdf.hpp"
#include "password_pool.hpp"
#include "status.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace caas {

struct StoredPassword {
    AlgorithmId algorithm = 0;
    int generation = 0;
    PasswordCost cost{};
    std::array<std::uint8_t, kPasswordSaltBytes> salt{};
    std::array<std::uint8_t, kPasswordHashBytes> hash{};
};

// Exactly the shape of section 8 with a cost within the caps, or nothing. Does no work that the cost could blow up.
std::optional<StoredPassword> parse_password(std::string_view text);
std::string password_text(const StoredPassword& stored);

// PepperedInput is what enters the slow function.
class PepperedInput {
public:
    std::span<const std::uint8_t, kPasswordInputBytes> expose() const {
        return std::span<const std::uint8_t, kPasswordInputBytes>(bytes_.data(), kPasswordInputBytes);
    }
    std::uint8_t* expose_mutable() { return bytes_.reserve(kPasswordInputBytes); }

private:
    ScratchSecret<kPasswordInputBytes> bytes_;
};

// Pepper is what a user's UUID selects for passwords under a generation.
class Pepper {
public:
    // False when OpenSSL fails.
    bool derive(SubjectKdf& kdf, Uuid uuid, const Pool& passwords);
    AlgorithmId algorithm() const { return algorithm_; }
    std::span<const std::uint8_t, kSecretBytes> expose_key() const {
        return std::span<const std::uint8_t, kSecretBytes>(okm_.data(), kSecretBytes);
    }
    // input of section 8. False when OpenSSL fails.
    bool apply(Bytes password, PepperedInput& input) const;

private:
    static constexpr std::size_t kOkmBytes = 48;  // the first 40 are used
    ScratchSecret<kOkmBytes> okm_;
    AlgorithmId algorithm_ = 0;
};

}  // namespace caas
