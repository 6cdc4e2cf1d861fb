// The password hashes of spec sections 3 and 8: slow functions, and the caps of their costs.
#pragma once
#include "core_only.hpp"

#include "pool.hpp"
#include "secret.hpp"

#include <array>

namespace caas {

inline constexpr std::size_t kPasswordInputBytes = 32;
inline constexpr std::size_t kPasswordSaltBytes = 16;
inline constexpr std::size_t kPasswordHashBytes = 32;
inline constexpr std::size_t kMaxCostFields = 3;

// Ids of the pool, which are indexes into password_algorithms.
inline constexpr AlgorithmId kScrypt = 0;
inline constexpr AlgorithmId kArgon2id = 1;
inline constexpr AlgorithmId kPbkdf2 = 2;

// The cost fields in the order of the stored hash: scrypt ln, r, p; argon2id m, t, p; pbkdf2-sha512 i.
using PasswordCost = std::array<std::uint32_t, kMaxCostFields>;

using PasswordCosts = std::array<PasswordCost, 3>;  // one for each AlgorithmId

struct PasswordAlgorithm {
    const char* name;  // in a keyring; "caas-" before it in a stored hash
    const char* openssl_name;
    std::array<const char*, kMaxCostFields> fields;  // names, null where there is none
    // True when the cost is within the caps of section 8.
    bool (*allowed)(const PasswordCost& cost);
};

extern const std::array<PasswordAlgorithm, 3> password_algorithms;
extern const PoolKind password_pool;

// KDF_algorithm(input, salt, cost). The cost is allowed. False when OpenSSL fails or memory is short.
bool hash_password(AlgorithmId algorithm, std::span<const std::uint8_t, kPasswordInputBytes> input,
                   std::span<const std::uint8_t, kPasswordSaltBytes> salt, const PasswordCost& cost,
                   std::span<std::uint8_t, kPasswordHashBytes> out);

}  // namespace caas
