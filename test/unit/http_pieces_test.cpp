// The parts of the HTTP service that know no request: base64, the API key file, the limits of requests a second and of
// memory.
#include "../../src/http/api_keys.hpp"
#include "../../src/http/base64.hpp"
#include "../../src/http/memory_budget.hpp"
#include "../../src/program/report.hpp"
#include "support.hpp"

#include <atomic>
#include <optional>
#include <thread>

namespace caas::http {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::string> decoded(std::string_view text) {
    std::string bytes = "left";
    return base64_decode(text, bytes) ? std::optional(bytes) : std::nullopt;
}

// RFC 4648, section 10.
TEST(Base64, PublishedVectors) {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(base64_encode(bytes), text);
        EXPECT_EQ(decoded(text), bytes);
    }
}

TEST(Base64, AnyBytesComeBack) {
    test::Random random;
    for (std::size_t size = 0; size < 300; size++) {
        const test::Blob bytes = random.bytes(size);
        const std::string given(bytes.begin(), bytes.end());
        const std::string text = base64_encode(given);
        EXPECT_EQ(text, test::base64(bytes));
        EXPECT_EQ(decoded(text), given);
    }
}

// There are as many texts of four characters as values of one and two bytes.
TEST(Base64, OneTextForEachValue) {
    int one = 0, two = 0;
    for (const char a : kAlphabet) {
        for (const char b : kAlphabet) {
            one += decoded(std::string{a, b, '=', '='}) ? 1 : 0;
            for (const char c : kAlphabet) two += decoded(std::string{a, b, c, '='}) ? 1 : 0;
        }
    }
    EXPECT_EQ(one, 256);
    EXPECT_EQ(two, 65536);
}

TEST(Base64, NothingElseIsTaken) {
    for (const char* wrong :
         {"A",        "AA",       "AAA",   "AAAAA",     "A===", "====",         "AA=A",    "=AAA", "A=AA",
          "AA==AAAA", "AAA=AAAA", "AAAA=", "AAAA====",  "AB==", "AAB=",         " AAA",    "AAA ", "AAAA    ",
          "    AAAA", "AAAA\n",   "AA\nA", "AAAA\nAAA", "AA-_", "AA==\n\n\n\n", "\n\n\n\n"}) {
        EXPECT_FALSE(decoded(wrong)) << '"' << wrong << '"';
    }
    for (int value = 0; value < 256; value++) {
        const char character = static_cast<char>(value);
        if (kAlphabet.find(character) != std::string_view::npos) continue;
        for (std::size_t place = 0; place < 8; place++) {
            if (character == '=' && place == 7) continue;
            std::string text = "AAAAAAAA";
            text[place] = character;
            EXPECT_FALSE(decoded(text)) << value << " at " << place;
        }
    }
}

// ---- the file of API keys ----

const std::string kOne = "3a0aac44832e55528a834fec737786c999e7b8dea8bd601bb59f195237d58b2e";  // "the key"
const std::string kOther(64, 'b');

std::string refusal_of(const std::string& text) {
    try {
        (void)ApiKeys::parse("/keys", text);
    } catch (const program::ProgramError& failure) {
        return failure.what();
    }
    return "";
}

TEST(HttpApiKeys, RightsOfALine) {
    const auto rights = [](const std::string& words) {
        const ApiKeys keys = ApiKeys::parse("/keys", "app:" + kOne + words + "\n");
        const Client* client = keys.find("the key");
        std::string names;
        for (const Route& route : routes) {
            if (route.kind != RouteKind::operation) continue;
            names += client != nullptr && client->may(route) ? static_cast<char>('0' + index_of(route)) : '-';
        }
        return names;
    };
    EXPECT_EQ(rights(""), "01234567");
    EXPECT_EQ(rights(" encrypt"), "0-------");
    EXPECT_EQ(rights("\tverify  seal"), "-12-----");
    EXPECT_EQ(rights(" open open"), "---3----");
    EXPECT_EQ(rights(" reseal blind-index # verify"), "----45--");
    EXPECT_EQ(rights(" open\r"), "---3----");
    EXPECT_EQ(rights(" hash-password verify-password"), "------67");
}

TEST(HttpApiKeys, KeysAreFoundByTheirDigest) {
    const ApiKeys keys = ApiKeys::parse("/keys", "# clients\n\n app:" + kOther + "\n  app:" + kOne + " open # new\n");
    EXPECT_EQ(keys.count(), 2U);
    ASSERT_NE(keys.find("the key"), nullptr);
    EXPECT_EQ(keys.find("the key")->name, "app");
    for (const char* none : {"", "the key ", "The key", kOne.c_str(), kOther.c_str(), "app"})
        EXPECT_EQ(keys.find(none), nullptr) << none;
}

// The bad line is the second of its file. It holds a marker that no message may show.
TEST(HttpApiKeys, RefusedLines) {
    const std::string good = "first:" + std::string(64, 'c') + "\n";
    const std::vector<std::string> wrong = {kOne,
                                            ":" + kOne,
                                            "marker",
                                            "marker:",
                                            "marker:" + kOne.substr(1),
                                            "marker:" + kOne + "0",
                                            "mark er:" + kOne,
                                            "marker:" + kOne + " Encrypt",
                                            "app:" + kOne + " marker",
                                            "app:" + kOne + " encrypt,marker",
                                            "app:" + kOne + " #encrypt",
                                            "app:" + kOne + "#marker",
                                            "app:" + kOne + "\t# marker encrypt",
                                            "marker:" + kOne + ",other:" + kOther,
                                            "a:marker:" + kOne,
                                            "marker\xFF:" + kOne,
                                            "marker\":" + kOne,
                                            "marker:" + kOne + std::string(1, '\0'),
                                            "marker:" + kOne + std::string("\0:x", 3),
                                            std::string(65, 'm') + ":" + kOne,
                                            "other:" + std::string(64, 'C')};
    for (const std::string& line : wrong) {
        const std::string message = refusal_of(good + line + "\n");
        EXPECT_EQ(message.substr(0, 15), "/keys: line 2: ") << line;
        EXPECT_EQ(message.find("marker"), std::string::npos) << message;
        EXPECT_EQ(message.find(kOne), std::string::npos) << message;
    }
}

TEST(HttpApiKeys, SixtyFourAndNotNone) {
    std::string text;
    for (unsigned i = 0; i < CAAS_API_KEYS_MAX; i++) text += "app:" + test::hex(test::secret_of(i)) + "\n";
    EXPECT_EQ(ApiKeys::parse("/keys", text).count(), 64U);
    EXPECT_EQ(refusal_of(text + "app:" + kOne + "\n").substr(0, 15), "/keys: line 65:");
    for (const char* none : {"", "\n\n", "# app\n", "  \t\n#"})
        EXPECT_EQ(refusal_of(none), "/keys: it holds no API key");
}

// ---- the limit of requests ----

TEST(RateLimiter, ZeroIsNoLimit) {
    RateLimiter limiter(0);
    for (int i = 0; i < 1000; i++) EXPECT_EQ(limiter.wait_for("app", 1000), 0U);
}

TEST(RateLimiter, ASecondsWorthAtOnceForEachName) {
    RateLimiter limiter(5);
    for (const char* name : {"app", "other"}) {
        for (int i = 0; i < 5; i++) EXPECT_EQ(limiter.wait_for(name, 1), 0U) << i;
        EXPECT_EQ(limiter.wait_for(name, 1), 1U) << "what comes next waits";
    }
}

TEST(RateLimiter, ABatchIsPaidBeforeTheNextRequest) {
    RateLimiter limiter(100);
    EXPECT_EQ(limiter.wait_for("app", 1000), 0U);
    const unsigned seconds = limiter.wait_for("app", 1);
    EXPECT_GE(seconds, 9U);
    EXPECT_LE(seconds, 10U);
    EXPECT_EQ(limiter.wait_for("other", 1), 0U);
}

// Many threads together get no more than the limit allows.
TEST(RateLimiter, ManyThreadsGetWhatOneWouldGet) {
    constexpr unsigned kLimit = 100000;
    RateLimiter limiter(kLimit);
    std::atomic<unsigned> granted{0};
    const auto begin = std::chrono::steady_clock::now();
    const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] {
            unsigned mine = 0;
            while (passed() < 0.3) mine += limiter.wait_for("app", 1) == 0 ? 1 : 0;
            granted += mine;
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(granted, kLimit * (1 + passed()) + 1);
    EXPECT_GE(granted, kLimit / 2);
}

TEST(MemoryBudget, AFallIsSeenToItsEnd) {
    constexpr std::size_t kMib = 1024 * 1024;
    MemoryBudget budget(128 * kMib);
    EXPECT_FALSE(budget.has_fallen());
    ASSERT_TRUE(budget.take(64 * kMib, MemoryBudget::Use::answer));
    EXPECT_FALSE(budget.has_fallen());
    budget.give_back(49 * kMib);
    EXPECT_TRUE(budget.has_fallen());
    budget.give_back(15 * kMib);
    EXPECT_TRUE(budget.has_fallen()) << "it went on";
    EXPECT_TRUE(budget.has_fallen()) << "what was given back last may have been freed since";
    EXPECT_FALSE(budget.has_fallen());
    // A small peak is not worth it.
    ASSERT_TRUE(budget.take(15 * kMib, MemoryBudget::Use::answer));
    budget.give_back(15 * kMib);
    EXPECT_FALSE(budget.has_fallen());
}

}  // namespace
}  // namespace caas::http
