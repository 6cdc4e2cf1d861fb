// HMAC-SHA-256 (RFC 2104), from which the keys of sealed values, blind indexes and passwords are made.
#pragma once
#include "core_only.hpp"

#include "openssl.hpp"
#include "secret.hpp"

namespace caas {

// Fills block with the key XORed with pad, the byte of ipad or opad in RFC 2104. The block is longer than the key.
void pad_hmac_key(std::span<const std::uint8_t, 32> key, std::uint8_t pad, std::span<std::uint8_t> block);

// HmacSha256 keeps the hash states after the key block, so that a key that is used twice is hashed once.
class HmacSha256 {
public:
    static constexpr std::size_t kBytes = 32;
    using Key = std::span<const std::uint8_t, kBytes>;

    // Null when this OpenSSL does not provide SHA-256.
    static std::unique_ptr<HmacSha256> create();

    HmacSha256(EvpMdCtx inner, EvpMdCtx outer, EvpMdCtx scratch)
        : inner_(std::move(inner)), outer_(std::move(outer)), scratch_(std::move(scratch)) {}

    // The following return false when OpenSSL fails; out is then undefined, and the key is gone.
    bool set_key(Key key);
    // out receives kBytes.
    bool compute(Bytes data, std::uint8_t* out);
    // The same, but uses up the key: it saves the copies of the two states.
    bool compute_last(Bytes data, std::uint8_t* out);
    // The same for head || tail.
    bool compute_last(Bytes head, Bytes tail, std::uint8_t* out);

private:
    EvpMdCtx inner_;
    EvpMdCtx outer_;
    EvpMdCtx scratch_;
    bool keyed_ = false;
};

}  // namespace caas
