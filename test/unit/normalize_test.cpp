// Normalised texts are those of Unicode 15.0, whatever version ICU has: each code point alone and among others, against
// ICU's own functions and the vectors. Texts that are long, wrong or without a remainder.
#include "../../src/core/text.hpp"
#include "faults.hpp"
#include "published.hpp"
#include "support.hpp"

// The C interface alone; ICU 76 needs both words for that.
#define U_SHOW_CPLUSPLUS_API 0
#define U_SHOW_CPLUSPLUS_HEADER_API 0
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace caas::test {
namespace {

using CodePoints = std::u32string;

std::string utf8(const CodePoints& text) {
    std::string out;
    for (const char32_t c : text) {
        char bytes[U8_MAX_LENGTH];
        std::int32_t length = 0;
        U8_APPEND_UNSAFE(bytes, length, static_cast<UChar32>(c));
        out.append(bytes, static_cast<std::size_t>(length));
    }
    return out;
}

struct Normalized {
    caas_status status;
    std::string text;
};

// Asks for the length and then gives that room; expects what caas.h says of the output.
Normalized normalized(caas_normalization kind, std::string_view text) {
    std::size_t length = 99;
    caas_error error = {};
    const caas_status asked = caas_normalize(kind, text.data(), text.size(), nullptr, 0, &length, &error);
    if (asked != CAAS_OK && asked != CAAS_ERR_OUTPUT_SIZE) return {asked, {}};
    EXPECT_EQ(asked, length == 0 ? CAAS_OK : CAAS_ERR_OUTPUT_SIZE);
    std::string out(length + 1, '\x5A');
    std::size_t again = 99;
    const caas_status status = caas_normalize(kind, text.data(), text.size(), out.data(), length, &again, &error);
    EXPECT_EQ(again, length);
    EXPECT_EQ(out.back(), '\x5A');
    out.pop_back();
    return {status, out};
}

std::string folded(const CodePoints& text) { return normalized(CAAS_NORMALIZE_CASEFOLD, utf8(text)).text; }
std::string digits(const CodePoints& text) { return normalized(CAAS_NORMALIZE_DIGITS, utf8(text)).text; }

template <typename Body>
void for_each_code_point(Body body) {
    for (char32_t c = 1; c <= 0x10FFFF; c++) {
        if (c < 0xD800 || c > 0xDFFF) body(c);
    }
}

// The sum is over the results for every code point: folded alone, folded among others, and its digit, each followed by
// a zero byte. test/vectors/unicode.json was computed from the files of the Unicode Character Database 15.0.
TEST(Normalize, EveryCodePointIsThatOfUnicode15) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> sum(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    ASSERT_EQ(EVP_DigestInit_ex(sum.get(), EVP_sha256(), nullptr), 1);
    for_each_code_point([&](char32_t c) {
        const CodePoints among = {U'a', 0x308, 0x345, c, 0x345, 0x323, 0x301, 0x1161};
        for (const std::string& result : {folded({c}), folded(among), digits({c})}) {
            ASSERT_EQ(EVP_DigestUpdate(sum.get(), result.c_str(), result.size() + 1), 1);
        }
    });
    std::uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    ASSERT_EQ(EVP_DigestFinal_ex(sum.get(), hash, &length), 1);
    EXPECT_EQ(hex(Bytes(hash, length)), read_flat_json("test/vectors/unicode.json").at(0).at("sha256"));
}

// NFKC_Casefold(NFD(text)) by ICU's functions for whole texts, and blanks cut off.
std::string folded_by_icu(const CodePoints& text) {
    std::u16string units;
    for (const char32_t c : text) {
        char16_t pair[2];
        std::int32_t length = 0;
        U16_APPEND_UNSAFE(pair, length, static_cast<UChar32>(c));
        units.append(pair, static_cast<std::size_t>(length));
    }
    UErrorCode status = U_ZERO_ERROR;
    for (const UNormalizer2* const step : {unorm2_getNFDInstance(&status), unorm2_getNFKCCasefoldInstance(&status)}) {
        std::u16string out(20 * units.size() + 1, u'\0');
        const std::int32_t length = unorm2_normalize(step, units.data(), static_cast<std::int32_t>(units.size()),
                                                     out.data(), static_cast<std::int32_t>(out.size()), &status);
        EXPECT_TRUE(U_SUCCESS(status));
        out.resize(static_cast<std::size_t>(length));
        units = out;
    }
    constexpr std::u16string_view kBlanks = u"\t\n\v\f\r \u0085\u1680\u2028\u2029";
    const std::size_t begin = std::min(units.find_first_not_of(kBlanks), units.size());
    units = units.substr(begin, units.find_last_not_of(kBlanks) + 1 - begin);
    std::string result(4 * units.size(), '\0');
    std::int32_t length = 0;
    u_strToUTF8(result.data(), static_cast<std::int32_t>(result.size()), &length, units.data(),
                static_cast<std::int32_t>(units.size()), &status);
    EXPECT_TRUE(U_SUCCESS(status));
    result.resize(static_cast<std::size_t>(length));
    return result;
}

bool assigned_in_15(char32_t c) {
    UVersionInfo age;
    u_charAge(static_cast<UChar32>(c), age);
    return age[0] > 0 && (age[0] < 15 || (age[0] == 15 && age[1] == 0));
}

// Characters that do something when folded, and some that combine, stand in many more texts than chance would put them.
class Texts {
public:
    Texts() {
        for_each_code_point([&](char32_t c) {
            if (!assigned_in_15(c)) return;
            all_.push_back(c);
            if (folded({c}) != utf8({c})) changing_.push_back(c);
            if (u_getCombiningClass(static_cast<UChar32>(c)) != 0) combining_.push_back(c);
        });
    }
    CodePoints make() {
        CodePoints text;
        for (std::size_t left = random_.below(20); left > 0; left--) {
            switch (random_.below(6)) {
                case 0:
                    text += one_of(all_);
                    break;
                case 1:
                    text += one_of(changing_);
                    break;
                case 2:
                    text += static_cast<char32_t>(0x1100 + random_.below(0x100));  // Hangul that composes
                    break;
                case 3:
                    text += static_cast<char32_t>(1 + random_.below(0x7F));
                    break;
                default:
                    text += one_of(combining_);
            }
        }
        return text;
    }
    const CodePoints& all() const { return all_; }

private:
    char32_t one_of(const CodePoints& set) { return set[random_.below(set.size())]; }

    Random random_;
    CodePoints all_;
    CodePoints changing_;
    CodePoints combining_;
};

TEST(Normalize, FoldsAsIcuDoes) {
    Texts texts;
    ASSERT_EQ(texts.all().size(), 286784U) << "the code points of 15.0 but surrogates and U+0000";
    for (int i = 0; i < 200000; i++) {
        const CodePoints text = texts.make();
        const std::string utf8_text = utf8(text);
        const std::string once = normalized(CAAS_NORMALIZE_CASEFOLD, utf8_text).text;
        ASSERT_EQ(once, folded_by_icu(text)) << hex(as_bytes(utf8_text));
        ASSERT_EQ(normalized(CAAS_NORMALIZE_CASEFOLD, once).text, once) << hex(as_bytes(utf8_text));
    }
}

// The parts of a text before and after a code point that 15.0 does not assign are folded by themselves.
TEST(Normalize, UnassignedCodePointsPartTheText) {
    const char32_t later[] = {0x378, 0x1C89, 0x31EF, 0x10D50, 0x16D40, 0x1F8B2, 0x2EBF0, 0x323B0, 0xE1000};
    for (const char32_t c : later) {
        ASSERT_FALSE(assigned_in_15(c)) << std::hex << static_cast<std::uint32_t>(c);
        EXPECT_EQ(folded({c}), utf8({c}));
        EXPECT_EQ(folded({U'A', c, 0x301, U'E', 0x301}), utf8({U'a', c, 0x301, 0xE9}));
        EXPECT_EQ(digits({c, U'1'}), "1");
    }
    for (const char32_t c : {0x2065, 0xFFF0, 0xFFF8, 0xE0000, 0xE0001, 0xE0FFF}) {
        EXPECT_EQ(folded({c}), "");
        EXPECT_EQ(folded({U'A', c, 0x301}), utf8({0xE1}));
    }
    // Those that are not assigned are dropped before the marks are sorted, the others behind that.
    EXPECT_EQ(folded({0x3B1, 0x345, 0xE0000, 0x301}), utf8({0x3AC, 0x3B9}));
    EXPECT_EQ(folded({0x3B1, 0x345, 0xE0001, 0x301}), utf8({0x3B1, 0x3AF}));
    EXPECT_EQ(folded({0xFFFE, U'A', 0x10FFFF, U'B', 0xE000}), utf8({0xFFFE, U'a', 0x10FFFF, U'b', 0xE000}));
}

TEST(Normalize, BlanksAreCutOffAtTheEndsAlone) {
    for_each_code_point([&](char32_t c) {
        const bool blank = (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0x1680 || c == 0x2028 || c == 0x2029 ||
                           folded({U'a', c, U'b'}) == "a b";
        const std::string inside = folded({U'a', c, U'b'});
        if (blank) {
            ASSERT_EQ(folded({c, c, U'a', c, U'b', c}), inside) << std::hex << static_cast<std::uint32_t>(c);
            ASSERT_EQ(folded({c}), "");
            ASSERT_EQ(inside.size() >= 3, true);
        }
    });
    EXPECT_EQ(folded({0x3000, 0xA0, U' ', U'\n'}), "");
    EXPECT_EQ(folded({0xA8}), utf8({0x308})) << "a blank that folding made";
}

TEST(Normalize, AsciiIsThatOfTheTables) {
    Random random;
    for (int i = 0; i < 20000; i++) {
        CodePoints text;
        for (std::size_t left = random.below(24); left > 0; left--)
            text += static_cast<char32_t>(1 + random.below(0x7F));
        ASSERT_EQ(folded(text), folded_by_icu(text)) << hex(as_bytes(utf8(text)));
        text += U'\u0101';
        ASSERT_EQ(folded(text), folded_by_icu(text)) << hex(as_bytes(utf8(text)));
    }
}

TEST(Normalize, NoneIsTheTextItself) {
    for (const char* const text : {"", " ", " Ada ", "\xC5\x9E"}) {
        EXPECT_EQ(normalized(CAAS_NORMALIZE_NONE, text).text, text);
    }
}

TEST(Normalize, EveryRoomThatIsTooSmall) {
    const std::string text = utf8(U"  \uFDFA \u0130 X\u0301 ");
    const std::string whole = normalized(CAAS_NORMALIZE_CASEFOLD, text).text;
    ASSERT_GT(whole.size(), text.size());
    for (std::size_t room = 0; room < whole.size() + 3; room++) {
        std::string out(room + 1, '\x5A');
        std::size_t length = 99;
        caas_error error = {};
        const caas_status status =
            caas_normalize(CAAS_NORMALIZE_CASEFOLD, text.data(), text.size(), out.data(), room, &length, &error);
        EXPECT_EQ(status, room < whole.size() ? CAAS_ERR_OUTPUT_SIZE : CAAS_OK);
        EXPECT_EQ(length, whole.size());
        EXPECT_EQ(out.back(), '\x5A');
        EXPECT_EQ(out.substr(0, whole.size()),
                  status == CAAS_OK ? whole : std::string(room, '\0') + std::string(1, '\x5A'));
    }
}

TEST(Normalize, WhatIsNoTextIsRefused) {
    for (const std::string_view bytes :
         {std::string_view("a\0b", 3), std::string_view("\xFF"), std::string_view("\xC0\x80"),
          std::string_view("a\xED\xA0\x80"), std::string_view("caf\xE9")}) {
        for (const auto kind : {CAAS_NORMALIZE_NONE, CAAS_NORMALIZE_CASEFOLD, CAAS_NORMALIZE_DIGITS}) {
            EXPECT_EQ(normalized(kind, bytes).status, CAAS_ERR_TEXT);
        }
    }
    std::size_t length = 99;
    char out[2] = {'x', 'y'};
    EXPECT_EQ(caas_normalize(CAAS_NORMALIZE_CASEFOLD, nullptr, 1, out, 2, &length, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(length, 0U);
    EXPECT_EQ(out[0] | out[1], 0);
    EXPECT_EQ(caas_normalize(CAAS_NORMALIZE_CASEFOLD, "a", 1, nullptr, 1, &length, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_normalize(CAAS_NORMALIZE_CASEFOLD, "a", 1, out, 2, nullptr, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_normalize(CAAS_NORMALIZE_CASEFOLD, nullptr, 0, nullptr, 0, &length, nullptr), CAAS_OK);
}

TEST(Normalize, Names) {
    caas_normalization kind = CAAS_NORMALIZE_DIGITS;
    EXPECT_EQ(caas_normalization_parse("none", 4, &kind), 1);
    EXPECT_EQ(kind, CAAS_NORMALIZE_NONE);
    EXPECT_EQ(caas_normalization_parse("casefold", 8, &kind), 1);
    EXPECT_EQ(kind, CAAS_NORMALIZE_CASEFOLD);
    EXPECT_EQ(caas_normalization_parse("digits", 6, &kind), 1);
    EXPECT_EQ(kind, CAAS_NORMALIZE_DIGITS);
    for (const std::string_view name : {"", "Casefold", "casefold ", "digit", "digitss", "lower"}) {
        EXPECT_EQ(caas_normalization_parse(name.data(), name.size(), &kind), 0) << name;
    }
    EXPECT_EQ(caas_normalization_parse("none", 4, nullptr), 0);
}

// Marks are sorted, and half a million of them in the worst order do not take minutes.
TEST(Normalize, LongRunsOfMarksTakeNoLongTime) {
    CodePoints text = U"a";
    CodePoints sorted = U"\u1EA1";
    for (int i = 0; i < 250000; i++) text += U"\u0301\u0323";
    sorted.append(249999, U'\u0323').append(250000, U'\u0301');
    const auto begin = std::chrono::steady_clock::now();
    const std::string result = folded(text);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    EXPECT_TRUE(result == utf8(sorted));
}

TEST(Normalize, FreedMemoryHoldsNoText) {
    (void)folded(U"\u015E");  // ICU is loaded
    CodePoints marks;
    for (char32_t c = 0x2DE0; c < 0x2DED; c++) marks += c;
    const std::string text = utf8(U"x" + marks);
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(marks.data());
    const FreedMemoryWatch as_code_points(Bytes(bytes + 4, 6 * sizeof(char32_t)));
    std::uint8_t out[200];
    std::size_t length = 0;
    ASSERT_EQ(caas_normalize(CAAS_NORMALIZE_CASEFOLD, text.data(), text.size(), out, sizeof out, &length, nullptr),
              CAAS_OK);
    EXPECT_EQ(as_code_points.found(), 0);
}

}  // namespace
}  // namespace caas::test
