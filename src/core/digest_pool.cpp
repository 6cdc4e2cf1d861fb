#include "digest_pool.hpp"

#include "hmac.hpp"
#include "openssl.hpp"
#include "text.hpp"

#include <openssl/core_names.h>

#include <algorithm>
#include <cstring>

namespace caas {

// The first eight are the default pool of section 3. Their order never changes.
const std::array<DigestAlgorithm, kDigestAlgorithms> digest_algorithms = {{
    {"blake2b-512", MacKind::blake2, "BLAKE2BMAC", 64, 128, false},
    {"blake2s-256", MacKind::blake2, "BLAKE2SMAC", 32, 64, false},
    {"hmac-sha256", MacKind::hmac, "SHA2-256", 32, 64, false},
    {"hmac-sha384", MacKind::hmac, "SHA2-384", 48, 128, false},
    {"hmac-sha512", MacKind::hmac, "SHA2-512", 64, 128, false},
    {"hmac-sha512-256", MacKind::hmac, "SHA2-512/256", 32, 128, false},
    {"kmac128", MacKind::kmac, "KECCAK-KMAC-128", 32, 168, false},
    {"kmac256", MacKind::kmac, "KECCAK-KMAC-256", 64, 136, false},
    {"hmac-md5", MacKind::hmac, "MD5", 16, 64, true},
    {"hmac-sha1", MacKind::hmac, "SHA1", 20, 64, true},
    {"hmac-ripemd160", MacKind::hmac, "RIPEMD160", 20, 64, true},
    {"hmac-sha224", MacKind::hmac, "SHA2-224", 28, 64, false},
    {"hmac-sm3", MacKind::hmac, "SM3", 32, 64, false},
    {"hmac-sha3-256", MacKind::hmac, "SHA3-256", 32, 136, false},
    {"hmac-sha3-384", MacKind::hmac, "SHA3-384", 48, 104, false},
    {"hmac-sha3-512", MacKind::hmac, "SHA3-512", 64, 72, false},
}};

std::size_t digest_size_of(Bytes value, bool is_hex) {
    const std::size_t size = is_hex ? value.size() / 2 : value.size();
    const bool is_made = std::any_of(digest_algorithms.begin(), digest_algorithms.end(),
                                     [&](const DigestAlgorithm& algorithm) { return algorithm.output_bytes == size; });
    if (!is_made) return 0;
    if (!is_hex) return size;
    std::uint8_t digest[CAAS_DIGEST_MAX_BYTES];
    const bool is_digits = value.size() % 2 == 0 && hex_decode(value, digest);
    OPENSSL_cleanse(digest, sizeof digest);  // the value can be plaintext
    return is_digits ? size : 0;
}

namespace {

constexpr std::size_t kDefaults = 8;
constexpr std::size_t kMaxBlockBytes = 168;
// Data up to this size is copied behind key and salt for one update: a call of OpenSSL costs more than the copy.
constexpr std::size_t kJoinBytes = 256;

// Writer appends to a buffer that the caller made large enough.
class Writer {
public:
    explicit Writer(std::uint8_t* at) : start_(at), at_(at) {}
    void add(Bytes bytes) {
        if (bytes.empty()) return;
        std::memcpy(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
    }
    std::size_t size() const { return static_cast<std::size_t>(at_ - start_); }

private:
    std::uint8_t* start_;
    std::uint8_t* at_;
};

EvpMdCtx new_context() {
    EvpMdCtx ctx(EVP_MD_CTX_new());
    if (!ctx) throw std::bad_alloc();
    return ctx;
}

// The hash was fetched, so a failure here means that memory is short, not that the algorithm is not provided.
EvpMdCtx started_context(const EvpMd& md) {
    EvpMdCtx ctx = new_context();
    if (EVP_DigestInit_ex2(ctx.get(), md.get(), nullptr) != 1) throw std::bad_alloc();
    return ctx;
}

static_assert(CAAS_DIGEST_MAX_BYTES <= kMaxSaltBytes);  // HmacMac keeps the inner digest where the salt was

// HMAC of RFC 2104 with one hash context, used for the inner and then for the outer hash.
class HmacMac final : public Mac {
public:
    HmacMac(EvpMdCtx ctx, const DigestAlgorithm& algorithm) : ctx_(std::move(ctx)), algorithm_(algorithm) {}

    bool compute(std::span<const std::uint8_t, kMacKeyBytes> key, Bytes salt, Bytes data, std::uint8_t* out) override {
        const bool joined = data.size() <= kJoinBytes;
        const std::size_t block_bytes = algorithm_.block_bytes;
        // One buffer serves both hashes: the padded key, then the salt and the data, or the inner digest.
        ScratchSecret<kMaxBlockBytes + kMaxSaltBytes + kJoinBytes> scratch;
        std::uint8_t* block = scratch.reserve(block_bytes + kMaxSaltBytes + (joined ? data.size() : 0));
        pad_hmac_key(key, 0x36, std::span(block, block_bytes));
        Writer writer(block + block_bytes);
        writer.add(salt);
        if (joined) writer.add(data);
        if (EVP_DigestInit_ex2(ctx_.get(), nullptr, nullptr) != 1 ||
            EVP_DigestUpdate(ctx_.get(), block, block_bytes + writer.size()) != 1 ||
            (!joined && EVP_DigestUpdate(ctx_.get(), data.data(), data.size()) != 1)) {
            return false;
        }
        unsigned digest_len = 0;
        if (EVP_DigestFinal_ex(ctx_.get(), block + block_bytes, &digest_len) != 1 ||
            digest_len != algorithm_.output_bytes) {
            return false;
        }
        pad_hmac_key(key, 0x5c, std::span(block, block_bytes));
        return EVP_DigestInit_ex2(ctx_.get(), nullptr, nullptr) == 1 &&
               EVP_DigestUpdate(ctx_.get(), block, block_bytes + digest_len) == 1 &&
               EVP_DigestFinal_ex(ctx_.get(), out, &digest_len) == 1;
    }

private:
    EvpMdCtx ctx_;
    const DigestAlgorithm& algorithm_;
};

// BLAKE2 of RFC 7693 in its keyed mode.
class Blake2Mac final : public Mac {
public:
    Blake2Mac(EvpMacCtx ctx, std::size_t output_bytes) : ctx_(std::move(ctx)), output_bytes_(output_bytes) {}

    bool compute(std::span<const std::uint8_t, kMacKeyBytes> key, Bytes salt, Bytes data, std::uint8_t* out) override {
        if (EVP_MAC_init(ctx_.get(), key.data(), key.size(), nullptr) != 1) return false;
        const bool joined = data.size() <= kJoinBytes;
        ScratchSecret<kMaxSaltBytes + kJoinBytes> message;
        std::uint8_t* start = message.reserve(salt.size() + (joined ? data.size() : 0));
        Writer writer(start);
        writer.add(salt);
        if (joined) writer.add(data);
        std::size_t written = 0;
        return EVP_MAC_update(ctx_.get(), start, writer.size()) == 1 &&
               (joined || EVP_MAC_update(ctx_.get(), data.data(), data.size()) == 1) &&
               EVP_MAC_final(ctx_.get(), out, &written, output_bytes_) == 1 && written == output_bytes_;
    }

private:
    EvpMacCtx ctx_;
    std::size_t output_bytes_;
};

// KMAC of NIST SP 800-185, section 4: cSHAKE over bytepad(key) || message || right_encode(L). The state after the block
// of the function name is the same for every message, so it is made once and copied for each.
class KmacMac final : public Mac {
public:
    KmacMac(EvpMdCtx prefix, EvpMdCtx ctx, const DigestAlgorithm& algorithm)
        : prefix_(std::move(prefix)), ctx_(std::move(ctx)), algorithm_(algorithm) {}

    static std::unique_ptr<Mac> create(const EvpMd& md, const DigestAlgorithm& algorithm) {
        // bytepad(encode_string("KMAC") || encode_string(""), rate), 2.3.3
        std::uint8_t block[kMaxBlockBytes] = {1, 0, 1, 32, 'K', 'M', 'A', 'C', 1, 0};
        block[1] = static_cast<std::uint8_t>(algorithm.block_bytes);
        EvpMdCtx prefix = started_context(md);
        if (EVP_DigestUpdate(prefix.get(), block, algorithm.block_bytes) != 1) return nullptr;
        return std::make_unique<KmacMac>(std::move(prefix), new_context(), algorithm);
    }

    bool compute(std::span<const std::uint8_t, kMacKeyBytes> key, Bytes salt, Bytes data, std::uint8_t* out) override {
        const bool joined = data.size() <= kJoinBytes;
        const std::size_t rate = algorithm_.block_bytes;
        ScratchSecret<kMaxBlockBytes + kMaxSaltBytes + kJoinBytes> message;
        std::uint8_t* start = message.reserve(rate + salt.size() + (joined ? data.size() : 0));
        // bytepad(encode_string(key), rate): left_encode(rate) || left_encode(256 bits) || key || zeroes
        const std::uint8_t head[] = {1, static_cast<std::uint8_t>(rate), 2, 1, 0};
        std::memset(start, 0, rate);
        std::memcpy(start, head, sizeof head);
        std::memcpy(start + sizeof head, key.data(), key.size());
        Writer writer(start + rate);
        writer.add(salt);
        if (joined) writer.add(data);
        const std::size_t bits = algorithm_.output_bytes * 8;
        const std::uint8_t right_encoded[] = {static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits), 2};
        const bool computed = copy_context(ctx_.get(), prefix_.get()) &&
                              EVP_DigestUpdate(ctx_.get(), start, rate + writer.size()) == 1 &&
                              (joined || EVP_DigestUpdate(ctx_.get(), data.data(), data.size()) == 1) &&
                              EVP_DigestUpdate(ctx_.get(), right_encoded, sizeof right_encoded) == 1 &&
                              EVP_DigestFinalXOF(ctx_.get(), out, algorithm_.output_bytes) == 1;
        (void)EVP_MD_CTX_reset(ctx_.get());  // cleanses the last block of data, which the context still holds
        return computed;
    }

private:
    EvpMdCtx prefix_;
    EvpMdCtx ctx_;
    const DigestAlgorithm& algorithm_;
};

std::unique_ptr<Mac> make_blake2(const DigestAlgorithm& algorithm) {
    EvpMac mac(EVP_MAC_fetch(nullptr, algorithm.openssl_name, nullptr));
    if (!mac) return nullptr;
    EvpMacCtx ctx(EVP_MAC_CTX_new(mac.get()));
    if (!ctx) throw std::bad_alloc();
    std::size_t size = algorithm.output_bytes;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(ctx.get(), params) != 1) return nullptr;
    return std::make_unique<Blake2Mac>(std::move(ctx), algorithm.output_bytes);
}

const char* name(std::size_t id) { return digest_algorithms[id].name; }

bool provided(std::size_t id) { return make_mac(digest_algorithms[id]) != nullptr; }

}  // namespace

std::unique_ptr<Mac> make_mac(const DigestAlgorithm& algorithm) {
    if (algorithm.kind == MacKind::blake2) return make_blake2(algorithm);
    EvpMd md(EVP_MD_fetch(nullptr, algorithm.openssl_name, nullptr));
    if (!md) return nullptr;
    if (algorithm.kind == MacKind::kmac) return KmacMac::create(md, algorithm);
    return std::make_unique<HmacMac>(started_context(md), algorithm);
}

const PoolKind digest_pool = {"digests=", kDigestAlgorithms, kDefaults, name, provided};

}  // namespace caas
