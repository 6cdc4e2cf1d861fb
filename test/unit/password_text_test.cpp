// The stored form of a password hash has exactly one spelling, and no cost beyond the caps is accepted.
#include "../../src/core/password.hpp"
#include "sealed_support.hpp"

#include <algorithm>

namespace caas::test {
namespace {

const std::string kSalt = "AAECAwQFBgcICQoLDA0ODw";
const std::string kHash = "hY4mXxWLrsSb+fROiT1fCZrzWWYkHduVArQ3L78ZB/A";
const std::string kTail = "$" + kSalt + "$" + kHash;

bool accepted(const std::string& text) { return parse_password(text).has_value(); }

std::string scrypt_of(const std::string& costs) { return "$caas-scrypt$v=1$g=2," + costs + kTail; }
std::string argon2_of(const std::string& costs) { return "$caas-argon2id$v=1$g=2," + costs + kTail; }
std::string pbkdf2_of(const std::string& costs) { return "$caas-pbkdf2-sha512$v=1$g=2," + costs + kTail; }

const std::string kGood[] = {scrypt_of("ln=15,r=8,p=3"), argon2_of("m=19456,t=2,p=1"), pbkdf2_of("i=220000")};

TEST(PasswordText, FieldsOfAGoodOne) {
    const auto stored = parse_password("$caas-scrypt$v=1$g=65535,ln=15,r=8,p=3" + kTail);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->algorithm, kScrypt);
    EXPECT_EQ(stored->generation, 65535);
    EXPECT_EQ(stored->cost, (PasswordCost{15, 8, 3}));
    EXPECT_EQ(hex(stored->salt), "000102030405060708090a0b0c0d0e0f");
    EXPECT_EQ(hex(stored->hash), "858e265f158baec49bf9f44e893d5f099af35966241ddb9502b4372fbf1907f0");
    EXPECT_EQ(parse_password(kGood[1])->algorithm, kArgon2id);
    EXPECT_EQ(parse_password(kGood[1])->cost, (PasswordCost{19456, 2, 1}));
    EXPECT_EQ(parse_password(kGood[2])->algorithm, kPbkdf2);
    EXPECT_EQ(parse_password(kGood[2])->cost, (PasswordCost{220000, 0, 0}));
}

TEST(PasswordText, AcceptedCosts) {
    const std::string texts[] = {
        scrypt_of("ln=10,r=8,p=1"),    scrypt_of("ln=10,r=8,p=16"),    scrypt_of("ln=18,r=8,p=1"),
        scrypt_of("ln=18,r=8,p=2"),    scrypt_of("ln=15,r=8,p=16"),    scrypt_of("ln=16,r=8,p=8"),
        scrypt_of("ln=17,r=8,p=4"),    argon2_of("m=8,t=1,p=1"),       argon2_of("m=128,t=16,p=16"),
        argon2_of("m=262144,t=1,p=1"), argon2_of("m=262144,t=4,p=16"), argon2_of("m=65536,t=16,p=1"),
        argon2_of("m=131072,t=8,p=2"), argon2_of("m=209715,t=5,p=1"),  pbkdf2_of("i=10000"),
        pbkdf2_of("i=10000000"),
    };
    for (const std::string& text : texts) EXPECT_TRUE(accepted(text)) << text;
}

TEST(PasswordText, RefusedCosts) {
    const std::string texts[] = {
        scrypt_of("ln=9,r=8,p=1"),     scrypt_of("ln=19,r=8,p=1"),    scrypt_of("ln=15,r=7,p=1"),
        scrypt_of("ln=15,r=9,p=1"),    scrypt_of("ln=15,r=1,p=1"),    scrypt_of("ln=15,r=0,p=1"),
        scrypt_of("ln=15,r=8,p=0"),    scrypt_of("ln=10,r=8,p=17"),   scrypt_of("ln=18,r=8,p=3"),
        scrypt_of("ln=17,r=8,p=5"),    scrypt_of("ln=16,r=8,p=9"),    scrypt_of("ln=0,r=8,p=1"),
        scrypt_of("ln=64,r=8,p=1"),    scrypt_of("ln=74,r=8,p=1"),    argon2_of("m=7,t=1,p=1"),
        argon2_of("m=127,t=1,p=16"),   argon2_of("m=262145,t=1,p=1"), argon2_of("m=262144,t=5,p=1"),
        argon2_of("m=65537,t=16,p=1"), argon2_of("m=209716,t=5,p=1"), argon2_of("m=1024,t=0,p=1"),
        argon2_of("m=1024,t=17,p=1"),  argon2_of("m=1024,t=1,p=0"),   argon2_of("m=1024,t=1,p=17"),
        argon2_of("m=0,t=1,p=1"),      argon2_of("m=0,t=1,p=0"),      argon2_of("m=1024,t=1,p=536870913"),
        pbkdf2_of("i=9999"),           pbkdf2_of("i=10000001"),       pbkdf2_of("i=0"),
    };
    for (const std::string& text : texts) EXPECT_FALSE(accepted(text)) << text;
}

// Numbers have no sign, no blank and no leading zero, and do not overflow to another number.
TEST(PasswordText, RefusedNumbers) {
    const std::string wrong[] = {"",
                                 "+15",
                                 "-15",
                                 " 15",
                                 "15 ",
                                 "015",
                                 "0x0f",
                                 "15.0",
                                 "1e1",
                                 "\xD9\xA1\xD9\xA5",
                                 "4294967311",
                                 "18446744073709551631",
                                 "00000015",
                                 std::string(1000, '1'),
                                 std::string("15\0", 3),
                                 std::string("\0", 1),
                                 "1\t5",
                                 "ln=15"};
    for (const std::string& number : wrong) {
        EXPECT_FALSE(accepted(scrypt_of("ln=" + number + ",r=8,p=3"))) << number;
    }
    const std::string wrong_p[] = {"03", "+3", "4294967299", "18446744073709551619", ""};
    for (const std::string& number : wrong_p) EXPECT_FALSE(accepted(scrypt_of("ln=15,r=8,p=" + number))) << number;
    const std::string wrong_r[] = {"08", "4294967304", "-8", ""};
    for (const std::string& number : wrong_r) EXPECT_FALSE(accepted(scrypt_of("ln=15,r=" + number + ",p=3"))) << number;
    const std::string wrong_i[] = {"0220000", "+220000", "4295187296", "220000.", "100000000", "1000000000"};
    for (const std::string& number : wrong_i) EXPECT_FALSE(accepted(pbkdf2_of("i=" + number))) << number;
}

TEST(PasswordText, Generations) {
    const auto of = [](const std::string& number) { return "$caas-scrypt$v=1$g=" + number + ",ln=15,r=8,p=3" + kTail; };
    const std::string wrong[] = {"",   "0",     "02",    "+2",     "-2",         " 2",
                                 "2 ", "65536", "65538", "131074", "4294967298", "99999999999999999999"};
    for (const std::string& number : wrong) EXPECT_FALSE(accepted(of(number))) << number;
    const std::string right[] = {"1", "9", "10", "65535"};
    for (const std::string& number : right) EXPECT_TRUE(accepted(of(number))) << number;
}

TEST(PasswordText, RefusedShapes) {
    const std::string costs = "ln=15,r=8,p=3";
    const std::string texts[] = {
        "",
        "$",
        "$$$$",
        "caas-scrypt$v=1$g=2," + costs + kTail,
        " $caas-scrypt$v=1$g=2," + costs + kTail,
        "$$caas-scrypt$v=1$g=2," + costs + kTail,
        "$scrypt$v=1$g=2," + costs + kTail,
        "$caas-$v=1$g=2," + costs + kTail,
        "$caas-SCRYPT$v=1$g=2," + costs + kTail,
        "$CAAS-scrypt$v=1$g=2," + costs + kTail,
        "$caas-scrypt2$v=1$g=2," + costs + kTail,
        "$caas-scryp$v=1$g=2," + costs + kTail,
        "$caas-bcrypt$v=1$g=2," + costs + kTail,
        "$caas-argon2i$v=1$g=2,m=19456,t=2,p=1" + kTail,
        "$caas-pbkdf2$v=1$g=2,i=220000" + kTail,
        "$caas-scrypt$v=0$g=2," + costs + kTail,
        "$caas-scrypt$v=2$g=2," + costs + kTail,
        "$caas-scrypt$v=01$g=2," + costs + kTail,
        "$caas-scrypt$v=1,g=2," + costs + kTail,
        "$caas-scrypt$g=2," + costs + kTail,
        "$caas-scrypt$v=1$" + costs + kTail,
        "$caas-scrypt$v=1$" + costs + ",g=2" + kTail,
        "$caas-scrypt$v=1$g=2$" + costs + kTail,
        "$caas-scrypt$v=1$G=2," + costs + kTail,
        scrypt_of("r=8,ln=15,p=3"),
        scrypt_of("ln=15,p=3,r=8"),
        scrypt_of("p=3,r=8,ln=15"),
        scrypt_of("ln=15,r=8"),
        scrypt_of("ln=15,r=8,p=3,x=1"),
        scrypt_of("ln=15,r=8,p=3,p=3"),
        scrypt_of("ln=15,r=8,p=3,"),
        scrypt_of(",ln=15,r=8,p=3"),
        scrypt_of("ln=15,,r=8,p=3"),
        scrypt_of("ln=15;r=8;p=3"),
        scrypt_of("ln=15, r=8, p=3"),
        scrypt_of("LN=15,R=8,P=3"),
        scrypt_of("ln15,r8,p3"),
        scrypt_of("m=19456,t=2,p=1"),
        scrypt_of("i=220000"),
        argon2_of("ln=15,r=8,p=3"),
        argon2_of("t=2,m=19456,p=1"),
        argon2_of("m=19456,t=2"),
        argon2_of("m=19456,t=2,p=1,keyid=AA"),
        pbkdf2_of("i=220000,l=32"),
        pbkdf2_of("ln=15,r=8,p=3"),
        "$caas-scrypt$v=1$g=2," + costs,
        "$caas-scrypt$v=1$g=2," + costs + "$" + kSalt,
        "$caas-scrypt$v=1$g=2," + costs + "$" + kSalt + "$",
        "$caas-scrypt$v=1$g=2," + costs + "$$" + kHash,
        "$caas-scrypt$v=1$g=2," + costs + "$" + kHash + "$" + kSalt,
        "$caas-scrypt$v=1$g=2," + costs + kTail + "$",
        "$caas-scrypt$v=1$g=2," + costs + kTail + "\n",
        "$caas-scrypt$v=1$g=2," + costs + kTail + " ",
        "$caas-scrypt$v=1$g=2," + costs + kTail + "=",
        "$caas-scrypt$v=1$g=2," + costs + kTail + "A",
        "$caas-scrypt$v=1$g=2," + costs + kTail + std::string(1, '\0'),
        "$caas-scrypt$v=1$g=2," + costs + kTail + kTail,
        std::string("$caas-scrypt\0$v=1$g=2,", 23) + costs + kTail,
    };
    for (const std::string& text : texts) EXPECT_FALSE(accepted(text)) << text;
    for (const std::string& text : kGood) EXPECT_TRUE(accepted(text)) << text;
}

// Base64 has one spelling: the standard alphabet, no padding, no blanks, unused bits zero.
TEST(PasswordText, RefusedBase64) {
    const auto with = [](const std::string& salt, const std::string& hash) {
        return "$caas-scrypt$v=1$g=2,ln=15,r=8,p=3$" + salt + "$" + hash;
    };
    EXPECT_TRUE(accepted(with(kSalt, kHash)));
    const std::string salts[] = {
        kSalt + "==",
        kSalt + "=",
        kSalt.substr(0, 21),
        kSalt + "A",
        kSalt.substr(0, 21) + "=",
        " " + kSalt,
        kSalt + " ",
        kSalt.substr(0, 21) + "\n",
        "\n" + kSalt.substr(1),
        kSalt.substr(0, 10) + " " + kSalt.substr(11),
        kSalt.substr(0, 21) + "x",
        kSalt.substr(0, 21) + "1",
        kSalt.substr(0, 21) + "$",
        "-" + kSalt.substr(1),
        "_" + kSalt.substr(1),
        "." + kSalt.substr(1),
        std::string(1, '\0') + kSalt.substr(1),
        "\x80" + kSalt.substr(1),
        "\xC1" + kSalt.substr(1),
        std::string(22, '='),
        std::string(22, ' '),
    };
    for (const std::string& salt : salts) EXPECT_FALSE(accepted(with(salt, kHash))) << salt;
    const std::string hashes[] = {
        kHash + "=",
        kHash.substr(0, 42),
        kHash.substr(0, 42) + "=",
        kHash.substr(0, 42) + "B",
        kHash.substr(0, 42) + "C",
        kHash.substr(0, 42) + "D",
        kHash + "A",
        " " + kHash,
        kHash + " ",
        kHash.substr(0, 20) + "-" + kHash.substr(21),
        kHash.substr(0, 20) + "_" + kHash.substr(21),
        kHash.substr(0, 20) + "\n" + kHash.substr(21),
        "\t" + kHash.substr(1),
        std::string(43, '='),
    };
    for (const std::string& hash : hashes) EXPECT_FALSE(accepted(with(kSalt, hash))) << hash;
    EXPECT_TRUE(accepted(with(std::string(21, '+') + "w", std::string(42, '/') + "8")));
    EXPECT_FALSE(accepted(with(std::string(22, '+'), std::string(43, '/'))));
}

// Any single change, insertion or removal gives another text, which is refused or stands for something else.
TEST(PasswordText, EverySpellingIsTheOnlyOne) {
    for (const std::string& good : kGood) {
        for (std::size_t at = 0; at <= good.size(); at++) {
            for (int byte = 0; byte < 256; byte++) {
                std::string texts[] = {good, good};
                if (at < good.size()) texts[0][at] = static_cast<char>(byte);
                texts[1].insert(at, 1, static_cast<char>(byte));
                for (const std::string& text : texts) {
                    const auto stored = parse_password(text);
                    ASSERT_TRUE(!stored || password_text(*stored) == text) << text;
                }
            }
            if (at < good.size()) {
                const std::string text = std::string(good).erase(at, 1);
                const auto stored = parse_password(text);
                ASSERT_TRUE(!stored || password_text(*stored) == text) << text;
                EXPECT_FALSE(accepted(good.substr(0, at)));
            }
        }
    }
}

PasswordCost random_cost(Random& random, AlgorithmId algorithm) {
    PasswordCost cost{};
    do {
        const auto between = [&](std::uint32_t low, std::uint32_t high) {
            return static_cast<std::uint32_t>(low + random.below(high - low + 1));
        };
        if (algorithm == kScrypt) cost = {between(10, 18), 8, between(1, 16)};
        if (algorithm == kArgon2id) cost = {between(8, 262144), between(1, 16), between(1, 16)};
        if (algorithm == kPbkdf2) cost = {between(10000, 10000000), 0, 0};
    } while (!password_algorithms[algorithm].allowed(cost));
    return cost;
}

TEST(PasswordText, ReadsWhatItWrites) {
    Random random;
    for (int i = 0; i < 20000; i++) {
        StoredPassword stored;
        stored.algorithm = static_cast<AlgorithmId>(random.below(3));
        stored.generation = static_cast<int>(1 + random.below(65535));
        stored.cost = random_cost(random, stored.algorithm);
        random.fill(stored.salt.data(), stored.salt.size());
        random.fill(stored.hash.data(), stored.hash.size());
        const std::string text = password_text(stored);
        ASSERT_LT(text.size(), std::size_t{CAAS_PASSWORD_TEXT_BYTES});
        const auto read = parse_password(text);
        ASSERT_TRUE(read) << text;
        ASSERT_EQ(read->algorithm, stored.algorithm);
        ASSERT_EQ(read->generation, stored.generation);
        ASSERT_EQ(read->cost, stored.cost);
        ASSERT_EQ(read->salt, stored.salt);
        ASSERT_EQ(read->hash, stored.hash);
        ASSERT_EQ(password_text(*read), text);
    }
}

}  // namespace
}  // namespace caas::test
