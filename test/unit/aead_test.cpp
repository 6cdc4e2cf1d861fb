// Class Aead: against published vectors, in place, and at the limits.
#include "../../src/core/cipher_pool.hpp"
#include "published.hpp"
#include "sealed_support.hpp"

#include <algorithm>
#include <climits>
#include <iostream>
#include <map>
#include <stdexcept>

namespace caas::test {
namespace {

struct Case {
    Blob key;
    Blob iv;
    Blob associated;
    Blob data;
    Blob sealed;  // ciphertext and tag
};

AeadKey key_of(const Case& vector) {
    return {std::span<const std::uint8_t, kAeadKeyBytes>(vector.key.data(), kAeadKeyBytes),
            std::span<const std::uint8_t, kAeadIvBytes>(vector.iv.data(), kAeadIvBytes)};
}

std::unique_ptr<Aead> aead_of(std::string_view name) {
    const auto id = find_algorithm(cipher_pool, name);
    if (!id) throw std::runtime_error("not in the pool: " + std::string(name));
    return make_aead(*id);
}

Opened opening(Aead& aead, const Case& vector, Blob& out) {
    out.assign(vector.sealed.size() < kAeadTagBytes ? 0 : vector.sealed.size() - kAeadTagBytes, 0x5A);
    return aead.open(key_of(vector), vector.associated, vector.sealed, out.data());
}

// Seals and opens, into another buffer and in place. A value whose tag differs in its last bit does not open.
void expect_valid(Aead& aead, const Case& vector, const std::string& what) {
    ASSERT_EQ(vector.key.size(), kAeadKeyBytes) << what;
    ASSERT_EQ(vector.iv.size(), kAeadIvBytes) << what;
    Blob out(vector.sealed.size());
    ASSERT_TRUE(aead.seal(key_of(vector), vector.associated, vector.data, out.data())) << what;
    ASSERT_EQ(hex(out), hex(vector.sealed)) << what;
    Blob same(vector.data);
    same.resize(vector.sealed.size());
    ASSERT_TRUE(aead.seal(key_of(vector), vector.associated, Bytes(same).first(vector.data.size()), same.data()));
    ASSERT_EQ(hex(same), hex(vector.sealed)) << what;
    ASSERT_EQ(aead.open(key_of(vector), vector.associated, same, same.data()), Opened::yes) << what;
    ASSERT_EQ(hex(Bytes(same).first(vector.data.size())), hex(vector.data)) << what;

    ASSERT_EQ(opening(aead, vector, out), Opened::yes) << what;
    ASSERT_EQ(hex(out), hex(vector.data)) << what;
    Case spoilt(vector);
    spoilt.sealed.back() ^= 1;
    ASSERT_EQ(opening(aead, spoilt, out), Opened::refused) << what;
}

Blob joined(Blob first, const Blob& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

TEST(Aead, Wycheproof) {
    struct File {
        const char* name;
        const char* algorithm;
        std::size_t fitting;  // so many have the sizes of the pool
    };
    const File files[] = {{"aes_gcm_test.json", "aes-256-gcm", 66},
                          {"chacha20_poly1305_test.json", "chacha20-poly1305", 316}};
    for (const auto& [file, algorithm, fitting] : files) {
        const std::string path = wycheproof_path(file);
        if (path.empty()) GTEST_SKIP() << kNoWycheproof;
        const auto aead = aead_of(algorithm);
        const std::vector<Record> tests = read_wycheproof_aeads(path);
        EXPECT_EQ(tests.size(), fitting) << file;
        for (const Record& test : tests) {
            const auto bytes = [&](const char* field) { return unhex(test.at(field)); };
            const Case vector = {bytes("key"), bytes("iv"), bytes("aad"), bytes("msg"),
                                 joined(bytes("ct"), bytes("tag"))};
            const std::string what = std::string(algorithm) + " test " + test.at("tcId");
            Blob out;
            if (test.at("result") == "valid") {
                expect_valid(*aead, vector, what);
            } else {
                ASSERT_EQ(opening(*aead, vector, out), Opened::refused) << what;
            }
        }
    }
}

// Reads "Name = value" and "Name = " alike.
bool read_nist_field(std::string line, Record& record) {
    if (line.ends_with(" =")) line += ' ';
    return read_field(line, record);
}

TEST(Aead, NistGcm) {
    const auto aead = aead_of("aes-256-gcm");
    int sealed = 0;
    int opened = 0;
    int refused = 0;
    for (const char* file : {"ciphers/AES/GCM/gcmEncryptExtIV256.rsp", "ciphers/AES/GCM/gcmDecrypt256.rsp"}) {
        const std::string path = published_path(file);
        if (path.empty()) GTEST_SKIP() << kNoPublishedVectors;
        const bool decrypting = std::string_view(file).find("Decrypt") != std::string_view::npos;
        bool in_section = false;
        Record record;
        for_each_line(path, [&](const std::string& line) {
            if (line.starts_with("[IVlen")) in_section = line == "[IVlen = 96]";
            if (line.starts_with("[Taglen")) in_section = in_section && line == "[Taglen = 128]";
            const bool failing = line == "FAIL";
            const char* last = decrypting ? "PT" : "Tag";
            if ((!read_nist_field(line, record) || !line.starts_with(last)) && !failing) return;
            if (!in_section) return;
            const Case vector = {unhex(record.at("Key")), unhex(record.at("IV")), unhex(record.at("AAD")),
                                 failing ? Blob() : unhex(record.at("PT")),
                                 joined(unhex(record.at("CT")), unhex(record.at("Tag")))};
            if (failing) {
                Blob out;
                ASSERT_EQ(opening(*aead, vector, out), Opened::refused) << hex(vector.key);
                refused++;
            } else {
                expect_valid(*aead, vector, "GCM key " + hex(vector.key));
                (decrypting ? opened : sealed)++;
            }
        });
    }
    EXPECT_EQ(sealed, 375);  // 5 lengths of data, 5 of associated data, 15 each
    EXPECT_EQ(opened + refused, 375);
    EXPECT_GT(refused, 100);
}

TEST(Aead, Rfc7539) {
    const std::string path = published_path("ciphers/ChaCha20Poly1305/boringssl.txt");
    if (path.empty()) GTEST_SKIP() << kNoPublishedVectors;
    const auto aead = aead_of("chacha20-poly1305");
    int seen = 0;
    std::map<std::string, Blob> record;
    for_each_line(path, [&](const std::string& line) {
        const std::size_t at = line.find('=');
        if (line.starts_with('#') || line.starts_with("COUNT") || at == std::string::npos) return;
        const std::string value = line.substr(std::min(at + 2, line.size()));
        const std::string name = line.substr(0, at);
        record[name] = value.starts_with('"') ? blob_of(value.substr(1, value.size() - 2)) : unhex(value);
        if (name != "TAG" || record.at("TAG").size() != kAeadTagBytes) return;
        expect_valid(*aead,
                     {record.at("KEY"), record.at("NONCE"), record.at("AD"), record.at("IN"),
                      joined(record.at("CT"), record.at("TAG"))},
                     line);
        seen++;
    });
    EXPECT_EQ(seen, 66);
}

// RFC 7253, appendix A: a sum over values of every length from 0 to 127, for which the RFC gives one result for each
// size of key. It takes the place of vectors for this size, of which there are none.
TEST(Aead, Rfc7253) {
    const auto aead = aead_of("aes-256-ocb");
    Case vector = {Blob(kAeadKeyBytes), Blob(kAeadIvBytes), {}, {}, {}};
    vector.key.back() = 8 * kAeadTagBytes;
    Blob sum;
    unsigned counter = 0;
    const auto seal = [&](const Blob& associated, const Blob& data) {
        vector.iv[kAeadIvBytes - 2] = static_cast<std::uint8_t>(counter >> 8);
        vector.iv[kAeadIvBytes - 1] = static_cast<std::uint8_t>(counter);
        Blob out(data.size() + kAeadTagBytes);
        EXPECT_TRUE(aead->seal(key_of(vector), associated, data, out.data()));
        return out;
    };
    for (std::size_t length = 0; length < 128; length++) {
        const Blob zeroes(length);
        for (int kind = 0; kind < 3; kind++) {
            counter++;
            sum = joined(sum, seal(kind == 1 ? Blob() : zeroes, kind == 2 ? Blob() : zeroes));
        }
    }
    ASSERT_EQ(sum.size(), 22400U);
    counter++;
    EXPECT_EQ(hex(seal(sum, {})), "d90eb8e9c977c88b79dd793d7ffa161c");
}

TEST(Aead, FileOfTheProject) {
    std::map<std::string, int> seen;
    for (const Record& test : read_flat_json("test/vectors/aead_published.json")) {
        const auto bytes = [&](const char* field) { return unhex(test.at(field)); };
        const std::string& algorithm = test.at("algorithm");
        seen[algorithm]++;
        if (!expect_provided(algorithm)) {
            if (seen[algorithm] == 1) std::cout << algorithm << ": not run, " << kNeedsOpenSsl32 << "\n";
            continue;
        }
        expect_valid(*aead_of(algorithm), {bytes("key"), bytes("iv"), bytes("aad"), bytes("data"), bytes("sealed")},
                     algorithm + " key " + test.at("key"));
    }
    const std::map<std::string, int> expected = {{"aes-256-gcm-siv", 26}, {"aria-256-gcm", 1}};
    EXPECT_EQ(seen, expected);
}

class EachAead : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (!expect_provided(GetParam())) GTEST_SKIP() << kNeedsOpenSsl32;
        aead_ = aead_of(GetParam());
    }
    std::unique_ptr<Aead> aead_;
};

TEST_P(EachAead, ShortAndHugeValues) {
    const Case empty = {Blob(kAeadKeyBytes, 1), Blob(kAeadIvBytes, 2), {}, {}, {}};
    std::uint8_t out[64] = {};
    for (std::size_t length = 0; length < kAeadTagBytes; length++) {
        EXPECT_EQ(aead_->open(key_of(empty), {}, Blob(length), out), Opened::refused);
    }
    // OpenSSL takes lengths as int. Longer data is refused before it is read, so the test needs no such memory.
    const std::uint8_t byte = 0;
    const Bytes huge(&byte, std::size_t{INT_MAX} + 1);
    EXPECT_FALSE(aead_->seal(key_of(empty), {}, huge, out));
    EXPECT_FALSE(aead_->seal(key_of(empty), huge, {}, out));
    EXPECT_EQ(aead_->open(key_of(empty), {}, huge, out), Opened::refused);
    EXPECT_EQ(aead_->open(key_of(empty), huge, Blob(20), out), Opened::refused);
    EXPECT_TRUE(all_zero(out));
}

// Lengths of data and associated data around the block size; a context works after it has refused a value.
TEST_P(EachAead, ContextIsUsedAgain) {
    Random random;
    for (int i = 0; i < 3000; i++) {
        Case vector = {random.bytes(kAeadKeyBytes),
                       random.bytes(kAeadIvBytes),
                       random.bytes(random.below(70)),
                       random.bytes(random.below(70)),
                       {}};
        vector.sealed.resize(vector.data.size() + kAeadTagBytes);
        ASSERT_TRUE(aead_->seal(key_of(vector), vector.associated, vector.data, vector.sealed.data()));
        Blob out;
        Case spoilt(vector);
        spoilt.sealed[random.below(spoilt.sealed.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
        ASSERT_EQ(opening(*aead_, spoilt, out), Opened::refused);
        ASSERT_EQ(opening(*aead_, vector, out), Opened::yes);
        ASSERT_EQ(hex(out), hex(vector.data));
    }
}

INSTANTIATE_TEST_SUITE_P(Aead, EachAead, testing::ValuesIn(kCipherNames), [](const auto& info) {
    std::string name(info.param);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

}  // namespace
}  // namespace caas::test
