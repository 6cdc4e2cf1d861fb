// The text of a keyring: what the parser accepts, and every refusal with its line and reason.
#include "../../src/core/keyring.hpp"
#include "../../src/core/cipher_pool.hpp"
#include "../../src/core/digest_pool.hpp"
#include "../../src/core/password_pool.hpp"
#include "support.hpp"

#include <algorithm>
#include <iostream>

namespace caas::test {
namespace {

const Blob kFirst = secret_of(1);
const Blob kSecond = secret_of(2);

std::string with_version(std::string_view rest) { return std::string(kVersionLine) + std::string(rest); }
std::string active(int number, std::string_view pools = "") { return generation_line(number, "active", kFirst, pools); }

Keyring parsed(std::string_view text) {
    auto keyring = parse_keyring(text);
    if (!keyring.ok()) throw std::runtime_error(keyring.error().reason);
    return std::move(keyring.value());
}

std::string pool_of(const PoolKind& kind, const Pool& pool) { return pool_text(kind, pool); }

TEST(Keyring, ReadsAllFields) {
    const Keyring keyring =
        parsed(with_version("2\tactive   2026-11-24T02:00:00Z " + base64(kFirst) +
                            " passwords=pbkdf2-sha512,scrypt  digests=blake2b-512,kmac256\tciphers=aes-256-gcm \n" +
                            generation_line(1, "retired", kSecond)));
    ASSERT_EQ(keyring.generations().size(), 2U);
    const Generation& newest = keyring.generations()[0];
    EXPECT_EQ(newest.number, 2);
    EXPECT_TRUE(newest.active);
    EXPECT_EQ(newest.line, 2);
    EXPECT_EQ(newest.created, "2026-11-24T02:00:00Z");
    EXPECT_EQ(hex(newest.secret.expose()), hex(kFirst));
    EXPECT_EQ(pool_of(digest_pool, newest.digests), "blake2b-512,kmac256");
    EXPECT_EQ(pool_of(cipher_pool, newest.ciphers), "aes-256-gcm");
    EXPECT_EQ(pool_of(password_pool, newest.passwords), "pbkdf2-sha512,scrypt");
    const Generation& other = keyring.generations()[1];
    EXPECT_EQ(other.number, 1);
    EXPECT_FALSE(other.active);
    EXPECT_EQ(hex(other.secret.expose()), hex(kSecond));
}

TEST(Keyring, DefaultPoolsAreThoseOfVersion1) {
    const Keyring keyring = parsed(with_version(active(1)));
    const Generation& generation = keyring.generations()[0];
    EXPECT_EQ(pool_of(digest_pool, generation.digests),
              "blake2b-512,blake2s-256,hmac-sha256,hmac-sha384,hmac-sha512,hmac-sha512-256,kmac128,kmac256");
    EXPECT_EQ(pool_of(cipher_pool, generation.ciphers), "aes-256-gcm,chacha20-poly1305,aes-256-ocb");
    EXPECT_EQ(pool_of(password_pool, generation.passwords), "scrypt");
}

TEST(Keyring, OrderOfLinesHasNoMeaning) {
    const std::string lines[] = {generation_line(3, "retired", secret_of(3)),
                                 generation_line(65535, "retired", kSecond), active(9)};
    std::vector<int> order = {0, 1, 2};
    do {
        std::string text(kVersionLine);
        for (const int i : order) text += lines[i];
        const Keyring keyring = parsed(text);
        ASSERT_EQ(keyring.generations().size(), 3U);
        EXPECT_EQ(keyring.generations()[0].number, 65535);
        EXPECT_EQ(keyring.generations()[1].number, 9);
        EXPECT_EQ(keyring.generations()[2].number, 3);
        EXPECT_EQ(keyring.active().number, 9);
        for (std::size_t i = 0; i < 3; i++)
            EXPECT_EQ(keyring.find(keyring.generations()[i].number), &keyring.generations()[i]);
        for (const int missing : {-1, 0, 1, 4, 8, 10, 65534, 65536}) EXPECT_EQ(keyring.find(missing), nullptr);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Keyring, CommentsAndEmptyLines) {
    const Keyring keyring =
        parsed(with_version("\n# a comment, also in UTF-8: \xC5\x9E\n#\n \t \n" + active(4) + "\n#end\n"));
    ASSERT_EQ(keyring.generations().size(), 1U);
    EXPECT_EQ(keyring.generations()[0].line, 6);
}

TEST(Keyring, LimitsThatAreStillAllowed) {
    EXPECT_EQ(parsed(with_version("#" + std::string(4095, 'x') + "\n" + active(1))).generations().size(), 1U);
    std::string text = with_version(active(1));
    for (int number = 2; number <= 1024; number++) {
        text += generation_line(number, "retired", secret_of(static_cast<unsigned>(number)));
    }
    EXPECT_EQ(parsed(text).generations().size(), 1024U);
    EXPECT_TRUE(parse_keyring(with_version("1 active 2024-02-29T23:59:59Z " + base64(kFirst) + "\n")).ok());
    EXPECT_TRUE(parse_keyring(with_version("1 active 2000-02-29T00:00:00Z " + base64(kFirst) + "\n")).ok());
}

TEST(Keyring, Warnings) {
    EXPECT_EQ(parsed(with_version(active(1))).warnings(), 0U);
    EXPECT_EQ(parsed(with_version(active(1, " digests=hmac-sha224,hmac-sm3,hmac-sha3-256"))).warnings(), 0U);
    for (const char* weak : {"hmac-md5", "hmac-sha1", "hmac-ripemd160"}) {
        const std::string text = with_version(active(1, std::string(" digests=kmac256,") + weak));
        EXPECT_EQ(parsed(text).warnings(), unsigned{CAAS_WARN_WEAK_DIGEST}) << weak;
    }
    EXPECT_EQ(parsed(published_keyring()).warnings(), unsigned{CAAS_WARN_PUBLISHED_SECRET});
    EXPECT_EQ(parsed(published_keyring() + generation_line(2, "retired", kFirst, " digests=hmac-md5")).warnings(),
              unsigned{CAAS_WARN_PUBLISHED_SECRET | CAAS_WARN_WEAK_DIGEST});
}

struct Refusal {
    std::string text;
    int line;
    const char* reason;
};

constexpr const char* kNumber = "the number is not a decimal from 1 to 65535 without leading zeroes";
constexpr const char* kState = "the state is neither active nor retired";
constexpr const char* kTime = "the creation time is not YYYY-MM-DDTHH:MM:SSZ";
constexpr const char* kNotCanonical = "the secret is not the canonical base64 of 32 bytes";
constexpr const char* kEqualBytes = "the secret is 32 equal bytes";
constexpr const char* kField = "unknown field";
constexpr const char* kPoolTwice = "a pool is named twice";
constexpr const char* kPoolEmpty = "a pool is empty";
constexpr const char* kUnknown = "a pool names an unknown algorithm";
constexpr const char* kAlgorithmTwice = "a pool names an algorithm twice";
constexpr const char* kVersion = "the first line is not '# caas keyring v1'";
constexpr const char* kNumberTwice = "the number is used twice";
constexpr const char* kSecretTwice = "the secret is used twice";
constexpr const char* kTwoActive = "two generations are active";
constexpr const char* kNoneActive = "no generation is active";
constexpr const char* kTooMany = "more than 1024 generations";
constexpr const char* kTooLong = "the line is over 4096 bytes";
constexpr const char* kUtf8 = "the line is not valid UTF-8 or holds a zero byte";
constexpr const char* kCrLf = "the line ends in CR LF instead of LF";
constexpr const char* kNoLf = "the last line does not end in LF";
constexpr const char* kEmpty = "the file is empty";
constexpr const char* kReasons[] = {
    kNumber,     kState,     kTime,    kNotCanonical,   kNotCanonical, kNotCanonical, kEqualBytes,  kField,
    kPoolTwice,  kPoolEmpty, kUnknown, kAlgorithmTwice, kVersion,      kNumberTwice,  kSecretTwice, kTwoActive,
    kNoneActive, kTooMany,   kTooLong, kUtf8,           kCrLf,         kNoLf,         kEmpty};

void expect_refused(const std::vector<Refusal>& refusals) {
    for (const Refusal& refusal : refusals) {
        const auto keyring = parse_keyring(refusal.text);
        ASSERT_FALSE(keyring.ok()) << "accepted: " << refusal.text;
        EXPECT_EQ(keyring.error().status, CAAS_ERR_KEYRING_SYNTAX);
        EXPECT_EQ(keyring.error().line, refusal.line) << refusal.text;
        EXPECT_STREQ(keyring.error().reason, refusal.reason) << refusal.text;
        EXPECT_EQ(keyring.error().algorithm, nullptr);
    }
}

// A line of generation 1, as line 2 of a keyring, in which one field is wrong.
std::string number_is(std::string_view number) {
    return with_version(std::string(number) + " active 2026-11-24T02:00:00Z " + base64(kFirst) + "\n");
}
std::string state_is(std::string_view state) {
    return with_version("1 " + std::string(state) + " 2026-11-24T02:00:00Z " + base64(kFirst) + "\n");
}
std::string time_is(std::string_view time) {
    return with_version("1 active " + std::string(time) + " " + base64(kFirst) + "\n");
}
std::string secret_is(std::string_view secret) {
    return with_version("1 active 2026-11-24T02:00:00Z " + std::string(secret) + "\n");
}

TEST(KeyringRefusal, Number) {
    std::vector<Refusal> refusals;
    for (const char* number : {"0", "00", "01", "65536", "99999", "100000", "4294967297", "-1", "+1", "1.0", "0x1",
                               "1a", "a", "active", "\xD9\xA1", "1#", "\v1"}) {
        refusals.push_back({number_is(number), 2, kNumber});
    }
    refusals.push_back({with_version(" # no comment\n" + active(1)), 2, kNumber});
    expect_refused(refusals);
}

TEST(KeyringRefusal, State) {
    std::vector<Refusal> refusals;
    for (const char* state : {"Active", "ACTIVE", "actives", "activ", "retire", "passive", "1"}) {
        refusals.push_back({state_is(state), 2, kState});
    }
    refusals.push_back({with_version("1\n"), 2, kState});
    refusals.push_back({with_version("1 \n"), 2, kState});
    expect_refused(refusals);
}

TEST(KeyringRefusal, Time) {
    std::vector<Refusal> refusals;
    for (const char* time :
         {"2026-11-24", "2026-11-24T02:00:00", "2026-11-24t02:00:00Z", "2026-11-24T02:00:00z",
          "2026-11-24T02:00:00+00:00", "2026-11-24T02:00:00.0Z", "2026-11-24T24:00:00Z", "2026-11-24T02:60:00Z",
          "2026-11-24T02:00:60Z", "2026-00-24T02:00:00Z", "2026-13-24T02:00:00Z", "2026-11-00T02:00:00Z",
          "2026-11-31T02:00:00Z", "2026-02-29T02:00:00Z", "1900-02-29T02:00:00Z", "0000-01-01T00:00:00Z",
          "2026/11/24T02:00:00Z", "20a6-11-24T02:00:00Z", "2026-11-24T-2:00:00Z"}) {
        refusals.push_back({time_is(time), 2, kTime});
    }
    refusals.push_back({with_version("1 active\n"), 2, kTime});
    expect_refused(refusals);
}

TEST(KeyringRefusal, Secret) {
    const std::string right = base64(kFirst);
    // 32 bytes end in one '=': of the last digit before it two bits must be zero.
    std::string loose = right;
    ASSERT_EQ(loose[42], 'U');
    loose[42] = 'V';
    std::string url_safe(right);
    url_safe[5] = '_';
    std::string inner = right;
    inner[20] = '=';
    expect_refused({
        {with_version("1 active 2026-11-24T02:00:00Z\n"), 2, kNotCanonical},
        {secret_is(base64(Blob(31, 7))), 2, kNotCanonical},  // 44 characters as well
        {secret_is(base64(Blob(33, 7))), 2, kNotCanonical},
        {secret_is(base64(Blob(30, 7))), 2, kNotCanonical},
        {secret_is(base64(Blob(34, 7))), 2, kNotCanonical},
        {secret_is(right.substr(0, 43)), 2, kNotCanonical},
        {secret_is(right + "="), 2, kNotCanonical},
        {secret_is(right.substr(0, 43) + "A"), 2, kNotCanonical},
        {secret_is(loose), 2, kNotCanonical},
        {secret_is(url_safe), 2, kNotCanonical},
        {secret_is(inner), 2, kNotCanonical},
        {secret_is(std::string(43, '-') + "="), 2, kNotCanonical},
        {secret_is(right.substr(0, 42) + "\xC3\xA9"), 2, kNotCanonical},
        {secret_is(base64(Blob(32, 0))), 2, kEqualBytes},
        {secret_is(base64(Blob(32, 0xFF))), 2, kEqualBytes},
        {with_version(active(1) + generation_line(2, "retired", kFirst)), 3, kSecretTwice},
    });
}

TEST(KeyringRefusal, Pools) {
    expect_refused({
        {with_version(active(1, " digest=kmac256")), 2, kField},
        {with_version(active(1, " kmac256")), 2, kField},
        {with_version(active(1, " Digests=kmac256")), 2, kField},
        {with_version(active(1, " digests= kmac256")), 2, kPoolEmpty},
        {with_version(active(1, " digests=kmac256 #")), 2, kField},
        {with_version(active(1, " digests=")), 2, kPoolEmpty},
        {with_version(active(1, " ciphers=")), 2, kPoolEmpty},
        {with_version(active(1, " passwords=")), 2, kPoolEmpty},
        {with_version(active(1, " digests=kmac256 digests=kmac128")), 2, kPoolTwice},
        {with_version(active(1, " ciphers=aes-256-gcm ciphers=aes-256-gcm")), 2, kPoolTwice},
        {with_version(active(1, " passwords=scrypt ciphers=aes-256-gcm passwords=scrypt")), 2, kPoolTwice},
        {with_version(active(1, " digests=kmac512")), 2, kUnknown},
        {with_version(active(1, " digests=KMAC256")), 2, kUnknown},
        {with_version(active(1, " digests=aes-256-gcm")), 2, kUnknown},
        {with_version(active(1, " ciphers=kmac256")), 2, kUnknown},
        {with_version(active(1, " passwords=bcrypt")), 2, kUnknown},
        {with_version(active(1, " digests=,")), 2, kUnknown},
        {with_version(active(1, " digests=kmac256,")), 2, kUnknown},
        {with_version(active(1, " digests=,kmac256")), 2, kUnknown},
        {with_version(active(1, " digests=kmac256,,kmac128")), 2, kUnknown},
        {with_version(active(1, " digests=kmac256, kmac128")), 2, kUnknown},
        {with_version(active(1, " digests=kmac256 ,kmac128")), 2, kField},
        {with_version(active(1, " digests=kmac256;kmac128")), 2, kUnknown},
        {with_version(active(1, " digests=kmac256,kmac128,kmac256")), 2, kAlgorithmTwice},
        {with_version(active(1, " ciphers=aes-256-gcm,aes-256-gcm")), 2, kAlgorithmTwice},
        {with_version(active(1, " passwords=scrypt,scrypt")), 2, kAlgorithmTwice},
    });
}

TEST(KeyringRefusal, Generations) {
    std::string too_many = with_version(active(1));
    for (int number = 2; number <= 1025; number++) {
        too_many += generation_line(number, "retired", secret_of(static_cast<unsigned>(number)));
    }
    expect_refused({
        {with_version(active(1) + generation_line(1, "retired", kSecond)), 3, kNumberTwice},
        {with_version(active(1) + "\n# between\n" + generation_line(2, "active", kSecond)), 5, kTwoActive},
        {with_version(generation_line(1, "retired", kFirst)), 2, kNoneActive},
        {with_version("# nothing\n"), 2, kNoneActive},
        {with_version(""), 1, kNoneActive},
        {too_many, 1026, kTooMany},
    });
}

TEST(KeyringRefusal, Lines) {
    const std::string version(kVersionLine);
    expect_refused({
        {"", 1, kEmpty},
        {"\n", 1, kVersion},
        {active(1), 1, kVersion},
        {"# caas keyring v2\n" + active(1), 1, kVersion},
        {"# caas keyring v1 \n" + active(1), 1, kVersion},
        {" # caas keyring v1\n" + active(1), 1, kVersion},
        {"\n" + version + active(1), 1, kVersion},
        {"\xEF\xBB\xBF" + version + active(1), 1, kVersion},
        {"# caas keyring v1\r\n" + active(1), 1, kCrLf},
        {with_version("# a comment\r\n" + active(1)), 2, kCrLf},
        {with_version("1 active 2026-11-24T02:00:00Z " + base64(kFirst) + "\r\n"), 2, kCrLf},
        {"# caas keyring v1", 1, kNoLf},
        {with_version("1 active 2026-11-24T02:00:00Z " + base64(kFirst)), 2, kNoLf},
        {with_version(active(1) + " "), 3, kNoLf},
        {with_version("#" + std::string(4096, 'x') + "\n" + active(1)), 2, kTooLong},
        {with_version(active(1, std::string(5000, ' '))), 2, kTooLong},
        {with_version("# \xFF\n" + active(1)), 2, kUtf8},
        {with_version(active(1) + std::string("# a\0b\n", 6)), 3, kUtf8},
        {with_version("# \xC0\xAF\n" + active(1)), 2, kUtf8},
    });
}

// An error consists of static texts, which do not depend on the bytes of the input.
TEST(KeyringRefusal, ErrorsHoldNoByteOfTheInput) {
    Random random;
    const std::string right = with_version("\n" + generation_line(2, "active", kFirst, " digests=kmac256,hmac-sha256") +
                                           generation_line(1, "retired", kSecond, " ciphers=aes-256-gcm"));
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        std::string text = right;
        for (std::size_t changes = 1 + random.below(3); changes > 0; changes--) {
            const std::size_t at = random.below(text.size());
            switch (random.below(3)) {
                case 0:
                    text[at] = static_cast<char>(random.next());
                    break;
                case 1:
                    text.erase(at, 1 + random.below(60));
                    break;
                default:
                    text.insert(at, right.substr(random.below(right.size()), random.below(60)));
            }
            if (text.empty()) break;
        }
        const auto keyring = parse_keyring(text);
        if (keyring.ok()) continue;
        refused++;
        const Error& error = keyring.error();
        const auto is_reason = [&](const char* reason) { return std::string_view(reason) == error.reason; };
        ASSERT_TRUE(std::any_of(std::begin(kReasons), std::end(kReasons), is_reason)) << error.reason;
        ASSERT_EQ(error.algorithm, nullptr);
        ASSERT_GE(error.line, 1);
        ASSERT_LE(error.line, std::max<std::ptrdiff_t>(1, std::count(text.begin(), text.end(), '\n') + 1));
    }
    EXPECT_GT(refused, 10000);
}

}  // namespace
}  // namespace caas::test
