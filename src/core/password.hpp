// Password hashes, spec section 8: a pepper for each user, a slow function, and the PHC string that is stored.
#pragma once
#include "core_only.hpp"

#include "password_pool.hpp"
#include "status.hpp"
#include "subject_key.hpp"

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

// Reads exactly the shape of section 8 with a cost within the caps; nothing for another text. Its own work does not
// depend on the cost.
std::optional<StoredPassword> parse_password(std::string_view text);
std::string password_text(const StoredPassword& stored);

// PepperedInput is the input of the slow function.
class PepperedInput {
public:
    std::span<const std::uint8_t, kPasswordInputBytes> expose() const {
        return std::span<const std::uint8_t, kPasswordInputBytes>(bytes_.data(), kPasswordInputBytes);
    }
    std::uint8_t* expose_mutable() { return bytes_.reserve(kPasswordInputBytes); }

private:
    ScratchSecret<kPasswordInputBytes> bytes_;
};

// Fills input, HMAC-SHA256(key, password) of section 8. False when OpenSSL fails.
bool pepper_password(const SubjectKey& key, Bytes password, PepperedInput& input);

}  // namespace caas
