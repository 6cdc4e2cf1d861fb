// Helpers for the tests of sealed values, blind indexes and passwords: calls that also check what caas.h says about
// outputs, and the names of the ciphers.
#pragma once

#include "support.hpp"

#include "../../src/core/abi.hpp"

namespace caas::test {

bool all_zero(Bytes bytes);

// A keyring of generations 1 to count, the last one active unless another is named, all with these pools.
std::string keyring_of(int count, std::string_view pools = "", int active = 0);

struct Value {
    caas_status status;
    Blob bytes;
};
// Each expects that nothing is written behind the output, that a failure zeroes it, and that the error holds no more
// than it may.
Value seal_of(caas_engine* engine, const Blob& uuid, std::string_view context, Bytes data);
Value open_of(caas_engine* engine, const Blob& uuid, std::string_view context, Bytes sealed);
Value reseal_of(caas_engine* engine, const Blob& uuid, std::string_view context, Bytes sealed, int generation = 0);
Value index_of(caas_engine* engine, std::string_view context, std::string_view data, std::size_t length,
               int generation = 0);

// A sealed value with a chosen nonce.
Blob sealed_with_nonce(caas_engine* engine, const Blob& uuid, std::string_view context, const Blob& nonce, Bytes data);

// The ciphers of section 3; aes-256-gcm-siv and argon2id came with OpenSSL 3.2.
inline constexpr const char* kCipherNames[] = {"aes-256-gcm", "chacha20-poly1305", "aes-256-ocb", "aria-256-gcm",
                                               "aes-256-gcm-siv"};
bool openssl_is_3_2();
inline constexpr const char* kNeedsOpenSsl32 = "this OpenSSL is older than 3.2, which brought it";
// False for an algorithm that this OpenSSL need not provide. Expects every other one to be provided.
bool expect_provided(std::string_view algorithm);

// Section 6 on OpenSSL's KDFs and one fresh cipher context, in the style of reference.hpp. Every byte of the commitment
// is XORed with `spoil`: the tag then verifies and the commitment does not.
Blob reference_sealed(const Blob& secret, int generation, const std::vector<std::string>& ciphers, const Blob& uuid,
                      std::string_view context, const Blob& nonce, Bytes data, std::uint8_t spoil = 0);

}  // namespace caas::test
