#include "reference.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <map>
#include <stdexcept>

namespace caas::test {

namespace {

void require(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

OSSL_PARAM text_param(const char* name, const char* value) {
    return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

OSSL_PARAM bytes_param(const char* name, Bytes value) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()), value.size());
}

struct MacOfName {
    const char* mac;
    const char* hash;
    std::size_t output_bytes;
};

const std::map<std::string_view, MacOfName> macs = {
    {"blake2b-512", {"BLAKE2BMAC", "", 64}},
    {"blake2s-256", {"BLAKE2SMAC", "", 32}},
    {"hmac-sha256", {"HMAC", "SHA256", 32}},
    {"hmac-sha384", {"HMAC", "SHA384", 48}},
    {"hmac-sha512", {"HMAC", "SHA512", 64}},
    {"hmac-sha512-256", {"HMAC", "SHA512-256", 32}},
    {"kmac128", {"KMAC128", "", 32}},
    {"kmac256", {"KMAC256", "", 64}},
    {"hmac-md5", {"HMAC", "MD5", 16}},
    {"hmac-sha1", {"HMAC", "SHA1", 20}},
    {"hmac-ripemd160", {"HMAC", "RIPEMD160", 20}},
    {"hmac-sha224", {"HMAC", "SHA224", 28}},
    {"hmac-sm3", {"HMAC", "SM3", 32}},
    {"hmac-sha3-256", {"HMAC", "SHA3-256", 32}},
    {"hmac-sha3-384", {"HMAC", "SHA3-384", 48}},
    {"hmac-sha3-512", {"HMAC", "SHA3-512", 64}},
};

}  // namespace

ReferenceMac::ReferenceMac(std::string_view name) {
    const MacOfName& of = macs.at(name);
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, of.mac, nullptr), EVP_MAC_free);
    require(mac != nullptr, of.mac);
    ctx_.reset(EVP_MAC_CTX_new(mac.get()));
    require(ctx_ != nullptr, of.mac);
    hash_ = of.hash;
    output_bytes_ = of.output_bytes;
}

Blob ReferenceMac::compute(Bytes key, Bytes message) {
    std::size_t size = output_bytes_;
    const OSSL_PARAM params[] = {
        hash_.empty() ? OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size)
                      : text_param(OSSL_MAC_PARAM_DIGEST, hash_.c_str()),
        OSSL_PARAM_construct_end(),
    };
    Blob out(EVP_MAX_MD_SIZE);
    std::size_t written = 0;
    require(EVP_MAC_init(ctx_.get(), key.data(), key.size(), params) == 1 &&
                EVP_MAC_update(ctx_.get(), message.data(), message.size()) == 1 &&
                EVP_MAC_final(ctx_.get(), out.data(), &written, out.size()) == 1,
            "MAC");
    out.resize(written);
    return out;
}

Blob reference_hmac(const char* hash, Bytes key, Bytes message) {
    Blob out(EVP_MAX_MD_SIZE);
    std::size_t written = 0;
    require(EVP_Q_mac(nullptr, "HMAC", nullptr, hash, nullptr, key.data(), key.size(), message.data(), message.size(),
                      out.data(), out.size(), &written) != nullptr,
            "HMAC");
    out.resize(written);
    return out;
}

Blob reference_purpose_key(const Blob& secret, std::string_view purpose) {
    const Blob prk = reference_hmac("SHA512", blob_of("caas/v1"), secret);
    Blob info = blob_of("caas/v1/" + std::string(purpose));
    info.push_back(1);
    Blob key = reference_hmac("SHA512", prk, info);
    key.resize(kSecretBytes);
    return key;
}

Blob reference_okm(Bytes key, Bytes info, std::size_t count, std::string_view cipher) {
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "KBKDF", nullptr), EVP_KDF_free);
    require(kdf != nullptr, "KBKDF");
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> ctx(EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
    require(ctx != nullptr, "KBKDF");
    int no = 0;
    const std::string cipher_name(cipher);
    const OSSL_PARAM params[] = {
        text_param(OSSL_KDF_PARAM_MODE, "counter"),
        text_param(OSSL_KDF_PARAM_MAC, "CMAC"),
        text_param(OSSL_KDF_PARAM_CIPHER, cipher_name.c_str()),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_KBKDF_USE_L, &no),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_KBKDF_USE_SEPARATOR, &no),
        bytes_param(OSSL_KDF_PARAM_KEY, key),
        bytes_param(OSSL_KDF_PARAM_INFO, info),
        OSSL_PARAM_construct_end(),
    };
    Blob out(count);
    require(EVP_KDF_derive(ctx.get(), out.data(), out.size(), params) == 1, "KBKDF");
    return out;
}

namespace {

// floor(s * n / 2^64) for n that are powers of two or small, by schoolbook halves: no 128-bit type as in the core.
std::size_t reference_pick(Bytes s, std::size_t n) {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    for (std::size_t i = 0; i < 4; i++) {
        high = high << 8 | s[i];
        low = low << 8 | s[4 + i];
    }
    return static_cast<std::size_t>((high * n + (low * n >> 32)) >> 32);
}

}  // namespace

ReferenceChoice reference_choice(const Blob& purpose_key, const Blob& uuid, const std::vector<std::string>& pool) {
    const Blob okm = reference_okm(purpose_key, uuid, 40);
    return {pool[reference_pick(Bytes(okm).subspan(32, 8), pool.size())], {okm.begin(), okm.begin() + 32}};
}

ReferenceProfile reference_profile(const Blob& purpose_key, const Blob& uuid, const std::vector<std::string>& digests) {
    constexpr std::size_t kLengths[] = {8, 16, 32, 64};
    const Blob okm = reference_okm(purpose_key, uuid, 112);
    const Bytes all(okm);
    const Bytes salt = all.subspan(48, kLengths[reference_pick(all.subspan(40, 8), 4)]);
    return {digests[reference_pick(all.subspan(32, 8), digests.size())],
            {okm.begin(), okm.begin() + 32},
            {salt.begin(), salt.end()}};
}

}  // namespace caas::test
