// Blind indexes depend on secret, context and data alone, also when the key of the last context is kept.
#include "../../src/core/text.hpp"
#include "reference.hpp"
#include "sealed_support.hpp"

#include <algorithm>
#include <set>

namespace caas::test {
namespace {

// Section 7 over OpenSSL's one-shot HMAC.
Blob reference_index(const Blob& secret, std::string_view context, Bytes data, std::size_t length) {
    const Blob key = reference_hmac("SHA256", reference_purpose_key(secret, "index"), as_bytes(context));
    Blob index = reference_hmac("SHA256", key, data);
    index.resize(length);
    return index;
}

TEST(BlindIndex, IsTheFormat) {
    Random random;
    const EnginePtr engine = engine_with(keyring_of(3));
    for (int i = 0; i < 2000; i++) {
        const int generation = static_cast<int>(1 + random.below(3));
        const std::string context(random.below(i % 50 == 0 ? kMaxContextBytes + 1 : 4), 'c');
        const Blob data = random.bytes(random.below(300));
        const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
        const std::size_t length = CAAS_BLIND_INDEX_MIN_BYTES + random.below(29);
        const Value index = index_of(engine.get(), context, text, length, generation);
        ASSERT_EQ(index.status, CAAS_OK);
        ASSERT_EQ(hex(index.bytes),
                  hex(reference_index(secret_of(static_cast<unsigned>(generation)), context, data, length)));
    }
}

TEST(BlindIndex, ShorterIsTheBeginningOfLonger) {
    const EnginePtr engine = engine_with(keyring_of(1));
    const std::string longest = hex(index_of(engine.get(), "users.email", "ada@example.com", 32).bytes);
    ASSERT_EQ(longest.size(), 64U);
    for (std::size_t length = 4; length <= 32; length++) {
        EXPECT_EQ(hex(index_of(engine.get(), "users.email", "ada@example.com", length).bytes),
                  longest.substr(0, 2 * length));
    }
}

TEST(BlindIndex, DependsOnContextGenerationAndDataAlone) {
    const EnginePtr engine = engine_with(keyring_of(3));
    const EnginePtr other = engine_with(keyring_of(3));
    const std::string_view contexts[] = {"", "users.email", "users.emai", "users.email ", "users.phone"};
    const std::string_view values[] = {"", "ada@example.com", "Ada@example.com", "ada@example.com "};
    std::set<std::string> seen;
    for (int generation = 1; generation <= 3; generation++) {
        for (const std::string_view context : contexts) {
            for (const std::string_view value : values) {
                const std::string index = hex(index_of(engine.get(), context, value, 16, generation).bytes);
                EXPECT_TRUE(seen.insert(index).second) << generation << context << value;
                EXPECT_EQ(index, hex(index_of(other.get(), context, value, 16, generation).bytes));
            }
        }
    }
    // Generation 0 is the active one.
    EXPECT_EQ(hex(index_of(engine.get(), "c", "v", 16).bytes), hex(index_of(engine.get(), "c", "v", 16, 3).bytes));
}

// The boundary between context and data matters.
TEST(BlindIndex, ContextAndDataAreApart) {
    const EnginePtr engine = engine_with(keyring_of(1));
    EXPECT_NE(hex(index_of(engine.get(), "ab", "c", 16).bytes), hex(index_of(engine.get(), "a", "bc", 16).bytes));
}

// The result is that of a fresh engine in every order of contexts and generations.
TEST(BlindIndex, KeptContextIsTheRightOne) {
    Random random;
    const std::string contexts[] = {"",
                                    "a",
                                    "b",
                                    "aa",
                                    std::string(1, '\0'),
                                    std::string("a\0", 2),
                                    std::string(1024, 'a'),
                                    std::string(1023, 'a') + "b"};
    std::vector<std::vector<std::string>> fresh(4);
    for (int generation = 1; generation <= 3; generation++) {
        for (const std::string& context : contexts) {
            const EnginePtr engine = engine_with(keyring_of(3));
            fresh[generation].push_back(hex(index_of(engine.get(), context, "value", 32, generation).bytes));
        }
    }
    const EnginePtr engine = engine_with(keyring_of(3));
    for (int i = 0; i < 20000; i++) {
        const int generation = static_cast<int>(1 + random.below(3));
        const std::size_t context = random.below(std::size(contexts));
        ASSERT_EQ(hex(index_of(engine.get(), contexts[context], "value", 32, generation).bytes),
                  fresh[generation][context]);
    }
    // A refused context in between changes nothing, and a new keyring does not keep the old key.
    EXPECT_EQ(index_of(engine.get(), std::string(1025, 'a'), "value", 32).status, CAAS_ERR_CONTEXT);
    EXPECT_EQ(hex(index_of(engine.get(), "a", "value", 32, 1).bytes), fresh[1][1]);
    ASSERT_EQ(load(engine.get(), std::string(kVersionLine) + generation_line(1, "active", secret_of(2))), CAAS_OK);
    EXPECT_EQ(hex(index_of(engine.get(), "a", "value", 32, 1).bytes), fresh[2][1]);
}

// The lines of generations that have the index key of generation 1, with its own or without a field.
std::string carrying_line(int number, std::string_view state, unsigned origin) {
    const Blob key = reference_purpose_key(secret_of(origin), "index");
    return generation_line(number, state, secret_of(static_cast<unsigned>(number)),
                           " index=" + std::to_string(origin) + ":" + base64(key));
}

std::vector<int> index_generations(caas_engine* engine) {
    std::vector<int> numbers;
    int number = 0;
    do {
        EXPECT_EQ(caas_engine_index_generation(engine, static_cast<int>(numbers.size()), &number, nullptr), CAAS_OK);
        if (number != 0) numbers.push_back(number);
    } while (number != 0);
    EXPECT_EQ(caas_engine_index_generation(engine, 0x7FFFFFFF, &number, nullptr), CAAS_OK);
    EXPECT_EQ(number, 0);
    return numbers;
}

TEST(BlindIndex, CarriedKeyIsThatOfItsOrigin) {
    const std::string version(kVersionLine);
    const EnginePtr before = engine_with(version + generation_line(1, "active", secret_of(1)));
    const std::string expected = hex(index_of(before.get(), "c", "v", 16).bytes);
    const std::string own = generation_line(1, "retired", secret_of(1));
    for (const std::string& keyring : {own + carrying_line(2, "active", 1), carrying_line(2, "active", 1),
                                       carrying_line(2, "active", 1) + own + carrying_line(3, "retired", 1)}) {
        const EnginePtr engine = engine_with(version + keyring);
        EXPECT_EQ(hex(index_of(engine.get(), "c", "v", 16).bytes), expected) << keyring;
        EXPECT_EQ(index_generations(engine.get()), std::vector<int>{2}) << keyring;
    }
    const EnginePtr all = engine_with(version + own + carrying_line(2, "active", 1));
    EXPECT_EQ(hex(index_of(all.get(), "c", "v", 16, 1).bytes), expected);
    // Nothing else of the generation is carried.
    EXPECT_NE(digest_of(all.get(), parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c"), "v", 1).hex,
              digest_of(all.get(), parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c"), "v", 2).hex);
}

TEST(BlindIndex, OneGenerationForEachDistinctIndexKey) {
    const std::string version(kVersionLine);
    const auto of = [&](const std::string& keyring) { return index_generations(engine_with(version + keyring).get()); };
    const auto line = [](int number, std::string_view state) {
        return generation_line(number, state, secret_of(static_cast<unsigned>(number)));
    };
    EXPECT_EQ(index_generations(engine_with(keyring_of(3)).get()), (std::vector<int>{3, 2, 1}));
    EXPECT_EQ(index_generations(engine_with(keyring_of(4, "", 2)).get()), (std::vector<int>{2, 4, 3, 1}));
    EXPECT_EQ(of(line(1, "retired") + carrying_line(2, "retired", 1) + carrying_line(3, "active", 1)),
              std::vector<int>{3});
    // 3 began a new index key, which 4 carries.
    EXPECT_EQ(
        of(line(1, "retired") + carrying_line(2, "retired", 1) + line(3, "retired") + carrying_line(4, "active", 3)),
        (std::vector<int>{4, 2}));
    // A staged generation does not take the place of the active one.
    EXPECT_EQ(of(line(1, "active") + carrying_line(2, "retired", 1)), std::vector<int>{1});
    EXPECT_EQ(of(line(1, "active") + line(2, "retired")), (std::vector<int>{1, 2}));
    // Keys are compared, not the numbers that the fields give: 7 is gone and had that of 1.
    const std::string key = base64(reference_purpose_key(secret_of(1), "index"));
    EXPECT_EQ(of(line(1, "retired") + generation_line(2, "active", secret_of(2), " index=7:" + key)),
              std::vector<int>{2});
    EXPECT_EQ(of(generation_line(1, "retired", secret_of(1), " index=7:" + base64(secret_of(8))) +
                 generation_line(2, "active", secret_of(2), " index=7:" + key)),
              (std::vector<int>{2, 1}));
    // A reload forgets.
    const EnginePtr engine = engine_with(keyring_of(3));
    EXPECT_EQ(index_generations(engine.get()).size(), 3U);
    ASSERT_EQ(load(engine.get(), keyring_of(2)), CAAS_OK);
    EXPECT_EQ(index_generations(engine.get()), (std::vector<int>{2, 1}));
}

TEST(BlindIndex, FailuresOfIndexGenerations) {
    const EnginePtr engine = engine_with(keyring_of(2));
    int number = 5;
    EXPECT_EQ(caas_engine_index_generation(engine.get(), -1, &number, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(number, 0);
    EXPECT_EQ(caas_engine_index_generation(engine.get(), 0, nullptr, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_engine_index_generation(nullptr, 0, &number, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_engine_index_generation(new_engine().get(), 0, &number, nullptr), CAAS_ERR_NO_KEYRING);
}

TEST(BlindIndex, Failures) {
    const EnginePtr engine = engine_with(keyring_of(2));
    for (const std::size_t length : {0U, 1U, 3U, 33U, 100U}) {
        EXPECT_EQ(index_of(engine.get(), "c", "v", length).status, CAAS_ERR_ARGUMENT) << length;
    }
    for (const int unknown : {-1, 3, 65535, 65536, 0x7FFFFFFF}) {
        EXPECT_EQ(index_of(engine.get(), "c", "v", 16, unknown).status, CAAS_ERR_UNKNOWN_GENERATION) << unknown;
    }
    EXPECT_EQ(index_of(nullptr, "c", "v", 16).status, CAAS_ERR_ARGUMENT);
    std::uint8_t out[16];
    const auto status = [&](const void* context, const void* data, std::uint8_t* place) {
        std::fill(std::begin(out), std::end(out), 0x5A);
        return caas_blind_index(engine.get(), 0, context, 1, data, 1, place, sizeof out, nullptr);
    };
    EXPECT_EQ(status(nullptr, "v", out), CAAS_ERR_ARGUMENT);
    EXPECT_TRUE(all_zero(out));
    EXPECT_EQ(status("c", nullptr, out), CAAS_ERR_ARGUMENT);
    EXPECT_TRUE(all_zero(out));
    EXPECT_EQ(status("c", "v", nullptr), CAAS_ERR_ARGUMENT);
    ASSERT_EQ(caas_blind_index(engine.get(), 0, nullptr, 0, nullptr, 0, out, sizeof out, nullptr), CAAS_OK);
    EXPECT_EQ(hex(out), hex(index_of(engine.get(), "", "", 16).bytes));
    EXPECT_EQ(index_of(new_engine().get(), "c", "v", 16).status, CAAS_ERR_NO_KEYRING);
}

}  // namespace
}  // namespace caas::test
