// Every vector of the project's files for sealed values, blind indexes and passwords. They were made by another
// implementation of docs/spec.md, so agreement means something.
#include "../../src/core/keyring.hpp"
#include "../../src/core/text.hpp"
#include "published.hpp"
#include "sealed_support.hpp"

#include <algorithm>
#include <iostream>
#include <map>

namespace caas::test {
namespace {

int number_of(const Record& vector) { return std::stoi(vector.at("generation")); }

// The generation of a vector, active in an engine of its own.
class Generations {
public:
    // A record of kind "generation" is used by the records that follow it.
    void add(const Record& record) {
        const int number = number_of(record);
        const Blob secret = unhex(record.at("secret"));
        std::string line = generation_line(number, "active", secret, pools_of(record));
        lines_[number] = {secret, pools_of(record)};
        engines_[number] = engine_with(std::string(kVersionLine) + line);
        caas_generation_info info = {};
        ASSERT_EQ(caas_engine_generation(engines_[number].get(), 0, &info, nullptr), CAAS_OK);
        EXPECT_EQ(info.check_value, record.at("check_value"));
        for (const char* purpose : {"seal", "reseal", "index", "password"}) {
            const std::string field = "key_" + std::string(purpose);
            if (!record.contains(field)) continue;
            const auto key = derive_purpose_key(
                SecretKey<kSecretBytes>(std::span<const std::uint8_t, kSecretBytes>(secret.data(), kSecretBytes)),
                purpose);
            ASSERT_TRUE(key.ok());
            EXPECT_EQ(hex(key.value().expose()), record.at(field));
        }
    }
    caas_engine* of(const Record& vector) const { return engines_.at(number_of(vector)).get(); }
    // An engine with all generations that were added; that of the vector is the active one.
    EnginePtr all_with(const Record& vector) const {
        std::string keyring(kVersionLine);
        for (const auto& [number, line] : lines_) {
            keyring +=
                generation_line(number, number == number_of(vector) ? "active" : "retired", line.first, line.second);
        }
        return engine_with(keyring);
    }

private:
    static std::string pools_of(const Record& record) {
        return " digests=" + record.at("digests") + " ciphers=" + record.at("ciphers") +
               " passwords=" + record.at("passwords") +
               (record.contains("index") ? " index=" + record.at("index") : "");
    }
    std::map<int, EnginePtr> engines_;
    std::map<int, std::pair<Blob, std::string>> lines_;  // secret and pools
};

void check_sealed(caas_engine* engine, const Record& vector) {
    const Blob uuid = parse_uuid(vector.at("uuid"));
    const std::string context = vector.at("context");
    const std::string data = vector.at("text");
    const std::string sealed = vector.at("sealed");
    ASSERT_EQ(hex(sealed_with_nonce(engine, uuid, context, unhex(vector.at("nonce")), as_bytes(data))), sealed);
    const Value opened = open_of(engine, uuid, context, unhex(sealed));
    ASSERT_EQ(opened.status, CAAS_OK);
    ASSERT_EQ(hex(opened.bytes), hex(as_bytes(data)));
    caas_sealed_info info = {};
    ASSERT_EQ(caas_sealed_describe(unhex(sealed).data(), sealed.size() / 2, &info), CAAS_OK);
    EXPECT_EQ(info.generation, number_of(vector));
    EXPECT_EQ(info.data_len, data.size());
}

// The engine has both generations of the vector.
void check_reseal(caas_engine* engine, const Record& vector) {
    const Blob uuid = parse_uuid(vector.at("uuid"));
    const std::string context = vector.at("context");
    const Blob old = unhex(vector.at("sealed"));
    const Value resealed = reseal_of(engine, uuid, context, old, number_of(vector));
    ASSERT_EQ(resealed.status, CAAS_OK);
    ASSERT_EQ(hex(resealed.bytes), vector.at("resealed"));
    ASSERT_EQ(hex(Bytes(resealed.bytes).subspan(3, kNonceBytes)), vector.at("nonce"));
    ASSERT_EQ(hex(open_of(engine, uuid, context, resealed.bytes).bytes),
              hex(open_of(engine, uuid, context, old).bytes));
}

void check_blind_index(caas_engine* engine, const Record& vector) {
    const Value index = index_of(engine, vector.at("context"), vector.at("text"), std::stoul(vector.at("length")));
    ASSERT_EQ(index.status, CAAS_OK);
    ASSERT_EQ(hex(index.bytes), vector.at("index"));
}

// An index of the normalised text; the empty one stands for none.
void check_normalized(caas_engine* engine, const Record& vector) {
    const std::string name = vector.at("normalize");
    const std::string text = vector.at("text");
    caas_normalization kind = CAAS_NORMALIZE_NONE;
    ASSERT_EQ(caas_normalization_parse(name.data(), name.size(), &kind), 1);
    std::string out(vector.at("normalized").size(), '\0');
    std::size_t length = 99;
    ASSERT_EQ(caas_normalize(kind, text.data(), text.size(), out.data(), out.size(), &length, nullptr), CAAS_OK);
    ASSERT_EQ(out, vector.at("normalized"));
    ASSERT_EQ(length, out.size());
    if (vector.at("index").empty()) {
        EXPECT_EQ(length, 0U);
        return;
    }
    const Value index = index_of(engine, vector.at("context"), out, std::stoul(vector.at("length")));
    ASSERT_EQ(hex(index.bytes), vector.at("index"));
}

void check_password(caas_engine* engine, const Record& vector) {
    const Blob uuid = parse_uuid(vector.at("uuid"));
    const std::string password = vector.at("password");
    const std::string stored = vector.at("stored");
    const auto parsed = parse_password(stored);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(hex(parsed->salt), vector.at("salt"));
    PasswordCosts costs = {PasswordCost{10, 8, 1}, {8, 1, 1}, {10000, 0, 0}};
    costs[parsed->algorithm] = parsed->cost;
    const auto made = engine->core.hash_password_with_salt(as_uuid(uuid), as_bytes(password), costs, parsed->salt);
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(made.value(), stored);
    int match = 0;
    ASSERT_EQ(caas_password_verify(engine, uuid.data(), password.data(), password.size(), stored.data(), stored.size(),
                                   &match, nullptr),
              CAAS_OK);
    EXPECT_EQ(match, 1);
}

// The pepper key and the input of the slow function.
void check_pepper(const Record& generation, const Record& vector) {
    const Blob secret = unhex(generation.at("secret"));
    Generation keys;
    std::copy_n(secret.data(), kSecretBytes, keys.secret.expose_mutable().data());
    const auto kdf = keys.subject_kdf(Purpose::password);
    ASSERT_TRUE(kdf.ok());
    const Blob uuid = parse_uuid(vector.at("uuid"));
    SubjectKey pepper;
    ASSERT_TRUE(pepper.derive(*kdf.value(), as_uuid(uuid), default_pool(password_pool)));
    EXPECT_EQ(hex(pepper.expose_key()), vector.at("pepper_key"));
    PepperedInput input;
    ASSERT_TRUE(pepper_password(pepper, as_bytes(vector.at("password")), input));
    EXPECT_EQ(hex(input.expose()), vector.at("input"));
}

// Runs a whole file and returns the number of records of each kind, so that no record is skipped unnoticed.
std::map<std::string, int> run_file(const std::string& file) {
    std::map<std::string, int> seen;
    Generations generations;
    std::map<int, Record> records;
    for (const Record& vector : read_flat_json("test/vectors/" + file)) {
        const std::string kind = vector.at("kind");
        seen[kind]++;
        SCOPED_TRACE(file + " " + kind + " " + std::to_string(seen[kind]));
        if (kind == "generation") {
            generations.add(vector);
            records[number_of(vector)] = vector;
        } else if (kind == "sealed") {
            check_sealed(generations.of(vector), vector);
        } else if (kind == "reseal") {
            check_reseal(generations.all_with(vector).get(), vector);
        } else if (kind == "blind_index") {
            check_blind_index(generations.of(vector), vector);
        } else if (kind == "carried_index") {
            check_blind_index(generations.of(vector), vector);
            check_blind_index(generations.all_with(vector).get(), vector);
        } else if (kind == "normalized") {
            check_normalized(generations.of(vector), vector);
        } else if (kind == "password") {
            check_password(generations.of(vector), vector);
            check_pepper(records.at(number_of(vector)), vector);
        } else {
            ADD_FAILURE() << "unknown kind";
        }
    }
    return seen;
}

using Counts = std::map<std::string, int>;

TEST(SealedVectors, Sealed) { EXPECT_EQ(run_file("sealed.json"), (Counts{{"generation", 4}, {"sealed", 43}})); }

TEST(SealedVectors, Reseal) { EXPECT_EQ(run_file("reseal.json"), (Counts{{"generation", 4}, {"reseal", 26}})); }

TEST(SealedVectors, BlindIndex) {
    EXPECT_EQ(run_file("blind_index.json"), (Counts{{"generation", 4}, {"blind_index", 49}}));
}

TEST(SealedVectors, CarriedIndex) {
    EXPECT_EQ(run_file("carried_index.json"), (Counts{{"generation", 4}, {"carried_index", 16}}));
}

TEST(SealedVectors, Normalized) {
    EXPECT_EQ(run_file("normalized.json"), (Counts{{"generation", 2}, {"normalized", 77}}));
}

TEST(SealedVectors, Passwords) { EXPECT_EQ(run_file("password.json"), (Counts{{"generation", 6}, {"password", 17}})); }

TEST(SealedVectors, AlgorithmsOfOpenSsl32) {
    if (!expect_provided("aes-256-gcm-siv") || !expect_provided("argon2id")) GTEST_SKIP() << kNeedsOpenSsl32;
    EXPECT_EQ(run_file("openssl_3_2.json"), (Counts{{"generation", 1}, {"sealed", 8}, {"password", 5}}));
}

// The retired generations open through one keyring, whichever is active.
TEST(SealedVectors, OneKeyringOpensThemAll) {
    std::string keyring(kVersionLine);
    std::vector<Record> sealed;
    for (const Record& vector : read_flat_json("test/vectors/sealed.json")) {
        if (vector.at("kind") == "sealed") sealed.push_back(vector);
        if (vector.at("kind") != "generation") continue;
        const int number = number_of(vector);
        keyring += generation_line(number, number == 1 ? "active" : "retired", unhex(vector.at("secret")));
    }
    const EnginePtr engine = engine_with(keyring);
    for (const Record& vector : sealed) {
        const Value opened =
            open_of(engine.get(), parse_uuid(vector.at("uuid")), vector.at("context"), unhex(vector.at("sealed")));
        EXPECT_EQ(hex(opened.bytes), hex(as_bytes(vector.at("text"))));
    }
}

}  // namespace
}  // namespace caas::test
