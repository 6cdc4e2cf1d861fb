// Every published vector of the project's formats that the core computes, through the C ABI where the ABI has it.
#include "../../src/core/kdf.hpp"
#include "../../src/core/profile.hpp"
#include "support.hpp"

#include <nlohmann/json.hpp>

namespace caas::test {
namespace {

using nlohmann::json;

std::vector<json> vectors_of_kind(const char* kind) {
    std::vector<json> found;
    for (const json& vector : json::parse(read_whole_file("test/vectors/digest.json"))) {
        if (vector.at("kind") == kind) found.push_back(vector);
    }
    return found;
}

std::string text(const json& vector, const char* field) { return vector.at(field).get<std::string>(); }

SecretKey<kSecretBytes> published_secret() {
    const Blob secret = unhex(text(vectors_of_kind("generation").at(0), "secret"));
    return SecretKey<kSecretBytes>(std::span<const std::uint8_t, kSecretBytes>(secret.data(), kSecretBytes));
}

TEST(Vectors, FileHoldsThePublishedOnes) {
    EXPECT_EQ(vectors_of_kind("generation").size(), 1U);
    EXPECT_EQ(vectors_of_kind("digest").size(), 11U);
}

TEST(Vectors, PurposeKeys) {
    const json generation = vectors_of_kind("generation").at(0);
    for (const char* purpose : {"digest", "seal"}) {
        const auto key = derive_purpose_key(published_secret(), purpose);
        ASSERT_TRUE(key.ok());
        EXPECT_EQ(hex(key.value().expose()), text(generation, ("key_" + std::string(purpose)).c_str())) << purpose;
    }
}

TEST(Vectors, CheckValueAndPools) {
    const json generation = vectors_of_kind("generation").at(0);
    const EnginePtr engine = engine_with(published_keyring());
    caas_generation_info info = {};
    ASSERT_EQ(caas_engine_generation(engine.get(), 0, &info, nullptr), CAAS_OK);
    EXPECT_EQ(info.check_value, text(generation, "check_value"));
    EXPECT_EQ(info.number, generation.at("generation").get<int>());
    EXPECT_EQ(info.digests, text(generation, "digests"));
    EXPECT_EQ(info.ciphers, text(generation, "ciphers"));
    EXPECT_EQ(info.passwords, text(generation, "passwords"));
}

TEST(Vectors, Digests) {
    const EnginePtr engine = engine_with(published_keyring());
    for (const json& vector : vectors_of_kind("digest")) {
        const Blob uuid = parse_uuid(text(vector, "uuid"));
        const Digest digest = digest_of(engine.get(), uuid, text(vector, "text"));
        ASSERT_EQ(digest.status, CAAS_OK);
        EXPECT_EQ(digest.hex, text(vector, "digest")) << vector;
        EXPECT_EQ(digest_of(engine.get(), uuid, text(vector, "text"), 1).hex, text(vector, "digest")) << vector;
    }
}

TEST(Vectors, Profiles) {
    const EnginePtr engine = engine_with(published_keyring());
    for (const json& vector : vectors_of_kind("digest")) {
        caas_profile_info profile = {};
        ASSERT_EQ(caas_profile(engine.get(), parse_uuid(text(vector, "uuid")).data(), 0, &profile, nullptr), CAAS_OK);
        EXPECT_EQ(profile.generation, 1);
        EXPECT_EQ(profile.algorithm, text(vector, "algorithm")) << vector;
        EXPECT_EQ(profile.salt_length, vector.at("salt_length").get<int>()) << vector;
        EXPECT_EQ(profile.digest_length * 2, static_cast<int>(text(vector, "digest").size())) << vector;
    }
}

TEST(Vectors, KeysAndSalts) {
    const auto key = derive_purpose_key(published_secret(), "digest");
    ASSERT_TRUE(key.ok());
    auto kdf = SubjectKdf::create(key.value());
    ASSERT_TRUE(kdf.ok());
    int seen = 0;
    for (const json& vector : vectors_of_kind("digest")) {
        if (!vector.contains("key")) continue;
        seen++;
        DigestProfile profile;
        const Blob uuid = parse_uuid(text(vector, "uuid"));
        ASSERT_TRUE(profile.derive(kdf.value(), as_uuid(uuid), default_pool(digest_pool)));
        EXPECT_EQ(hex(profile.expose_key()), text(vector, "key"));
        EXPECT_EQ(hex(profile.expose_salt()), text(vector, "salt"));
    }
    EXPECT_GT(seen, 0);
}

TEST(Vectors, VerifyAcceptsThem) {
    const EnginePtr engine = engine_with(published_keyring());
    for (const json& vector : vectors_of_kind("digest")) {
        const std::string data = text(vector, "text");
        std::string stored = text(vector, "digest");
        const Blob uuid = parse_uuid(text(vector, "uuid"));
        int generation = 0;
        const auto verify = [&] {
            return caas_verify(engine.get(), uuid.data(), data.data(), data.size(), stored.data(), stored.size(),
                               CAAS_FORM_HEX, &generation, nullptr);
        };
        ASSERT_EQ(verify(), CAAS_OK);
        EXPECT_EQ(generation, 1) << vector;
        stored[0] = stored[0] == '0' ? '1' : '0';
        ASSERT_EQ(verify(), CAAS_OK);
        EXPECT_EQ(generation, 0) << vector;
    }
}

}  // namespace
}  // namespace caas::test
