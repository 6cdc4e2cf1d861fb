// Every published vector of the project's formats that the core computes, through the C ABI where the ABI has it.
#include "../../src/core/kdf.hpp"
#include "../../src/core/profile.hpp"
#include "published.hpp"
#include "support.hpp"

namespace caas::test {
namespace {

std::vector<Record> vectors_of_kind(std::string_view kind) {
    std::vector<Record> vectors = read_flat_json("test/vectors/digest.json");
    std::erase_if(vectors, [&](const Record& vector) { return vector.at("kind") != kind; });
    return vectors;
}

// The text that a failing test prints for a vector.
std::string shown(const Record& vector) { return vector.at("uuid") + " '" + vector.at("text") + "'"; }

SecretKey<kSecretBytes> published_secret() {
    const Blob secret = unhex(vectors_of_kind("generation").at(0).at("secret"));
    return SecretKey<kSecretBytes>(std::span<const std::uint8_t, kSecretBytes>(secret.data(), kSecretBytes));
}

TEST(Vectors, FileHoldsThePublishedOnes) {
    EXPECT_EQ(vectors_of_kind("generation").size(), 1U);
    EXPECT_EQ(vectors_of_kind("digest").size(), 11U);
}

TEST(Vectors, PurposeKeys) {
    const Record generation = vectors_of_kind("generation").at(0);
    for (const char* purpose : {"digest", "seal"}) {
        const auto key = derive_purpose_key(published_secret(), purpose);
        ASSERT_TRUE(key.ok());
        EXPECT_EQ(hex(key.value().expose()), generation.at("key_" + std::string(purpose))) << purpose;
    }
}

TEST(Vectors, CheckValueAndPools) {
    const Record generation = vectors_of_kind("generation").at(0);
    const EnginePtr engine = engine_with(published_keyring());
    caas_generation_info info = {};
    ASSERT_EQ(caas_engine_generation(engine.get(), 0, &info, nullptr), CAAS_OK);
    EXPECT_EQ(info.check_value, generation.at("check_value"));
    EXPECT_EQ(info.number, std::stoi(generation.at("generation")));
    EXPECT_EQ(info.digests, generation.at("digests"));
    EXPECT_EQ(info.ciphers, generation.at("ciphers"));
    EXPECT_EQ(info.passwords, generation.at("passwords"));
}

TEST(Vectors, Digests) {
    const EnginePtr engine = engine_with(published_keyring());
    for (const Record& vector : vectors_of_kind("digest")) {
        const Blob uuid = parse_uuid(vector.at("uuid"));
        const Digest digest = digest_of(engine.get(), uuid, vector.at("text"));
        ASSERT_EQ(digest.status, CAAS_OK);
        EXPECT_EQ(digest.hex, vector.at("digest")) << shown(vector);
        EXPECT_EQ(digest_of(engine.get(), uuid, vector.at("text"), 1).hex, vector.at("digest")) << shown(vector);
    }
}

TEST(Vectors, Profiles) {
    const EnginePtr engine = engine_with(published_keyring());
    for (const Record& vector : vectors_of_kind("digest")) {
        caas_profile_info profile = {};
        ASSERT_EQ(caas_profile(engine.get(), parse_uuid(vector.at("uuid")).data(), 0, &profile, nullptr), CAAS_OK);
        EXPECT_EQ(profile.generation, 1);
        EXPECT_EQ(profile.algorithm, vector.at("algorithm")) << shown(vector);
        EXPECT_EQ(profile.salt_length, std::stoi(vector.at("salt_length"))) << shown(vector);
        EXPECT_EQ(profile.digest_length * 2, static_cast<int>(vector.at("digest").size())) << shown(vector);
    }
}

TEST(Vectors, KeysAndSalts) {
    const auto key = derive_purpose_key(published_secret(), "digest");
    ASSERT_TRUE(key.ok());
    auto kdf = SubjectKdf::create(key.value());
    ASSERT_TRUE(kdf.ok());
    int seen = 0;
    for (const Record& vector : vectors_of_kind("digest")) {
        if (!vector.contains("key")) continue;
        seen++;
        DigestProfile profile;
        const Blob uuid = parse_uuid(vector.at("uuid"));
        ASSERT_TRUE(profile.derive(kdf.value(), as_uuid(uuid), default_pool(digest_pool)));
        EXPECT_EQ(hex(profile.expose_key()), vector.at("key"));
        EXPECT_EQ(hex(profile.expose_salt()), vector.at("salt"));
    }
    EXPECT_GT(seen, 0);
}

TEST(Vectors, VerifyAcceptsThem) {
    const EnginePtr engine = engine_with(published_keyring());
    for (const Record& vector : vectors_of_kind("digest")) {
        const std::string data = vector.at("text");
        std::string stored = vector.at("digest");
        const Blob uuid = parse_uuid(vector.at("uuid"));
        int generation = 0;
        const auto verify = [&] {
            return caas_verify(engine.get(), uuid.data(), data.data(), data.size(), stored.data(), stored.size(),
                               CAAS_FORM_HEX, &generation, nullptr);
        };
        ASSERT_EQ(verify(), CAAS_OK);
        EXPECT_EQ(generation, 1) << shown(vector);
        stored[0] = stored[0] == '0' ? '1' : '0';
        ASSERT_EQ(verify(), CAAS_OK);
        EXPECT_EQ(generation, 0) << shown(vector);
    }
}

}  // namespace
}  // namespace caas::test
