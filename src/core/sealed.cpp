#include "sealed.hpp"

#include <algorithm>
#include <cstring>

namespace caas {

namespace {

constexpr std::uint8_t kFormat = 0x01;
constexpr std::size_t kGenerationAt = 1;
constexpr std::size_t kNonceAt = 3;
constexpr std::size_t kCommitmentAt = kNonceAt + kNonceBytes;
constexpr std::string_view kMessageLabel = "caas/v1/message";
constexpr std::size_t kHashBytes = HmacSha256::kBytes;

// Appends to a buffer that is large enough.
std::uint8_t* put(std::uint8_t* at, Bytes bytes) {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return at + bytes.size();
}

// MessageKeys is M of section 6: HKDF-Expand-SHA256 (RFC 5869, 2.3) to 60 bytes, which are key, iv and commitment.
class MessageKeys {
public:
    bool derive(HmacSha256& hmac, const SubjectKey& subject, Nonce nonce, Bytes context) {
        // The input of round 2 is T(1) || label || nonce || context || 2; round 1 has no T and the counter 1.
        std::uint8_t input[kHashBytes + kMessageLabel.size() + kNonceBytes + kMaxContextBytes + 1];
        std::uint8_t* const info = input + kHashBytes;
        std::uint8_t* counter =
            put(info, Bytes(reinterpret_cast<const std::uint8_t*>(kMessageLabel.data()), kMessageLabel.size()));
        counter = put(put(counter, nonce), context);
        const auto info_len = static_cast<std::size_t>(counter - info);
        std::uint8_t* m = keys_.reserve(2 * kHashBytes);
        *counter = 1;
        bool fine = hmac.set_key(subject.expose_key()) && hmac.compute(Bytes(info, info_len + 1), m);
        if (fine) {
            std::memcpy(input, m, kHashBytes);
            *counter = 2;
            fine = hmac.compute_last(Bytes(input, kHashBytes + info_len + 1), m + kHashBytes);
            OPENSSL_cleanse(input, kHashBytes);
        }
        return fine;
    }
    AeadKey expose() const {
        return {std::span<const std::uint8_t, kAeadKeyBytes>(keys_.data(), kAeadKeyBytes),
                std::span<const std::uint8_t, kAeadIvBytes>(keys_.data() + kAeadKeyBytes, kAeadIvBytes)};
    }
    const std::uint8_t* commitment() const { return keys_.data() + kAeadKeyBytes + kAeadIvBytes; }

private:
    ScratchSecret<2 * kHashBytes> keys_;
};

// AssociatedData is head || uuid || context.
class AssociatedData {
public:
    AssociatedData(const std::uint8_t* head, const SealedFor& target)
        : end_(put(put(put(bytes_, Bytes(head, kSealedHeadBytes)), target.uuid), target.context)) {}
    Bytes bytes() const { return {bytes_, end_}; }

private:
    std::uint8_t bytes_[kSealedHeadBytes + kUuidBytes + kMaxContextBytes];
    std::uint8_t* end_;
};

}  // namespace

std::optional<int> sealed_generation(Bytes sealed) {
    if (sealed.size() < kSealedOverhead || sealed[0] != kFormat) return std::nullopt;
    return sealed[kGenerationAt] << 8 | sealed[kGenerationAt + 1];
}

bool reseal_nonce(HmacSha256& hmac, const SecretKey<kSecretBytes>& key, const SealedFor& target, Bytes sealed,
                  std::uint8_t* out) {
    std::uint8_t head[kUuidBytes + 2 + kMaxContextBytes];
    std::uint8_t* end = put(head, target.uuid);
    *end++ = static_cast<std::uint8_t>(target.context.size() >> 8);
    *end++ = static_cast<std::uint8_t>(target.context.size());
    end = put(end, target.context);
    std::uint8_t full[kHashBytes];
    if (!hmac.set_key(key.expose()) || !hmac.compute_last(Bytes(head, end), sealed, full)) return false;
    std::copy_n(full, kNonceBytes, out);
    return true;
}

bool seal_value(const SealTools& tools, int generation, const SealedFor& target, Nonce nonce, Bytes data,
                std::uint8_t* out) {
    SubjectKey subject;
    MessageKeys keys;
    if (!subject.derive(tools.kdf, target.uuid, tools.ciphers) ||
        !keys.derive(tools.hmac, subject, nonce, target.context)) {
        return false;
    }
    out[0] = kFormat;
    out[kGenerationAt] = static_cast<std::uint8_t>(generation >> 8);
    out[kGenerationAt + 1] = static_cast<std::uint8_t>(generation);
    std::copy_n(nonce.data(), kNonceBytes, out + kNonceAt);
    std::copy_n(keys.commitment(), kCommitmentBytes, out + kCommitmentAt);
    const AssociatedData associated(out, target);
    Aead* aead = tools.aeads.get(subject.algorithm());
    return aead != nullptr && aead->seal(keys.expose(), associated.bytes(), data, out + kSealedHeadBytes);
}

Outcome open_value(const SealTools& tools, const SealedFor& target, Bytes sealed, std::uint8_t* out) {
    SubjectKey subject;
    MessageKeys keys;
    const Nonce nonce(sealed.data() + kNonceAt, kNonceBytes);
    if (!subject.derive(tools.kdf, target.uuid, tools.ciphers) ||
        !keys.derive(tools.hmac, subject, nonce, target.context)) {
        return crypto_error("the key derivation failed");
    }
    const Error failure{.status = CAAS_ERR_CANNOT_OPEN};
    // The commitment is checked before anything is decrypted, so that a value opens under the key it was made with
    // alone.
    if (CRYPTO_memcmp(keys.commitment(), sealed.data() + kCommitmentAt, kCommitmentBytes) != 0) return failure;
    const AssociatedData associated(sealed.data(), target);
    Aead* aead = tools.aeads.get(subject.algorithm());
    if (aead == nullptr) return crypto_error("the cipher is not available");
    switch (aead->open(keys.expose(), associated.bytes(), sealed.subspan(kSealedHeadBytes), out)) {
        case Opened::yes:
            return Done{};
        case Opened::refused:
            return failure;
        case Opened::failed:
            break;
    }
    return crypto_error("the cipher failed");
}

}  // namespace caas
