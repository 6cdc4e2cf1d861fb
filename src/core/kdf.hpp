// The key schedule, spec section 4: HKDF-SHA512 (RFC 5869) once per generation, KBKDF counter mode with CMAC-AES-256
// (NIST SP 800-108r1, SP 800-38B) once per user.
#pragma once
#include "core_only.hpp"

#include "openssl.hpp"
#include "secret.hpp"
#include "status.hpp"

#include <string>
#include <string_view>

namespace caas {

inline constexpr std::size_t kSecretBytes = 32;
inline constexpr std::size_t kUuidBytes = CAAS_UUID_BYTES;
using Uuid = std::span<const std::uint8_t, kUuidBytes>;

// K_purpose of section 4; purpose is one of digest, seal, reseal, index, password, check.
Result<SecretKey<kSecretBytes>> derive_purpose_key(const SecretKey<kSecretBytes>& secret, std::string_view purpose);

// The check value of section 4: 16 lower-case hex digits. description is the text that it covers besides the secret:
// number, pools and index field.
Result<std::string> check_value(const SecretKey<kSecretBytes>& secret, std::string_view description);

// SubjectKdf computes OKM(K, uuid, n) for one K. AES is keyed once; a user then costs two ECB calls.
class SubjectKdf {
public:
    static constexpr std::size_t kMaxBytes = 112;

    static Result<SubjectKdf> create(const SecretKey<kSecretBytes>& key);

    // Writes out_len bytes, a multiple of 16 up to kMaxBytes. False when OpenSSL fails.
    bool derive(Uuid uuid, std::uint8_t* out, std::size_t out_len);

private:
    SubjectKdf(EvpCipherCtx aes, SecretKey<16> subkey) : aes_(std::move(aes)), padded_subkey2_(std::move(subkey)) {}

    EvpCipherCtx aes_;
    // The CMAC subkey K2 of SP 800-38B (the last block of the 20-byte message is incomplete), XORed with the padding of
    // that block.
    SecretKey<16> padded_subkey2_;
};

// pick of section 4: floor(s * n / 2^64), where s is 8 bytes, big-endian.
std::size_t pick(const std::uint8_t s[8], std::size_t n);

}  // namespace caas
