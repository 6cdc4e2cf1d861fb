// The text of a keyring: what the parser accepts, and every refusal with its line and reason.
#include "../../src/core/keyring.hpp"
#include "../../src/core/cipher_pool.hpp"
#include "../../src/core/digest_pool.hpp"
#include "../../src/core/password_pool.hpp"
#include "support.hpp"

#include <algorithm>
#include <iostream>
#include <stdexcept>

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

TEST(Keyring, TheLastLineMayLackItsLf) {
    const std::string fields = " digests=kmac256,hmac-sha256 index=7:" + base64(secret_of(3));
    for (const std::string& whole :
         {with_version(active(1)), with_version(generation_line(2, "retired", kSecond) + active(1, fields)),
          with_version(active(1) + "# a comment\n"), with_version(active(1) + " \n")}) {
        const Keyring keyring = parsed(whole);
        const Keyring short_of_one = parsed(whole.substr(0, whole.size() - 1));
        ASSERT_EQ(short_of_one.generations().size(), keyring.generations().size()) << whole;
        for (std::size_t i = 0; i < keyring.generations().size(); i++) {
            const Generation& one = short_of_one.generations()[i];
            EXPECT_EQ(one.check_value().value(), keyring.generations()[i].check_value().value()) << whole;
            EXPECT_EQ(one.active, keyring.generations()[i].active);
            EXPECT_EQ(one.line, keyring.generations()[i].line);
        }
    }
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

TEST(Keyring, CheckValueCoversNumberAndEveryField) {
    const auto value = [](std::string_view number, std::string_view fields, std::string_view state = "active") {
        const std::string line = std::string(number) + " " + std::string(state) + " 2026-11-24T02:00:00Z " +
                                 base64(kFirst) + std::string(fields) + "\n";
        const Keyring keyring =
            parsed(with_version(line + generation_line(9, state == "active" ? "retired" : "active", kSecond)));
        const auto result = keyring.find(std::stoi(std::string(number)))->check_value();
        EXPECT_TRUE(result.ok());
        return result.value();
    };
    const std::string key = base64(secret_of(3));
    std::vector<std::string> values = {
        value("1", ""),
        value("2", ""),
        value("1", " digests=kmac256,kmac128"),
        value("1", " digests=kmac128,kmac256"),
        value("1", " ciphers=aes-256-gcm"),
        value("1", " passwords=pbkdf2-sha512"),
        value("1", " index=7:" + key),
        value("1", " index=70:" + key),
        value("1", " index=7:" + base64(secret_of(4))),
        value("1", " digests=kmac256 index=7:" + key),
    };
    EXPECT_EQ(value("1", "", "retired"), values[0]) << "the state is left out";
    EXPECT_EQ(value("1", " passwords=scrypt"), values[0]) << "defaults are written out";
    EXPECT_EQ(value("1", " index=7:" + key + " digests=kmac256"), values.back()) << "the order has no meaning";
    std::sort(values.begin(), values.end());
    EXPECT_EQ(std::unique(values.begin(), values.end()), values.end());
}

TEST(Keyring, IndexFieldStandsAnywhereAmongThePools) {
    const std::string field = " index=7:" + base64(kSecond);
    for (const std::string& fields :
         {field, field + " digests=kmac256", " digests=kmac256" + field + " ciphers=aes-256-gcm",
          " digests=kmac256\t" + field.substr(1) + "  "}) {
        const Keyring keyring = parsed(with_version(active(1, fields)));
        const Generation& generation = keyring.active();
        ASSERT_TRUE(generation.carried_index_key) << fields;
        EXPECT_EQ(generation.carried_index_key->generation, 7);
        EXPECT_EQ(generation.index_key_generation(), 7);
        EXPECT_EQ(hex(generation.carried_index_key->key.expose()), hex(kSecond));
        EXPECT_EQ(pool_of(password_pool, generation.passwords), "scrypt");
    }
    const Keyring plain = parsed(with_version(active(1)));
    EXPECT_FALSE(plain.active().carried_index_key);
    EXPECT_EQ(plain.active().index_key_generation(), 1);
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

// A line that was cut off can still look whole; a comment and blanks lose nothing.
TEST(Keyring, WarningOfAnOpenLastLine) {
    const std::string whole = with_version(active(1));
    const std::string open = whole.substr(0, whole.size() - 1);
    EXPECT_FALSE(parsed(whole).may_be_cut_off());
    EXPECT_TRUE(parsed(open).may_be_cut_off());
    for (const char* open_end : {"", " ", " digests=kmac256"}) {
        EXPECT_EQ(parsed(open + open_end).warnings(), unsigned{CAAS_WARN_OPEN_LAST_LINE}) << open_end;
    }
    EXPECT_EQ(parsed(open + " digests=hmac-md5").warnings(),
              unsigned{CAAS_WARN_OPEN_LAST_LINE | CAAS_WARN_WEAK_DIGEST});
    for (const char* end : {"# end", "#", "# 2 retired", " ", "\n", "\n# end", "# end\n"}) {
        EXPECT_EQ(parsed(whole + end).warnings(), 0U) << end;
    }
    // The active generation need not be the last one.
    const std::string retired = generation_line(2, "retired", kSecond);
    EXPECT_TRUE(parsed(whole + retired.substr(0, retired.size() - 1)).may_be_cut_off());
    EXPECT_FALSE(parsed(whole + retired).may_be_cut_off());
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
constexpr const char* kEmpty = "the file is empty";
constexpr const char* kIndexTwice = "the index key is given twice";
constexpr const char* kIndexNumber = "the index key does not begin with a generation's number and a colon";
constexpr const char* kIndexOwn = "the index key is said to come from the line's own generation";
constexpr const char* kIndexNotCanonical = "the index key is not the canonical base64 of 32 bytes";
constexpr const char* kIndexEqualBytes = "the index key is 32 equal bytes";
constexpr const char* kIndexOther = "the index key is not that of the generation that it names";
constexpr const char* kReasons[] = {kNumber,
                                    kState,
                                    kTime,
                                    kNotCanonical,
                                    kNotCanonical,
                                    kNotCanonical,
                                    kEqualBytes,
                                    kField,
                                    kPoolTwice,
                                    kPoolEmpty,
                                    kUnknown,
                                    kAlgorithmTwice,
                                    kVersion,
                                    kNumberTwice,
                                    kSecretTwice,
                                    kTwoActive,
                                    kNoneActive,
                                    kTooMany,
                                    kTooLong,
                                    kUtf8,
                                    kCrLf,
                                    kEmpty,
                                    kIndexTwice,
                                    kIndexNumber,
                                    kIndexOwn,
                                    kIndexNotCanonical,
                                    kIndexEqualBytes,
                                    kIndexOther};

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
        // As every release refuses the whole file at a field of a later one.
        {with_version(active(1, " indexes=7:" + base64(kSecond))), 2, kField},
        {with_version(active(1, " index:7=" + base64(kSecond))), 2, kField},
        {with_version(active(1, " Index=7:" + base64(kSecond))), 2, kField},
        {with_version(active(1) + generation_line(2, "retired", kSecond, " later=1")), 3, kField},
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

TEST(KeyringRefusal, IndexField) {
    const auto index_is = [](const std::string& value) { return with_version(active(1, " index=" + value)); };
    const std::string key = base64(kSecond);
    std::string loose = key;
    loose[42] = loose[42] == 'A' ? 'B' : static_cast<char>(loose[42] + 1);
    std::vector<Refusal> refusals = {
        {index_is("7:" + key + " index=7:" + key), 2, kIndexTwice},
        {index_is("7:" + key + " digests=kmac256 index=8:" + key), 2, kIndexTwice},
        {index_is("1:" + key), 2, kIndexOwn},
        {index_is("7:"), 2, kIndexNotCanonical},
        {index_is("7: " + key), 2, kIndexNotCanonical},
        {index_is("7::" + key), 2, kIndexNotCanonical},
        {index_is("7:" + base64(Blob(31, 7))), 2, kIndexNotCanonical},
        {index_is("7:" + base64(Blob(33, 7))), 2, kIndexNotCanonical},
        {index_is("7:" + base64(Blob(30, 7))), 2, kIndexNotCanonical},
        {index_is("7:" + base64(Blob(64, 7))), 2, kIndexNotCanonical},
        {index_is("7:" + key + "="), 2, kIndexNotCanonical},
        {index_is("7:" + key + ","), 2, kIndexNotCanonical},
        {index_is("7:" + key.substr(0, 43)), 2, kIndexNotCanonical},
        {index_is("7:" + loose), 2, kIndexNotCanonical},
        {index_is("7:" + hex(kSecond)), 2, kIndexNotCanonical},
        {index_is("7:" + base64(Blob(32, 0))), 2, kIndexEqualBytes},
        {index_is("7:" + base64(Blob(32, 0xA7))), 2, kIndexEqualBytes},
    };
    for (const char* number : {"", "0", "07", "65536", "-7", "+7", "7a", "seven", " 7", "7 "}) {
        refusals.push_back({index_is(number + (":" + key)), 2, kIndexNumber});
    }
    for (const std::string& none : {std::string(), std::string("7"), key})
        refusals.push_back({index_is(none), 2, kIndexNumber});
    expect_refused(refusals);
}

// Where the generation that the field names is in the file, the key has to be that of its line: the one that it
// carries, or else its own.
TEST(KeyringRefusal, IndexKeyOfAnotherGeneration) {
    const auto own_key = [](const Blob& secret) {
        const auto key = derive_purpose_key(
            SecretKey<kSecretBytes>(std::span<const std::uint8_t, kSecretBytes>(secret.data(), kSecretBytes)), "index");
        return base64(key.value().expose());
    };
    const auto carried = [](int from, const std::string& key) { return " index=" + std::to_string(from) + ":" + key; };
    const std::string one = own_key(kFirst);
    const std::string two = own_key(kSecond);
    const std::string other = base64(secret_of(9));
    const auto three = [](const std::string& field) { return generation_line(3, "retired", secret_of(3), field); };
    const auto second = [](const std::string& field) { return generation_line(2, "retired", kSecond, field); };
    for (const std::string& accepted : {
             active(1) + second(carried(1, one)),
             second(carried(1, one)) + active(1),
             active(1) + second(carried(1, one)) + three(carried(1, one)),
             active(1) + second(carried(1, one)) + three(carried(2, one)),
             active(1) + second("") + three(carried(2, two)),
             active(1) + second(carried(7, other)) + three(carried(2, other)),
             active(1, carried(2, two)) + second(""),
             // Two keys of a generation that is gone: nothing is left to compare them with.
             active(1) + second(carried(7, other)) + three(carried(7, two)),
         }) {
        EXPECT_TRUE(parse_keyring(with_version(accepted)).ok()) << accepted;
    }
    expect_refused({
        {with_version(active(1) + second(carried(1, two))), 3, kIndexOther},
        {with_version(active(1) + second(carried(1, other))), 3, kIndexOther},
        {with_version(active(1) + second(carried(1, base64(kFirst)))), 3, kIndexOther},
        {with_version("\n" + second(carried(1, other)) + active(1)), 3, kIndexOther},
        // 2 has the key of 1, so its own is not its index key.
        {with_version(active(1) + second(carried(1, one)) + three(carried(2, two))), 4, kIndexOther},
        {with_version(active(1) + second(carried(7, other)) + three(carried(2, one))), 4, kIndexOther},
        {with_version(active(1, carried(2, other)) + second(carried(1, one))), 3, kIndexOther},
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
        {"# caas keyring v1", 1, kNoneActive},
        {"# caas keyring v", 1, kVersion},
        {with_version("1 active 2026-11-24T02:00:00Z " + base64(kFirst) + "\r"), 2, kCrLf},
        {with_version("1 active 2026-11-24T02:00:00Z " + base64(kFirst).substr(0, 43)), 2, kNotCanonical},
        {with_version(generation_line(1, "active", kFirst, " digests=kmac256").substr(0, 86)), 2, kUnknown},
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
    const std::string right =
        with_version("\n" + generation_line(2, "active", kFirst, " digests=kmac256,hmac-sha256") +
                     generation_line(1, "retired", kSecond, " ciphers=aes-256-gcm index=7:" + base64(secret_of(3))));
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
