// The list of accepted API keys, as the server's setting holds it.
#include "support.hpp"

#include <cstring>

namespace caas::test {
namespace {

const std::string kA(64, 'a');
const std::string kB = "0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789";

caas_api_key_list parsed(const std::string& text) {
    caas_api_key_list list = {};
    caas_error error = {};
    EXPECT_EQ(caas_api_key_list_parse(text.c_str(), &list, &error), CAAS_OK) << text << ": " << error.reason;
    return list;
}

TEST(ApiKeys, AcceptedLists) {
    for (const char* empty : {"", " ", " \t\r\n"}) EXPECT_EQ(parsed(empty).count, 0) << empty;
    for (const std::string& one :
         {kA, " " + kA + "\t", "web:" + kA, "  a.b-c_D9:" + kA + "\n", std::string(64, 'n') + ":" + kA}) {
        const caas_api_key_list list = parsed(one);
        ASSERT_EQ(list.count, 1) << one;
        EXPECT_EQ(hex(list.digests[0]), kA);
    }
    const caas_api_key_list two = parsed("old:" + kA + ",\n new:" + kB);
    ASSERT_EQ(two.count, 2);
    EXPECT_EQ(hex(two.digests[0]), kA);
    EXPECT_EQ(unhex(kB), Blob(two.digests[1], two.digests[1] + 32));
}

TEST(ApiKeys, NamesOfEntries) {
    const std::string longest(CAAS_API_KEY_NAME_BYTES - 1, 'n');
    const caas_api_key_list list = parsed("old:" + kA + "," + kB + ", " + longest + ":" + kA);
    EXPECT_STREQ(list.names[0], "old");
    EXPECT_STREQ(list.names[1], "");
    EXPECT_EQ(list.names[2], longest);
    EXPECT_EQ(caas_api_key_find(&list, list.digests[2]), 0) << "of equal entries the first counts";
}

struct Refusal {
    std::string text;
    int entry;
    const char* reason;
};

constexpr const char* kDigits = "an entry is not the 64 hexadecimal digits of a SHA-256";
constexpr const char* kName = "a name is not 1 to 64 letters, digits, dots, dashes or underscores";

TEST(ApiKeys, RefusedLists) {
    std::string many = kA;
    for (int i = 0; i < CAAS_API_KEYS_MAX; i++) many += "," + kA;
    const Refusal refusals[] = {
        {",", 1, kDigits},
        {kA + ",", 2, kDigits},
        {"," + kA, 1, kDigits},
        {kA + ",," + kB, 2, kDigits},
        {kA.substr(1), 1, kDigits},
        {kA + "a", 1, kDigits},
        {kA.substr(1) + "g", 1, kDigits},
        {kA + " " + kB, 1, kDigits},
        {kA + ";" + kB, 1, kDigits},
        {"\\x" + kA.substr(2), 1, kDigits},
        {"web:", 1, kDigits},
        {"web: " + kA, 1, kDigits},
        {":" + kA, 1, kName},
        {"web :" + kA, 1, kName},
        {"a:b:" + kA, 1, kName},
        {"w\xC3\xA9"
         "b:" +
             kA,
         1, kName},
        {std::string(65, 'n') + ":" + kA, 1, kName},
        {kA + ", x y:" + kB, 2, kName},
        {many, CAAS_API_KEYS_MAX + 1, "more than 64 API keys"},
    };
    for (const Refusal& refusal : refusals) {
        caas_api_key_list list;
        std::memset(&list, 0x5A, sizeof list);
        caas_error error = {};
        EXPECT_EQ(caas_api_key_list_parse(refusal.text.c_str(), &list, &error), CAAS_ERR_API_KEY_LIST) << refusal.text;
        EXPECT_EQ(error.status, CAAS_ERR_API_KEY_LIST);
        EXPECT_EQ(error.line, refusal.entry) << refusal.text;
        EXPECT_STREQ(error.reason, refusal.reason) << refusal.text;
        const caas_api_key_list zero = {};
        EXPECT_EQ(std::memcmp(&list, &zero, sizeof list), 0) << refusal.text;
    }
    EXPECT_EQ(parsed(many.substr(0, many.rfind(','))).count, CAAS_API_KEYS_MAX);
}

TEST(ApiKeys, MissingArguments) {
    caas_api_key_list list;
    std::memset(&list, 0x5A, sizeof list);
    EXPECT_EQ(caas_api_key_list_parse(nullptr, &list, nullptr), CAAS_ERR_ARGUMENT);
    const caas_api_key_list zero = {};
    EXPECT_EQ(std::memcmp(&list, &zero, sizeof list), 0);
    EXPECT_EQ(caas_api_key_list_parse("", nullptr, nullptr), CAAS_ERR_ARGUMENT);
}

TEST(ApiKeys, DigestIsSha256) {
    std::uint8_t digest[CAAS_SHA256_BYTES];
    ASSERT_EQ(caas_api_key_digest("abc", 3, digest), CAAS_OK);  // FIPS 180-4, example 1
    EXPECT_EQ(hex(digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ASSERT_EQ(caas_api_key_digest(nullptr, 0, digest), CAAS_OK);
    EXPECT_EQ(hex(digest), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(ApiKeys, AcceptsWhatIsListedAndNothingElse) {
    Random random;
    std::vector<Blob> keys;
    std::string text;
    for (int i = 0; i < CAAS_API_KEYS_MAX; i++) {
        keys.push_back(random.bytes(24));
        std::uint8_t digest[CAAS_SHA256_BYTES];
        ASSERT_EQ(caas_api_key_digest(keys.back().data(), keys.back().size(), digest), CAAS_OK);
        text += (i == 0 ? "" : ",") + hex(digest);
    }
    const caas_api_key_list list = parsed(text);
    for (std::size_t i = 0; i < keys.size(); i++) {
        std::uint8_t digest[CAAS_SHA256_BYTES];
        ASSERT_EQ(caas_api_key_digest(keys[i].data(), keys[i].size(), digest), CAAS_OK);
        EXPECT_EQ(caas_api_key_find(&list, digest), static_cast<int>(i));
        for (int bit = 0; bit < 256; bit++) {
            digest[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
            ASSERT_EQ(caas_api_key_find(&list, digest), -1) << bit;
            digest[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        }
    }
    // An unused entry of the list is all zeroes and must not match.
    const std::uint8_t zero[CAAS_SHA256_BYTES] = {};
    EXPECT_EQ(caas_api_key_find(&list, zero), -1);
    const caas_api_key_list one = parsed(kA);
    EXPECT_EQ(caas_api_key_find(&one, zero), -1);
    const caas_api_key_list none = parsed("");
    EXPECT_EQ(caas_api_key_find(&none, zero), -1);
}

}  // namespace
}  // namespace caas::test
