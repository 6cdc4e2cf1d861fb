// When memory runs out, a call returns an error, leaves nothing half done, and the engine works afterwards.
#include "failing_memory.hpp"

#include <cstring>
#include <stdexcept>

namespace caas::test {
namespace {

const Blob kUuid = parse_uuid("00000000-0000-0000-0000-000000000000");
const std::string kText = std::string(kVersionLine) + generation_line(2, "active", secret_of(2), " digests=kmac256") +
                          generation_line(1, "retired", secret_of(1), " digests=blake2b-512,hmac-sha256,hmac-sm3");

class OutOfMemory : public FailingMemory {
protected:
    OutOfMemory() : path_(folder_.write("keyring", kText)) {
        const EnginePtr engine = loaded();
        active_ = digest_of(engine.get(), kUuid, "x").hex;
        retired_ = digest_of(engine.get(), kUuid, "x", 1).hex;
    }

    EnginePtr loaded() const {
        EnginePtr engine = new_engine();
        if (caas_engine_load(engine.get(), path_.c_str(), nullptr) != CAAS_OK) throw std::runtime_error("not loaded");
        return engine;
    }

    void expect_usable(caas_engine* engine) const {
        EXPECT_EQ(digest_of(engine, kUuid, "x").hex, active_);
        EXPECT_EQ(digest_of(engine, kUuid, "x", 1).hex, retired_);
    }

    TempFolder folder_;
    std::string path_;
    std::string active_;
    std::string retired_;
};

TEST_P(OutOfMemory, New) {
    caas_engine* made = nullptr;
    const int failures =
        fail_each([] { return EnginePtr(); }, [&](caas_engine*) { return caas_engine_new(&made, nullptr); },
                  [&](caas_engine*, caas_status status) {
                      EXPECT_EQ(made == nullptr, status != CAAS_OK);
                      caas_engine_free(made);
                      made = nullptr;
                  });
    if (fails_cpp()) {
        EXPECT_GT(failures, 0);
    }
}

TEST_P(OutOfMemory, Load) {
    const int failures = fail_each(
        new_engine, [&](caas_engine* engine) { return caas_engine_load(engine, path_.c_str(), nullptr); },
        [&](caas_engine* engine, caas_status status) {
            if (status != CAAS_OK) {
                EXPECT_EQ(digest_of(engine, kUuid, "x").status, CAAS_ERR_NO_KEYRING);
                ASSERT_EQ(caas_engine_load(engine, path_.c_str(), nullptr), CAAS_OK);
            }
            expect_usable(engine);
        });
    EXPECT_GT(failures, 5);
}

TEST_P(OutOfMemory, Reload) {
    const int failures = fail_each(
        [&] { return loaded(); }, [&](caas_engine* engine) { return caas_engine_load(engine, path_.c_str(), nullptr); },
        [&](caas_engine* engine, caas_status status) {
            if (status == CAAS_OK) return expect_usable(engine);
            EXPECT_EQ(digest_of(engine, kUuid, "x").status, CAAS_ERR_NO_KEYRING);
        });
    if (fails_cpp()) {
        EXPECT_GT(failures, 5);
    }
}

// The first digest makes the keyed derivation, a later one allocates in OpenSSL alone, if at all.
TEST_P(OutOfMemory, Digest) {
    for (const bool first : {true, false}) {
        std::uint8_t out[CAAS_DIGEST_MAX_BYTES];
        std::size_t length = 0;
        const auto make = [&] {
            EnginePtr engine = loaded();
            if (!first) expect_usable(engine.get());
            std::memset(out, 0x5A, sizeof out);
            return engine;
        };
        const auto attempt = [&](caas_engine* engine) {
            return caas_digest(engine, kUuid.data(), 0, "x", 1, out, &length, nullptr);
        };
        const int failures = fail_each(make, attempt, [&](caas_engine* engine, caas_status status) {
            EXPECT_EQ(hex(Bytes(out, length)), status == CAAS_OK ? active_ : "");
            if (status != CAAS_OK) {
                EXPECT_EQ(hex(out), std::string(2 * sizeof out, '0'));
            }
            expect_usable(engine);
        });
        if (first && !fails_cpp()) {
            EXPECT_GT(failures, 0);
        }
    }
}

TEST_P(OutOfMemory, VerifyAndProfile) {
    const Blob stored = unhex(retired_);
    int generation = 0;
    const int failures = fail_each([&] { return loaded(); },
                                   [&](caas_engine* engine) {
                                       return caas_verify(engine, kUuid.data(), "x", 1, stored.data(), stored.size(),
                                                          CAAS_FORM_RAW, &generation, nullptr);
                                   },
                                   [&](caas_engine* engine, caas_status status) {
                                       EXPECT_EQ(generation, status == CAAS_OK ? 1 : 0);
                                       expect_usable(engine);
                                   });
    if (!fails_cpp()) {
        EXPECT_GT(failures, 0);
    }
    caas_profile_info profile = {};
    (void)fail_each([&] { return loaded(); },
                    [&](caas_engine* engine) { return caas_profile(engine, kUuid.data(), 0, &profile, nullptr); },
                    [&](caas_engine* engine, caas_status status) {
                        EXPECT_EQ(profile.generation, status == CAAS_OK ? 2 : 0);
                        expect_usable(engine);
                    });
}

TEST_P(OutOfMemory, Generation) {
    caas_generation_info info = {};
    const int failures =
        fail_each([&] { return loaded(); },
                  [&](caas_engine* engine) { return caas_engine_generation(engine, 1, &info, nullptr); },
                  [&](caas_engine* engine, caas_status status) {
                      EXPECT_EQ(info.number, status == CAAS_OK ? 1 : 0);
                      expect_usable(engine);
                  });
    EXPECT_GT(failures, 0);
}

TEST_P(OutOfMemory, ApiKeys) {
    const std::string text = "one:" + std::string(64, 'a') + ",two:" + std::string(64, 'b');
    caas_api_key_list list = {};
    (void)fail_each([] { return EnginePtr(); },
                    [&](caas_engine*) { return caas_api_key_list_parse(text.c_str(), &list, nullptr); },
                    [&](caas_engine*, caas_status status) { EXPECT_EQ(list.count, status == CAAS_OK ? 2 : 0); });
    std::uint8_t digest[CAAS_SHA256_BYTES];
    (void)fail_each(
        [] { return EnginePtr(); }, [&](caas_engine*) { return caas_api_key_digest("abc", 3, digest); },
        [&](caas_engine*, caas_status status) { EXPECT_EQ(hex(digest) == std::string(64, '0'), status != CAAS_OK); });
}

INSTANTIATE_TEST_SUITE_P(Cpp, OutOfMemory, failing_cpp());
INSTANTIATE_TEST_SUITE_P(OpenSsl, OutOfMemory, failing_openssl());

TEST(SecretArena, ExhaustedMeansNoMemory) {
    const EnginePtr engine = engine_with(kText);
    const std::string expected = digest_of(engine.get(), kUuid, "x").hex;
    std::vector<SecretKey<1>> taken = every_free_block();
    EXPECT_GT(taken.size(), 1000U);
    // There is no room for the key of the other generation; the generation whose key exists works on.
    EXPECT_EQ(digest_of(engine.get(), kUuid, "x", 1).status, CAAS_ERR_NO_MEMORY);
    EXPECT_EQ(digest_of(engine.get(), kUuid, "x").hex, expected);
    const EnginePtr other = new_engine();
    EXPECT_EQ(load(other.get(), kText), CAAS_ERR_NO_MEMORY);
    EXPECT_EQ(digest_of(other.get(), kUuid, "x").status, CAAS_ERR_NO_KEYRING);
    taken.clear();
    EXPECT_EQ(load(other.get(), kText), CAAS_OK);
    EXPECT_EQ(digest_of(other.get(), kUuid, "x").hex, expected);
}

TEST(SecretArena, LargestKeyringFits) {
    std::string text(kVersionLine);
    for (int number = 1; number <= 1024; number++) {
        text += generation_line(number, number == 1 ? "active" : "retired", secret_of(static_cast<unsigned>(number)));
    }
    const EnginePtr engine = engine_with(text);
    const std::uint8_t nothing[64] = {};
    int generation = 1;
    // Derives the key of every generation.
    ASSERT_EQ(caas_verify(engine.get(), kUuid.data(), "x", 1, nothing, 64, CAAS_FORM_RAW, &generation, nullptr),
              CAAS_OK);
    EXPECT_EQ(generation, 0);
    EXPECT_EQ(load(engine.get(), text), CAAS_OK);
}

}  // namespace
}  // namespace caas::test
