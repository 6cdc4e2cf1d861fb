// Password hashes through the C ABI: true and false, what makes one outdated, and no slow work where none is due.
#include "../../src/core/text.hpp"
#include "reference.hpp"
#include "sealed_support.hpp"

#include <cstring>
#include <ctime>
#include <functional>

namespace caas::test {
namespace {

const Blob kUuid = parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c");
constexpr std::string_view kPassword = "correct horse battery staple";
// The lowest costs, since these tests are not about the cost.
constexpr caas_password_costs kCheap = {10, 1, 8, 1, 1, 10000};

struct Hashed {
    caas_status status;
    std::string text;
};

Hashed hash_of(caas_engine* engine, const Blob& uuid, std::string_view password,
               const caas_password_costs& costs = kCheap) {
    char out[CAAS_PASSWORD_TEXT_BYTES + 1];
    std::memset(out, 0x5A, sizeof out);
    caas_error error = {};
    const caas_status status =
        caas_password_hash(engine, uuid.data(), password.data(), password.size(), &costs, out, &error);
    EXPECT_EQ(out[CAAS_PASSWORD_TEXT_BYTES], 0x5A);
    EXPECT_EQ(error.status, status);
    if (status != CAAS_OK) {
        EXPECT_TRUE(all_zero(as_bytes(std::string_view(out, CAAS_PASSWORD_TEXT_BYTES))));
    }
    return {status, out};
}

// 1, 0, or minus the status when the call fails.
int verified(caas_engine* engine, const Blob& uuid, std::string_view password, std::string_view stored) {
    int match = 99;
    caas_error error = {};
    const caas_status status = caas_password_verify(engine, uuid.data(), password.data(), password.size(),
                                                    stored.data(), stored.size(), &match, &error);
    EXPECT_EQ(error.status, status);
    if (status == CAAS_OK) return match;
    EXPECT_EQ(match, 0);
    return -static_cast<int>(status);
}

int outdated(caas_engine* engine, std::string_view stored, const caas_password_costs& costs) {
    int old = 99;
    const caas_status status = caas_password_outdated(engine, stored.data(), stored.size(), &costs, &old, nullptr);
    if (status == CAAS_OK) return old;
    EXPECT_EQ(old, 0);
    return -static_cast<int>(status);
}

class EachPassword : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (!expect_provided(GetParam())) GTEST_SKIP() << kNeedsOpenSsl32;
        engine_ = engine_with(keyring_of(2, " passwords=" + std::string(GetParam())));
    }
    EnginePtr engine_;
};

TEST_P(EachPassword, VerifyTrueAndFalse) {
    const Hashed hashed = hash_of(engine_.get(), kUuid, kPassword);
    ASSERT_EQ(hashed.status, CAAS_OK);
    EXPECT_TRUE(hashed.text.starts_with("$caas-" + std::string(GetParam()) + "$v=1$g=2,")) << hashed.text;
    EXPECT_EQ(verified(engine_.get(), kUuid, kPassword, hashed.text), 1);
    EXPECT_EQ(verified(engine_.get(), kUuid, "Correct horse battery staple", hashed.text), 0);
    EXPECT_EQ(verified(engine_.get(), kUuid, "", hashed.text), 0);
    EXPECT_EQ(verified(engine_.get(), kUuid, std::string(kPassword) + std::string(1, '\0'), hashed.text), 0);
    EXPECT_EQ(verified(engine_.get(), Blob(kUuidBytes), kPassword, hashed.text), 0);
}

TEST_P(EachPassword, EveryHashIsSalted) {
    const std::string first = hash_of(engine_.get(), kUuid, kPassword).text;
    const std::string second = hash_of(engine_.get(), kUuid, kPassword).text;
    EXPECT_NE(first, second);
    EXPECT_EQ(verified(engine_.get(), kUuid, kPassword, second), 1);
}

TEST_P(EachPassword, EmptyAndLongPasswords) {
    for (const std::string& password : {std::string(), std::string(1, '\0'), std::string(100000, 'x')}) {
        const Hashed hashed = hash_of(engine_.get(), kUuid, password);
        ASSERT_EQ(hashed.status, CAAS_OK);
        EXPECT_EQ(verified(engine_.get(), kUuid, password, hashed.text), 1);
        EXPECT_EQ(verified(engine_.get(), kUuid, password + "x", hashed.text), 0);
    }
    char out[CAAS_PASSWORD_TEXT_BYTES];
    ASSERT_EQ(caas_password_hash(engine_.get(), kUuid.data(), nullptr, 0, &kCheap, out, nullptr), CAAS_OK);
    int match = 0;
    ASSERT_EQ(caas_password_verify(engine_.get(), kUuid.data(), nullptr, 0, out, std::strlen(out), &match, nullptr),
              CAAS_OK);
    EXPECT_EQ(match, 1);
}

// A change of any field of the text matters: salt, hash, cost and generation.
TEST_P(EachPassword, ChangedTextDoesNotVerify) {
    const std::string stored = hash_of(engine_.get(), kUuid, kPassword).text;
    const std::size_t salt_at = stored.find('$', stored.find("$v=1$") + 5) + 1;
    for (const std::size_t at : {salt_at, salt_at + 20, stored.size() - 43, stored.size() - 2}) {
        std::string changed(stored);
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        EXPECT_EQ(verified(engine_.get(), kUuid, kPassword, changed), 0) << changed;
    }
    std::string changed(stored);
    changed[stored.find("g=2") + 2] = '1';
    EXPECT_EQ(verified(engine_.get(), kUuid, kPassword, changed), 0);
    changed[stored.find("g=2") + 2] = '3';
    EXPECT_EQ(verified(engine_.get(), kUuid, kPassword, changed), -CAAS_ERR_UNKNOWN_GENERATION);
    EXPECT_EQ(verified(engine_.get(), kUuid, kPassword, stored), 1);
}

TEST_P(EachPassword, RetiredGenerationsVerify) {
    const std::string pools = " passwords=" + std::string(GetParam());
    const EnginePtr older = engine_with(keyring_of(2, pools, 1));
    const std::string stored = hash_of(older.get(), kUuid, kPassword).text;
    EXPECT_EQ(verified(engine_.get(), kUuid, kPassword, stored), 1);
    EXPECT_EQ(outdated(engine_.get(), stored, kCheap), 1);
    EXPECT_EQ(outdated(older.get(), stored, kCheap), 0);
}

INSTANTIATE_TEST_SUITE_P(Password, EachPassword, testing::Values("scrypt", "argon2id", "pbkdf2-sha512"),
                         [](const auto& info) { return std::string(info.param).substr(0, 6); });

// A pool of two: the text must name the one that the generation picks for the user.
TEST(Password, AlgorithmIsTheOneOfTheUser) {
    const std::vector<std::string> pool = {"scrypt", "pbkdf2-sha512"};
    const EnginePtr both = engine_with(keyring_of(1, " passwords=scrypt,pbkdf2-sha512"));
    const EnginePtr scrypt = engine_with(keyring_of(1, " passwords=scrypt"));
    int of_scrypt = 0;
    for (std::uint8_t last = 0; last < 20; last++) {
        Blob uuid(kUuid);
        uuid[15] = last;
        const std::string picked =
            reference_choice(reference_purpose_key(secret_of(1), "password"), uuid, pool).algorithm;
        const std::string stored = hash_of(both.get(), uuid, kPassword).text;
        EXPECT_TRUE(stored.starts_with("$caas-" + picked + "$")) << stored;
        EXPECT_EQ(verified(both.get(), uuid, kPassword, stored), 1);
        // The same pepper, salt and cost: it verifies under a pool of scrypt alone.
        const std::string under_scrypt = hash_of(scrypt.get(), uuid, kPassword).text;
        EXPECT_EQ(verified(both.get(), uuid, kPassword, under_scrypt), picked == "scrypt" ? 1 : 0);
        of_scrypt += picked == "scrypt" ? 1 : 0;
    }
    EXPECT_GT(of_scrypt, 0);
    EXPECT_LT(of_scrypt, 20);
}

TEST(Password, Outdated) {
    const EnginePtr engine = engine_with(keyring_of(2, " passwords=scrypt,pbkdf2-sha512"));
    const std::string tail = "$AAECAwQFBgcICQoLDA0ODw$hY4mXxWLrsSb+fROiT1fCZrzWWYkHduVArQ3L78ZB/A";
    const auto old = [&](const std::string& head) {
        return outdated(engine.get(), head + tail, {15, 3, 19456, 2, 1, 220000});
    };
    EXPECT_EQ(old("$caas-scrypt$v=1$g=2,ln=15,r=8,p=3"), 0);
    EXPECT_EQ(old("$caas-scrypt$v=1$g=2,ln=16,r=8,p=4"), 0);
    EXPECT_EQ(old("$caas-scrypt$v=1$g=2,ln=14,r=8,p=3"), 1);
    EXPECT_EQ(old("$caas-scrypt$v=1$g=2,ln=15,r=8,p=2"), 1);
    EXPECT_EQ(old("$caas-scrypt$v=1$g=1,ln=15,r=8,p=3"), 1);  // an older generation
    EXPECT_EQ(old("$caas-scrypt$v=1$g=3,ln=15,r=8,p=3"), 1);  // one that is not here
    EXPECT_EQ(old("$caas-pbkdf2-sha512$v=1$g=2,i=220000"), 0);
    EXPECT_EQ(old("$caas-pbkdf2-sha512$v=1$g=2,i=219999"), 1);
    EXPECT_EQ(old("$caas-argon2id$v=1$g=2,m=19456,t=2,p=1"), 1);  // not in the pool
    EXPECT_EQ(old("$caas-scrypt$v=1$g=2,ln=19,r=8,p=3"), 1);      // beyond the caps, so it never verifies
    EXPECT_EQ(outdated(engine.get(), "", kCheap), 1);
    EXPECT_EQ(outdated(engine.get(), "$2a$06$abcdefghijklmnopqrstuu", kCheap), 1);
    EXPECT_EQ(outdated(new_engine().get(), "", kCheap), -CAAS_ERR_NO_KEYRING);
    const EnginePtr argon2 = openssl_is_3_2() ? engine_with(keyring_of(2, " passwords=argon2id")) : nullptr;
    if (argon2 == nullptr) return;
    const auto older = [&](const std::string& cost) {
        return outdated(argon2.get(), "$caas-argon2id$v=1$g=2," + cost + tail, {15, 3, 19456, 2, 1, 220000});
    };
    EXPECT_EQ(older("m=19456,t=2,p=1"), 0);
    EXPECT_EQ(older("m=19455,t=2,p=1"), 1);
    EXPECT_EQ(older("m=19456,t=1,p=1"), 1);
}

TEST(Password, CostsOutsideTheCapsAreRefused) {
    const EnginePtr engine = engine_with(keyring_of(1));
    const auto refused = [&](const caas_password_costs& costs) {
        char out[CAAS_PASSWORD_TEXT_BYTES];
        std::memset(out, 0x5A, sizeof out);
        caas_error error = {};
        EXPECT_EQ(caas_password_hash(engine.get(), kUuid.data(), "x", 1, &costs, out, &error), CAAS_ERR_PASSWORD_COST);
        EXPECT_TRUE(all_zero(as_bytes(std::string_view(out, sizeof out))));
        return std::string(error.algorithm);
    };
    EXPECT_EQ(refused({9, 1, 8, 1, 1, 10000}), "scrypt");
    EXPECT_EQ(refused({19, 1, 8, 1, 1, 10000}), "scrypt");
    EXPECT_EQ(refused({18, 3, 8, 1, 1, 10000}), "scrypt");
    EXPECT_EQ(refused({10, 0, 8, 1, 1, 10000}), "scrypt");
    EXPECT_EQ(refused({~0U, ~0U, 8, 1, 1, 10000}), "scrypt");
    EXPECT_EQ(refused({10, 1, 7, 1, 1, 10000}), "argon2id");
    EXPECT_EQ(refused({10, 1, 8, 1, 536870913, 10000}), "argon2id");
    EXPECT_EQ(refused({10, 1, 262144, 5, 1, 10000}), "argon2id");
    EXPECT_EQ(refused({10, 1, 8, 1, 1, 9999}), "pbkdf2-sha512");
    EXPECT_EQ(refused({10, 1, 8, 1, 1, 10000001}), "pbkdf2-sha512");
}

double processor_seconds(const std::function<void()>& work) {
    const std::clock_t start = std::clock();
    work();
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// A thousand refusals together must take less time than one real verification.
TEST(Password, NoSlowWorkForWhatIsRefused) {
    const EnginePtr engine = engine_with(keyring_of(1, " passwords=pbkdf2-sha512"));
    const caas_password_costs costs = {10, 1, 8, 1, 1, 300000};
    const std::string good = hash_of(engine.get(), kUuid, kPassword, costs).text;
    const double real = processor_seconds([&] { EXPECT_EQ(verified(engine.get(), kUuid, kPassword, good), 1); });
    const std::string tail = good.substr(good.find('$', good.find("$v=1$") + 5));
    const std::string refused[] = {
        "$caas-pbkdf2-sha512$v=1$g=1,i=10000001" + tail,
        "$caas-pbkdf2-sha512$v=1$g=1,i=4294967295" + tail,
        "$caas-scrypt$v=1$g=1,ln=19,r=8,p=1" + tail,
        "$caas-scrypt$v=1$g=1,ln=15,r=8,p=3" + tail,
        "$caas-scrypt$v=1$g=1,ln=18,r=8,p=2" + tail,
        "$caas-argon2id$v=1$g=1,m=262144,t=4,p=1" + tail,
        good + "x",
    };
    for (const std::string& stored : refused) {
        const double time = processor_seconds([&] {
            for (int i = 0; i < 1000; i++) EXPECT_EQ(verified(engine.get(), kUuid, kPassword, stored), 0);
        });
        EXPECT_LT(time, real) << stored;
        EXPECT_EQ(outdated(engine.get(), stored, kCheap), 1);
    }
}

TEST(Password, BadArguments) {
    const EnginePtr engine = engine_with(keyring_of(1));
    const std::string stored = hash_of(engine.get(), kUuid, kPassword).text;
    char out[CAAS_PASSWORD_TEXT_BYTES];
    const auto hash = [&](caas_engine* on, const std::uint8_t* uuid, const void* password,
                          const caas_password_costs* costs) {
        std::memset(out, 0x5A, sizeof out);
        const caas_status status = caas_password_hash(on, uuid, password, 1, costs, out, nullptr);
        EXPECT_TRUE(all_zero(as_bytes(std::string_view(out, sizeof out))));
        return status;
    };
    EXPECT_EQ(hash(nullptr, kUuid.data(), "x", &kCheap), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(hash(engine.get(), nullptr, "x", &kCheap), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(hash(engine.get(), kUuid.data(), nullptr, &kCheap), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(hash(engine.get(), kUuid.data(), "x", nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_password_hash(engine.get(), kUuid.data(), "x", 1, &kCheap, nullptr, nullptr), CAAS_ERR_ARGUMENT);
    const auto verify = [&](caas_engine* on, const std::uint8_t* uuid, const void* password, const char* text) {
        int match = 99;
        const caas_status status = caas_password_verify(on, uuid, password, 1, text, 1, &match, nullptr);
        EXPECT_EQ(match, 0);
        return status;
    };
    EXPECT_EQ(verify(nullptr, kUuid.data(), "x", "x"), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(verify(engine.get(), nullptr, "x", "x"), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(verify(engine.get(), kUuid.data(), nullptr, "x"), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(verify(engine.get(), kUuid.data(), "x", nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_password_verify(engine.get(), kUuid.data(), "x", 1, "x", 1, nullptr, nullptr), CAAS_ERR_ARGUMENT);
    int old = 99;
    EXPECT_EQ(caas_password_outdated(nullptr, "x", 1, &kCheap, &old, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(old, 0);
    EXPECT_EQ(caas_password_outdated(engine.get(), nullptr, 1, &kCheap, &old, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_password_outdated(engine.get(), "x", 1, nullptr, &old, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_password_outdated(engine.get(), "x", 1, &kCheap, nullptr, nullptr), CAAS_ERR_ARGUMENT);
    const EnginePtr empty = new_engine();
    EXPECT_EQ(hash(empty.get(), kUuid.data(), "x", &kCheap), CAAS_ERR_NO_KEYRING);
    EXPECT_EQ(verified(empty.get(), kUuid, kPassword, stored), -CAAS_ERR_NO_KEYRING);
    EXPECT_EQ(verified(empty.get(), kUuid, kPassword, "no hash"), -CAAS_ERR_NO_KEYRING);
}

}  // namespace
}  // namespace caas::test
