// Sealed values, spec section 6: bound to a user and a context, under a key of their own for each value.
#pragma once
#include "core_only.hpp"

#include "cipher_pool.hpp"
#include "hmac.hpp"
#include "status.hpp"
#include "subject_key.hpp"

#include <climits>
#include <optional>

namespace caas {

inline constexpr std::size_t kNonceBytes = 16;
inline constexpr std::size_t kCommitmentBytes = 16;
inline constexpr std::size_t kSealedHeadBytes = 1 + 2 + kNonceBytes + kCommitmentBytes;
inline constexpr std::size_t kSealedOverhead = kSealedHeadBytes + kAeadTagBytes;
inline constexpr std::size_t kMaxContextBytes = 1024;
static_assert(CAAS_SEAL_MAX_BYTES + kSealedOverhead <= INT_MAX);  // what an Aead takes
static_assert(kSealedOverhead == CAAS_SEALED_OVERHEAD && kMaxContextBytes == CAAS_CONTEXT_MAX_BYTES);

using Nonce = std::span<const std::uint8_t, kNonceBytes>;

// SealedFor names the user and the context that a value is bound to. context has at most kMaxContextBytes.
struct SealedFor {
    Uuid uuid;
    Bytes context;
};

// SealTools are the keys of one generation and the algorithms, which the engine keeps.
struct SealTools {
    SubjectKdf& kdf;      // under K_seal
    const Pool& ciphers;  // of the generation
    AeadCache& aeads;
    HmacSha256& hmac;
};

// The generation that a sealed value names; nothing when the value is malformed.
std::optional<int> sealed_generation(Bytes sealed);

// The nonce of section 6 for a value that is sealed again, from K_reseal of the new generation. out receives
// kNonceBytes. False when OpenSSL fails.
bool reseal_nonce(HmacSha256& hmac, const SecretKey<kSecretBytes>& key, const SealedFor& target, Bytes sealed,
                  std::uint8_t* out);

// out receives data.size() + kSealedOverhead bytes. False when OpenSSL fails; out is then undefined.
bool seal_value(const SealTools& tools, int generation, const SealedFor& target, Nonce nonce, Bytes data,
                std::uint8_t* out);

// out receives sealed.size() - kSealedOverhead bytes. sealed is well-formed. Errors: CAAS_ERR_CANNOT_OPEN for a wrong
// user, context, commitment or tag alike; CAAS_ERR_CRYPTO. out is then undefined.
Outcome open_value(const SealTools& tools, const SealedFor& target, Bytes sealed, std::uint8_t* out);

}  // namespace caas
