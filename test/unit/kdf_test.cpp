// The key schedule against OpenSSL's KBKDF and RFC 5869 written out, and the reference itself against NIST's vectors.
#include "../../src/core/kdf.hpp"
#include "published.hpp"
#include "reference.hpp"
#include "support.hpp"

#include <iostream>

namespace caas::test {
namespace {

SecretKey<kSecretBytes> secret_key(const Blob& bytes) {
    return SecretKey<kSecretBytes>(std::span<const std::uint8_t, kSecretBytes>(bytes.data(), kSecretBytes));
}

Blob derive(SubjectKdf& kdf, const Blob& uuid, std::size_t count) {
    Blob out(count);
    EXPECT_TRUE(kdf.derive(as_uuid(uuid), out.data(), out.size()));
    return out;
}

TEST(Kdf, SubjectKdfIsKbkdfOfOpenSsl) {
    Random random;
    for (int i = 0; i < 10000; i++) {
        const Blob key = random.bytes(kSecretBytes);
        const Blob uuid = random.bytes(kUuidBytes);
        auto kdf = SubjectKdf::create(secret_key(key));
        ASSERT_TRUE(kdf.ok());
        const std::size_t count = 16 * (1 + random.below(SubjectKdf::kMaxBytes / 16));
        ASSERT_EQ(hex(derive(kdf.value(), uuid, count)), hex(reference_okm(key, uuid, count)))
            << "key " << hex(key) << " uuid " << hex(uuid);
    }
}

TEST(Kdf, SubjectKdfKeepsNoStateBetweenUsers) {
    Random random;
    const Blob key = random.bytes(kSecretBytes);
    auto kdf = SubjectKdf::create(secret_key(key));
    ASSERT_TRUE(kdf.ok());
    for (int i = 0; i < 1000; i++) {
        const Blob uuid = random.bytes(kUuidBytes);
        ASSERT_EQ(hex(derive(kdf.value(), uuid, 112)), hex(reference_okm(key, uuid, 112)));
    }
}

TEST(Kdf, SubjectKdfRefusesLengthsItDoesNotMake) {
    auto kdf = SubjectKdf::create(secret_key(secret_of(1)));
    ASSERT_TRUE(kdf.ok());
    const Blob uuid(kUuidBytes);
    std::uint8_t out[256];
    for (const std::size_t count : {0, 1, 15, 17, 40, 111, 113, 128}) {
        EXPECT_FALSE(kdf.value().derive(as_uuid(uuid), out, count)) << count;
    }
}

// The reference is OpenSSL's code: shown to be the KDF of NIST's file, in the one form that the formats use.
TEST(Kdf, ReferenceMatchesNistCounterModeCmacAes256) {
    const std::string path = published_path("KDF/nist-800-108-KBKDF-CTR.txt");
    if (path.empty()) GTEST_SKIP() << kNoPublishedVectors;
    bool in_section = false;
    int seen = 0;
    Record record;
    for_each_line(path, [&](const std::string& line) {
        if (line.starts_with("[PRF=")) in_section = line == "[PRF=CMAC_AES256]";
        if (line.starts_with("[CTRLOCATION=")) in_section = in_section && line == "[CTRLOCATION=BEFORE_FIXED]";
        if (line.starts_with("[RLEN=")) in_section = in_section && line == "[RLEN=32_BITS]";
        if (!read_field(line, record) || !in_section || !line.starts_with("KO")) return;
        const Blob expected = unhex(record.at("KO"));
        EXPECT_EQ(hex(reference_okm(unhex(record.at("KI")), unhex(record.at("FixedInputData")), expected.size())),
                  record.at("KO"));
        seen++;
    });
    EXPECT_EQ(seen, 40);
}

TEST(Kdf, PurposeKeysAreHkdfSha512) {
    Random random;
    for (int i = 0; i < 200; i++) {
        const Blob secret = random.bytes(kSecretBytes);
        for (const char* purpose : {"digest", "seal", "index", "password", "check"}) {
            const auto key = derive_purpose_key(secret_key(secret), purpose);
            ASSERT_TRUE(key.ok());
            EXPECT_EQ(hex(key.value().expose()), hex(reference_purpose_key(secret, purpose))) << purpose;
        }
    }
}

TEST(Kdf, CheckValueIsTheBeginningOfAnHmac) {
    const auto value = check_value(secret_key(secret_of(7)), "65535 digests=a,b ciphers=c passwords=d");
    ASSERT_TRUE(value.ok());
    const Blob key = reference_purpose_key(secret_of(7), "check");
    const Blob mac = reference_hmac("SHA256", key, blob_of("65535 digests=a,b ciphers=c passwords=d"));
    EXPECT_EQ(value.value(), hex(Bytes(mac).first(8)));
}

TEST(Kdf, PickIsTheFloorOfTheProduct) {
    const auto pick_of = [](std::uint64_t s, std::size_t n) {
        std::uint8_t bytes[8];
        for (int i = 0; i < 8; i++) bytes[i] = static_cast<std::uint8_t>(s >> (56 - 8 * i));
        return pick(bytes, n);
    };
    for (std::size_t n = 1; n <= 16; n++) {
        EXPECT_EQ(pick_of(0, n), 0U);
        EXPECT_EQ(pick_of(~std::uint64_t{0}, n), n - 1);
        for (std::size_t k = 1; k < n; k++) {
            // The least s whose product reaches k: ceil(k * 2^64 / n).
            const std::uint64_t whole = ~std::uint64_t{0} / n;
            const std::uint64_t left = ~std::uint64_t{0} % n + 1;
            const std::uint64_t edge = k * whole + (k * left + n - 1) / n;
            EXPECT_EQ(pick_of(edge, n), k) << n;
            EXPECT_EQ(pick_of(edge - 1, n), k - 1) << n;
        }
    }
}

}  // namespace
}  // namespace caas::test
