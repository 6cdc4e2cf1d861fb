// Every vector of the project's files for sealed values, blind indexes and passwords. They were made by another
// implementation of docs/spec.md, so that agreement means something.
#include "../../src/core/generation_keys.hpp"
#include "../../src/core/text.hpp"
#include "values.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <map>

namespace caas::test {
namespace {

using nlohmann::json;

std::string text(const json& vector, const char* field) { return vector.at(field).get<std::string>(); }

// The generation of a vector, active in an engine of its own.
class Generations {
public:
    // A record of kind "generation": what follows uses it.
    void add(const json& record) {
        const int number = record.at("generation");
        const Blob secret = unhex(text(record, "secret"));
        std::string line = generation_line(number, "active", secret, pools_of(record));
        engines_[number] = engine_with(std::string(kVersionLine) + line);
        caas_generation_info info = {};
        ASSERT_EQ(caas_engine_generation(engines_[number].get(), 0, &info, nullptr), CAAS_OK);
        EXPECT_EQ(info.check_value, text(record, "check_value"));
        for (const char* purpose : {"seal", "index", "password"}) {
            const std::string field = "key_" + std::string(purpose);
            if (!record.contains(field)) continue;
            const auto key = derive_purpose_key(
                SecretKey<kSecretBytes>(std::span<const std::uint8_t, kSecretBytes>(secret.data(), kSecretBytes)),
                purpose);
            ASSERT_TRUE(key.ok());
            EXPECT_EQ(hex(key.value().expose()), text(record, field.c_str()));
        }
    }
    caas_engine* of(const json& vector) const { return engines_.at(vector.at("generation").get<int>()).get(); }

private:
    static std::string pools_of(const json& record) {
        return " digests=" + text(record, "digests") + " ciphers=" + text(record, "ciphers") +
               " passwords=" + text(record, "passwords");
    }
    std::map<int, EnginePtr> engines_;
};

void check_sealed(caas_engine* engine, const json& vector) {
    const Blob uuid = parse_uuid(text(vector, "uuid"));
    const std::string context = text(vector, "context");
    const std::string data = text(vector, "text");
    const std::string sealed = text(vector, "sealed");
    ASSERT_EQ(hex(sealed_with_nonce(engine, uuid, context, unhex(text(vector, "nonce")), bytes_of(data))), sealed);
    const Value opened = open_of(engine, uuid, context, unhex(sealed));
    ASSERT_EQ(opened.status, CAAS_OK);
    ASSERT_EQ(hex(opened.bytes), hex(bytes_of(data)));
    caas_sealed_info info = {};
    ASSERT_EQ(caas_sealed_describe(unhex(sealed).data(), sealed.size() / 2, &info), CAAS_OK);
    EXPECT_EQ(info.generation, vector.at("generation").get<int>());
    EXPECT_EQ(info.data_len, data.size());
}

void check_blind_index(caas_engine* engine, const json& vector) {
    const Value index = index_of(engine, text(vector, "context"), text(vector, "text"), vector.at("length"));
    ASSERT_EQ(index.status, CAAS_OK);
    ASSERT_EQ(hex(index.bytes), text(vector, "index"));
}

void check_password(caas_engine* engine, const json& vector) {
    const Blob uuid = parse_uuid(text(vector, "uuid"));
    const std::string password = text(vector, "password");
    const std::string stored = text(vector, "stored");
    const auto parsed = parse_password(stored);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(hex(parsed->salt), text(vector, "salt"));
    PasswordCosts costs = {PasswordCost{10, 8, 1}, {8, 1, 1}, {10000, 0, 0}};
    costs[parsed->algorithm] = parsed->cost;
    const auto made = engine->core.hash_password_with_salt(as_uuid(uuid), bytes_of(password), costs, parsed->salt);
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(made.value(), stored);
    int match = 0;
    ASSERT_EQ(caas_password_verify(engine, uuid.data(), password.data(), password.size(), stored.data(), stored.size(),
                                   &match, nullptr),
              CAAS_OK);
    EXPECT_EQ(match, 1);
}

// The pepper key and what goes into the slow function.
void check_pepper(const json& generation, const json& vector) {
    const Blob secret = unhex(text(generation, "secret"));
    GenerationKeys keys;
    const auto kdf =
        keys.subject(Purpose::password,
                     SecretKey<kSecretBytes>(std::span<const std::uint8_t, kSecretBytes>(secret.data(), kSecretBytes)));
    ASSERT_TRUE(kdf.ok());
    const Blob uuid = parse_uuid(text(vector, "uuid"));
    Pepper pepper;
    ASSERT_TRUE(pepper.derive(*kdf.value(), as_uuid(uuid), default_pool(password_pool)));
    EXPECT_EQ(hex(pepper.expose_key()), text(vector, "pepper_key"));
    PepperedInput input;
    ASSERT_TRUE(pepper.apply(bytes_of(text(vector, "password")), input));
    EXPECT_EQ(hex(input.expose()), text(vector, "input"));
}

// Runs a whole file and returns how many records of each kind it holds: nothing is left out unseen.
std::map<std::string, int> run_file(const std::string& file) {
    std::map<std::string, int> seen;
    Generations generations;
    std::map<int, json> records;
    for (const json& vector : json::parse(read_whole_file("test/vectors/" + file))) {
        const std::string kind = text(vector, "kind");
        seen[kind]++;
        SCOPED_TRACE(file + " " + kind + " " + std::to_string(seen[kind]));
        if (kind == "generation") {
            generations.add(vector);
            records[vector.at("generation")] = vector;
        } else if (kind == "sealed") {
            check_sealed(generations.of(vector), vector);
        } else if (kind == "blind_index") {
            check_blind_index(generations.of(vector), vector);
        } else if (kind == "password") {
            check_password(generations.of(vector), vector);
            check_pepper(records.at(vector.at("generation")), vector);
        } else {
            ADD_FAILURE() << "unknown kind";
        }
    }
    return seen;
}

using Counts = std::map<std::string, int>;

TEST(ValueVectors, Sealed) { EXPECT_EQ(run_file("sealed.json"), (Counts{{"generation", 4}, {"sealed", 43}})); }

TEST(ValueVectors, BlindIndex) {
    EXPECT_EQ(run_file("blind_index.json"), (Counts{{"generation", 4}, {"blind_index", 49}}));
}

TEST(ValueVectors, Passwords) { EXPECT_EQ(run_file("password.json"), (Counts{{"generation", 6}, {"password", 17}})); }

TEST(ValueVectors, AlgorithmsOfOpenSsl32) {
    if (!expect_provided("aes-256-gcm-siv") || !expect_provided("argon2id")) GTEST_SKIP() << kNeedsOpenSsl32;
    EXPECT_EQ(run_file("openssl_3_2.json"), (Counts{{"generation", 1}, {"sealed", 8}, {"password", 5}}));
}

// The retired generations open through one keyring, whichever is active.
TEST(ValueVectors, OneKeyringOpensThemAll) {
    std::string keyring(kVersionLine);
    std::vector<json> sealed;
    for (const json& vector : json::parse(read_whole_file("test/vectors/sealed.json"))) {
        if (vector.at("kind") == "sealed") sealed.push_back(vector);
        if (vector.at("kind") != "generation") continue;
        const int number = vector.at("generation");
        keyring += generation_line(number, number == 1 ? "active" : "retired", unhex(text(vector, "secret")));
    }
    const EnginePtr engine = engine_with(keyring);
    for (const json& vector : sealed) {
        const Value opened = open_of(engine.get(), parse_uuid(text(vector, "uuid")), text(vector, "context"),
                                     unhex(text(vector, "sealed")));
        EXPECT_EQ(hex(opened.bytes), hex(bytes_of(text(vector, "text"))));
    }
}

}  // namespace
}  // namespace caas::test
