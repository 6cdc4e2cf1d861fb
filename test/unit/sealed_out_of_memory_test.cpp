// When memory runs out, sealed values, blind indexes and passwords give an error, never a wrong answer such as "cannot
// open", and the engine works afterwards.
#include "../../src/core/text.hpp"
#include "failing_memory.hpp"
#include "reference.hpp"
#include "sealed_support.hpp"

#include <algorithm>
#include <cstring>
#include <iostream>
#include <stdexcept>

namespace caas::test {
namespace {

const Blob kUuid = parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c");
const Blob kData = blob_of("example sensitive data");
constexpr caas_password_costs kCheap = {10, 1, 8, 1, 1, 10000};

class SealedOutOfMemory : public FailingMemory {
protected:
    EnginePtr loaded() const {
        EnginePtr engine = new_engine();
        if (caas_engine_load(engine.get(), path_.c_str(), nullptr) != CAAS_OK) throw std::runtime_error("not loaded");
        return engine;
    }
    // Each attempt runs on an engine that has just been loaded, and on one that has made the same calls before.
    void fail_first_and_later(const Attempt& attempt, const Check& check) const {
        for (const bool first : {true, false}) {
            const auto make = [&] {
                EnginePtr engine = loaded();
                if (!first) expect_usable(engine.get());
                return engine;
            };
            const int failures = fail_each(make, attempt, [&](caas_engine* engine, caas_status status) {
                check(engine, status);
                expect_usable(engine);
            });
            if (first && !fails_cpp()) {
                EXPECT_GT(failures, 0);
            }
        }
    }
    void expect_usable(caas_engine* engine) const {
        EXPECT_EQ(hex(open_of(engine, kUuid, "c", sealed_).bytes), hex(kData));
        EXPECT_EQ(hex(reseal_of(engine, kUuid, "c", sealed_).bytes), hex(sealed_));
        EXPECT_EQ(hex(open_of(engine, kUuid, "c", seal_of(engine, kUuid, "c", kData).bytes).bytes), hex(kData));
        EXPECT_EQ(hex(index_of(engine, "c", "v", 16).bytes), index_);
    }
    void fails_for(const std::string& ciphers);

    TempFolder folder_;
    std::string path_;
    Blob sealed_;   // of the active generation
    Blob retired_;  // and of the other one
    std::string index_;
};

void SealedOutOfMemory::fails_for(const std::string& ciphers) {
    const std::string pools = " digests=hmac-sha256 ciphers=" + ciphers;
    path_ = folder_.write("keyring", keyring_of(2, pools));
    const EnginePtr engine = loaded();
    sealed_ = seal_of(engine.get(), kUuid, "c", kData).bytes;
    retired_ = seal_of(engine_with(keyring_of(1, pools)).get(), kUuid, "c", kData).bytes;
    index_ = hex(index_of(engine.get(), "c", "v", 16).bytes);
    Blob out(sealed_.size());
    std::size_t length = 0;
    const auto expect_zeroed = [&](caas_status status) {
        if (status != CAAS_OK) {
            EXPECT_TRUE(all_zero(out));
        }
        std::fill(out.begin(), out.end(), 0x5A);
    };
    fail_first_and_later(
        [&](caas_engine* on) {
            return caas_seal(on, kUuid.data(), "c", 1, kData.data(), kData.size(), out.data(), nullptr);
        },
        [&](caas_engine*, caas_status status) {
            if (status == CAAS_OK) {
                EXPECT_EQ(hex(open_of(engine.get(), kUuid, "c", out).bytes), hex(kData));
            }
            expect_zeroed(status);
        });
    for (const Blob* value : {&sealed_, &retired_}) {
        fail_first_and_later(
            [&](caas_engine* on) {
                return caas_open(on, kUuid.data(), "c", 1, value->data(), value->size(), out.data(), &length, nullptr);
            },
            [&](caas_engine*, caas_status status) {
                EXPECT_EQ(length, status == CAAS_OK ? kData.size() : 0);
                if (status == CAAS_OK) {
                    EXPECT_EQ(hex(Bytes(out).first(length)), hex(kData));
                }
                expect_zeroed(status);
            });
    }
    fail_first_and_later(
        [&](caas_engine* on) {
            return caas_reseal(on, kUuid.data(), 0, "c", 1, retired_.data(), retired_.size(), out.data(), nullptr);
        },
        [&](caas_engine*, caas_status status) {
            if (status == CAAS_OK) {
                EXPECT_EQ(hex(open_of(engine.get(), kUuid, "c", out).bytes), hex(kData));
            }
            expect_zeroed(status);
        });
}

TEST_P(SealedOutOfMemory, Gcm) { fails_for("aes-256-gcm"); }
TEST_P(SealedOutOfMemory, ChaCha20Poly1305) { fails_for("chacha20-poly1305"); }
TEST_P(SealedOutOfMemory, Ocb) { fails_for("aes-256-ocb"); }
TEST_P(SealedOutOfMemory, Aria) { fails_for("aria-256-gcm"); }
TEST_P(SealedOutOfMemory, GcmSiv) {
    if (!expect_provided("aes-256-gcm-siv")) GTEST_SKIP() << kNeedsOpenSsl32;
    fails_for("aes-256-gcm-siv");
}

TEST_P(SealedOutOfMemory, BlindIndex) {
    path_ = folder_.write("keyring", keyring_of(2, " digests=hmac-sha256 ciphers=aes-256-gcm"));
    const EnginePtr engine = loaded();
    sealed_ = seal_of(engine.get(), kUuid, "c", kData).bytes;
    index_ = hex(index_of(engine.get(), "c", "v", 16).bytes);
    const std::string long_context(500, 'x');  // which a string has to be allocated for
    const std::string expected = hex(index_of(engine.get(), long_context, "v", 16).bytes);
    std::uint8_t out[16];
    fail_first_and_later(
        [&](caas_engine* on) {
            return caas_blind_index(on, 0, long_context.data(), long_context.size(), "v", 1, out, sizeof out, nullptr);
        },
        [&](caas_engine* on, caas_status status) {
            EXPECT_EQ(hex(out), status == CAAS_OK ? expected : std::string(32, '0'));
            EXPECT_EQ(hex(index_of(on, long_context, "v", 16).bytes), expected);
        });
}

TEST_P(SealedOutOfMemory, Passwords) {
    for (const char* algorithm : {"scrypt", "pbkdf2-sha512", "argon2id"}) {
        // OpenSSL's PBKDF2 allocates in every one of its 10,000 rounds, and its Argon2 (seen in 3.5) goes on, to a
        // wrong hash, when it lacks the memory of its first digest.
        if (std::string_view(algorithm) != "scrypt" && !fails_cpp()) continue;
        if (!expect_provided(algorithm)) {
            std::cout << algorithm << ": not run, " << kNeedsOpenSsl32 << "\n";
            continue;
        }
        path_ = folder_.write("keyring", keyring_of(1, " digests=hmac-sha256 passwords=" + std::string(algorithm)));
        const EnginePtr engine = loaded();
        char text[CAAS_PASSWORD_TEXT_BYTES];
        char good[CAAS_PASSWORD_TEXT_BYTES];
        ASSERT_EQ(caas_password_hash(engine.get(), kUuid.data(), "pw", 2, &kCheap, good, nullptr), CAAS_OK);
        const auto verified = [&](caas_engine* on, const char* stored, int& match) {
            return caas_password_verify(on, kUuid.data(), "pw", 2, stored, std::strlen(stored), &match, nullptr);
        };
        int match = 0;
        const int failures = fail_each(
            [&] { return loaded(); },
            [&](caas_engine* on) { return caas_password_hash(on, kUuid.data(), "pw", 2, &kCheap, text, nullptr); },
            [&](caas_engine* on, caas_status status) {
                if (status != CAAS_OK) {
                    EXPECT_TRUE(all_zero(as_bytes(std::string_view(text, sizeof text))));
                } else {
                    EXPECT_EQ(verified(on, text, match), CAAS_OK);
                    EXPECT_EQ(match, 1);
                }
            });
        EXPECT_GT(failures, 0);
        // Out of memory is an error and never "the wrong password".
        (void)fail_each([&] { return loaded(); }, [&](caas_engine* on) { return verified(on, good, match); },
                        [&](caas_engine* on, caas_status status) {
                            EXPECT_EQ(match, status == CAAS_OK ? 1 : 0);
                            EXPECT_EQ(verified(on, good, match), CAAS_OK);
                            EXPECT_EQ(match, 1);
                        });
        int old = 0;
        (void)fail_each([&] { return loaded(); },
                        [&](caas_engine* on) {
                            return caas_password_outdated(on, good, std::strlen(good), &kCheap, &old, nullptr);
                        },
                        [&](caas_engine*, caas_status) { EXPECT_EQ(old, 0); });
    }
}

// Every cipher and password function in the pools: a load that lacks memory says so, and does not call an algorithm
// missing.
TEST_P(SealedOutOfMemory, Load) {
    const std::string optional = openssl_is_3_2() ? ",aes-256-gcm-siv passwords=scrypt,pbkdf2-sha512,argon2id"
                                                  : " passwords=scrypt,pbkdf2-sha512";
    path_ = folder_.write("keyring", keyring_of(1,
                                                " digests=hmac-sha256 ciphers=aes-256-gcm,chacha20-poly1305,"
                                                "aes-256-ocb,aria-256-gcm" +
                                                    optional));
    (void)loaded();  // what OpenSSL sets up once
    const int failures = fail_each(
        new_engine, [&](caas_engine* on) { return caas_engine_load(on, path_.c_str(), nullptr); },
        [&](caas_engine* on, caas_status status) {
            EXPECT_EQ(seal_of(on, kUuid, "c", kData).status, status == CAAS_OK ? CAAS_OK : CAAS_ERR_NO_KEYRING);
        });
    EXPECT_GT(failures, 5);
}

// A load that cannot compare a carried index key fails, and the list of index keys is never one that is too short.
TEST_P(SealedOutOfMemory, CarriedIndexKey) {
    const Blob key = reference_purpose_key(secret_of(1), "index");
    path_ = folder_.write("keyring", std::string(kVersionLine) + generation_line(1, "retired", secret_of(1)) +
                                         generation_line(2, "active", secret_of(2), " index=1:" + base64(key)) +
                                         generation_line(3, "retired", secret_of(3)));
    const std::string index = hex(index_of(loaded().get(), "c", "v", 16).bytes);
    const int load_failures = fail_each(
        new_engine, [&](caas_engine* on) { return caas_engine_load(on, path_.c_str(), nullptr); },
        [&](caas_engine* on, caas_status status) {
            const Value made = index_of(on, "c", "v", 16);
            EXPECT_EQ(made.status, status == CAAS_OK ? CAAS_OK : CAAS_ERR_NO_KEYRING);
            EXPECT_EQ(hex(made.bytes), status == CAAS_OK ? index : "");
        });
    EXPECT_GT(load_failures, 5);
    int generation = 0;
    const int failures =
        fail_each([&] { return loaded(); },
                  [&](caas_engine* on) { return caas_engine_index_generation(on, 1, &generation, nullptr); },
                  [&](caas_engine* on, caas_status status) {
                      EXPECT_EQ(generation, status == CAAS_OK ? 3 : 0);
                      ASSERT_EQ(caas_engine_index_generation(on, 1, &generation, nullptr), CAAS_OK);
                      EXPECT_EQ(generation, 3);
                      ASSERT_EQ(caas_engine_index_generation(on, 2, &generation, nullptr), CAAS_OK);
                      EXPECT_EQ(generation, 0);
                  });
    EXPECT_GT(failures, 0);
}

INSTANTIATE_TEST_SUITE_P(Cpp, SealedOutOfMemory, failing_cpp());
INSTANTIATE_TEST_SUITE_P(OpenSsl, SealedOutOfMemory, failing_openssl());

TEST(SecretArena, SealingWithoutRoomForItsKeys) {
    const EnginePtr engine = engine_with(keyring_of(2));
    const Blob sealed = seal_of(engine.get(), kUuid, "c", kData).bytes;
    std::vector<SecretKey<1>> taken = every_free_block();
    char text[CAAS_PASSWORD_TEXT_BYTES];
    EXPECT_EQ(hex(open_of(engine.get(), kUuid, "c", sealed).bytes), hex(kData));
    EXPECT_EQ(index_of(engine.get(), "c", "v", 16).status, CAAS_ERR_NO_MEMORY);
    int generation = 9;
    EXPECT_EQ(caas_engine_index_generation(engine.get(), 1, &generation, nullptr), CAAS_ERR_NO_MEMORY);
    EXPECT_EQ(generation, 0);
    EXPECT_EQ(caas_password_hash(engine.get(), kUuid.data(), "pw", 2, &kCheap, text, nullptr), CAAS_ERR_NO_MEMORY);
    taken.clear();
    EXPECT_EQ(index_of(engine.get(), "c", "v", 16).status, CAAS_OK);
    EXPECT_EQ(caas_engine_index_generation(engine.get(), 1, &generation, nullptr), CAAS_OK);
    EXPECT_EQ(generation, 1);
}

// The arena has room for every key of every generation of the largest keyring.
TEST(SecretArena, EveryKeyOfTheLargestKeyringFits) {
    constexpr int kCount = 1024;
    const EnginePtr engine =
        engine_with(keyring_of(kCount, " passwords=pbkdf2-sha512 index=2000:" + base64(secret_of(2000))));
    for (int number = 1; number <= kCount; number++) {
        ASSERT_EQ(digest_of(engine.get(), kUuid, "x", number).status, CAAS_OK);
        ASSERT_EQ(index_of(engine.get(), "c", "v", 16, number).status, CAAS_OK);
        Blob sealed(CAAS_SEALED_OVERHEAD);
        sealed[0] = 1;
        sealed[1] = static_cast<std::uint8_t>(number >> 8);
        sealed[2] = static_cast<std::uint8_t>(number);
        ASSERT_EQ(open_of(engine.get(), kUuid, "c", sealed).status, CAAS_ERR_CANNOT_OPEN);
        // No password is of this algorithm, so the key is derived and no slow work done.
        const std::string stored = "$caas-scrypt$v=1$g=" + std::to_string(number) +
                                   ",ln=15,r=8,p=3$AAECAwQFBgcICQoLDA0ODw$hY4mXxWLrsSb+fROiT1fCZrzWWYkHduVArQ3L78ZB/A";
        int match = 1;
        ASSERT_EQ(
            caas_password_verify(engine.get(), kUuid.data(), "pw", 2, stored.data(), stored.size(), &match, nullptr),
            CAAS_OK);
        ASSERT_EQ(match, 0);
    }
    int generation = 0;
    ASSERT_EQ(caas_engine_index_generation(engine.get(), 0, &generation, nullptr), CAAS_OK);
    EXPECT_EQ(generation, kCount);
    const EnginePtr distinct = engine_with(keyring_of(kCount));
    ASSERT_EQ(caas_engine_index_generation(distinct.get(), kCount - 1, &generation, nullptr), CAAS_OK);
    EXPECT_EQ(generation, 1);
}

}  // namespace
}  // namespace caas::test
