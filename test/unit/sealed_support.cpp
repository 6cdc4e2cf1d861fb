#include "sealed_support.hpp"

#include "../../src/core/text.hpp"
#include "reference.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <algorithm>
#include <functional>
#include <stdexcept>

namespace caas::test {

bool all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::string keyring_of(int count, std::string_view pools, int active) {
    std::string text(kVersionLine);
    for (int number = 1; number <= count; number++) {
        const bool is_active = number == (active == 0 ? count : active);
        text +=
            generation_line(number, is_active ? "active" : "retired", secret_of(static_cast<unsigned>(number)), pools);
    }
    return text;
}

namespace {

constexpr std::uint8_t kDirt = 0x5A;
constexpr std::size_t kGuard = 16;

// A buffer of `size` dirty bytes for an output, between guards.
class Place {
public:
    explicit Place(std::size_t size) : bytes_(size + 2 * kGuard, kDirt) {}
    std::uint8_t* data() { return bytes_.data() + kGuard; }
    Bytes bytes() const { return Bytes(bytes_).subspan(kGuard, bytes_.size() - 2 * kGuard); }
    void expect_guards() const {
        const auto dirty = [](Bytes part) {
            return std::all_of(part.begin(), part.end(), [](std::uint8_t byte) { return byte == kDirt; });
        };
        EXPECT_TRUE(dirty(Bytes(bytes_).first(kGuard)));
        EXPECT_TRUE(dirty(Bytes(bytes_).last(kGuard)));
    }

private:
    Blob bytes_;
};

// Checks what must hold after every call. A failure to open tells its status and nothing else.
Value checked(caas_status status, const caas_error& error, const Place& place, std::size_t length) {
    place.expect_guards();
    if (status == CAAS_OK) {
        EXPECT_EQ(error.status, CAAS_OK);
        const Bytes out = place.bytes().first(length);
        return {status, {out.begin(), out.end()}};
    }
    EXPECT_EQ(error.status, status);
    EXPECT_TRUE(all_zero(place.bytes())) << status;
    EXPECT_EQ(error.line, 0);
    EXPECT_EQ(error.os_error, 0);
    if (status != CAAS_ERR_CRYPTO && status != CAAS_ERR_ARGUMENT) {
        EXPECT_EQ(error.reason, nullptr);
        EXPECT_EQ(error.algorithm, nullptr);
    }
    return {status, {}};
}

}  // namespace

Value seal_of(caas_engine* engine, const Blob& uuid, std::string_view context, Bytes data) {
    Place place(data.size() + CAAS_SEALED_OVERHEAD);
    caas_error error = {};
    const caas_status status =
        caas_seal(engine, uuid.data(), context.data(), context.size(), data.data(), data.size(), place.data(), &error);
    return checked(status, error, place, place.bytes().size());
}

Value open_of(caas_engine* engine, const Blob& uuid, std::string_view context, Bytes sealed) {
    Place place(sealed.size());
    caas_error error = {};
    std::size_t length = 99;
    const caas_status status = caas_open(engine, uuid.data(), context.data(), context.size(), sealed.data(),
                                         sealed.size(), place.data(), &length, &error);
    EXPECT_EQ(length, status == CAAS_OK ? sealed.size() - CAAS_SEALED_OVERHEAD : 0);
    return checked(status, error, place, length);
}

Value reseal_of(caas_engine* engine, const Blob& uuid, std::string_view context, Bytes sealed, int generation) {
    Place place(sealed.size());
    caas_error error = {};
    const caas_status status = caas_reseal(engine, uuid.data(), generation, context.data(), context.size(),
                                           sealed.data(), sealed.size(), place.data(), &error);
    return checked(status, error, place, sealed.size());
}

Value index_of(caas_engine* engine, std::string_view context, std::string_view data, std::size_t length,
               int generation) {
    Place place(length);
    caas_error error = {};
    const caas_status status = caas_blind_index(engine, generation, context.data(), context.size(), data.data(),
                                                data.size(), place.data(), length, &error);
    return checked(status, error, place, length);
}

Blob sealed_with_nonce(caas_engine* engine, const Blob& uuid, std::string_view context, const Blob& nonce, Bytes data) {
    Blob out(data.size() + kSealedOverhead);
    const Outcome sealed = engine->core.seal_with_nonce({as_uuid(uuid), as_bytes(context)},
                                                        Nonce(nonce.data(), kNonceBytes), data, out.data());
    if (!sealed.ok()) throw std::runtime_error("not sealed");
    return out;
}

bool openssl_is_3_2() { return OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= 2; }

bool expect_provided(std::string_view algorithm) {
    const bool may_be_missing = (algorithm == "aes-256-gcm-siv" || algorithm == "argon2id") && !openssl_is_3_2();
    const PoolKind& kind = find_algorithm(cipher_pool, algorithm) ? cipher_pool : password_pool;
    const bool provided = kind.provided(find_algorithm(kind, algorithm).value());
    EXPECT_TRUE(provided || may_be_missing) << algorithm;
    return provided;
}

namespace {

void require(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

// HKDF-Expand of RFC 5869 by OpenSSL.
Blob reference_expand_sha256(Bytes prk, Bytes info, std::size_t count) {
    const EvpKdf kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
    const EvpKdfCtx ctx(EVP_KDF_CTX_new(kdf.get()));
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<std::uint8_t*>(prk.data()), prk.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<std::uint8_t*>(info.data()), info.size()),
        OSSL_PARAM_construct_end(),
    };
    Blob out(count);
    require(EVP_KDF_derive(ctx.get(), out.data(), out.size(), params) == 1, "HKDF");
    return out;
}

Blob reference_encrypt(const std::string& cipher, Bytes key, Bytes iv, Bytes associated, Bytes data) {
    const EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
    const EvpCipher type(EVP_CIPHER_fetch(nullptr, cipher.c_str(), nullptr));
    require(type != nullptr && EVP_EncryptInit_ex2(ctx.get(), type.get(), key.data(), iv.data(), nullptr) == 1, "key");
    Blob out(data.size() + 16 + 16);
    int part = 0;
    int length = 0;
    require(EVP_EncryptUpdate(ctx.get(), nullptr, &part, associated.data(), static_cast<int>(associated.size())) == 1,
            "associated data");
    if (!data.empty()) {
        require(EVP_EncryptUpdate(ctx.get(), out.data(), &length, data.data(), static_cast<int>(data.size())) == 1,
                "data");
    }
    require(EVP_EncryptFinal_ex(ctx.get(), out.data() + length, &part) == 1, "end");
    length += part;
    require(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, 16, out.data() + length) == 1, "tag");
    out.resize(static_cast<std::size_t>(length) + 16);
    return out;
}

}  // namespace

Blob reference_sealed(const Blob& secret, int generation, const std::vector<std::string>& ciphers, const Blob& uuid,
                      std::string_view context, const Blob& nonce, Bytes data, std::uint8_t spoil) {
    const ReferenceChoice user = reference_choice(reference_purpose_key(secret, "seal"), uuid, ciphers);
    Blob info = blob_of("caas/v1/message");
    info.insert(info.end(), nonce.begin(), nonce.end());
    info.insert(info.end(), context.begin(), context.end());
    const Blob keys = reference_expand_sha256(user.key, info, 60);
    const Bytes all(keys);
    Blob sealed = {1, static_cast<std::uint8_t>(generation / 256), static_cast<std::uint8_t>(generation % 256)};
    sealed.insert(sealed.end(), nonce.begin(), nonce.end());
    for (const std::uint8_t byte : all.subspan(44)) sealed.push_back(byte ^ spoil);
    Blob associated(sealed);
    associated.insert(associated.end(), uuid.begin(), uuid.end());
    associated.insert(associated.end(), context.begin(), context.end());
    const Blob encrypted = reference_encrypt(user.algorithm, all.first(32), all.subspan(32, 12), associated, data);
    sealed.insert(sealed.end(), encrypted.begin(), encrypted.end());
    return sealed;
}

}  // namespace caas::test
