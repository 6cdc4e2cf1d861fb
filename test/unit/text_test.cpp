// UTF-8 of RFC 3629 and hexadecimal.
#include "../../src/core/text.hpp"
#include "support.hpp"

#include <cstdio>
#include <cstring>

namespace caas::test {
namespace {

std::string encode(std::uint32_t point) {
    const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
    if (point < 0x80) return {static_cast<char>(point)};
    if (point < 0x800) return {static_cast<char>(0xC0 | (point >> 6)), tail(0)};
    if (point < 0x10000) return {static_cast<char>(0xE0 | (point >> 12)), tail(6), tail(0)};
    return {static_cast<char>(0xF0 | (point >> 18)), tail(12), tail(6), tail(0)};
}

bool valid(std::string_view text) { return is_text(as_bytes(text)); }

TEST(Utf8, EveryCodePoint) {
    for (std::uint32_t point = 0; point <= 0x1FFFFF; point++) {
        const bool scalar = point != 0 && point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF);
        ASSERT_EQ(valid(encode(point)), scalar) << point;
    }
}

// Whatever is accepted in one, two or three bytes is the encoding of a code point: no overlong form, no stray byte.
TEST(Utf8, EveryShortString) {
    std::size_t accepted[4] = {};
    for (std::uint32_t bytes = 0; bytes < 1U << 24; bytes++) {
        const char text[3] = {static_cast<char>(bytes >> 16), static_cast<char>(bytes >> 8), static_cast<char>(bytes)};
        if (bytes < 1U << 8) accepted[1] += valid({text + 2, 1}) ? 1 : 0;
        if (bytes < 1U << 16) accepted[2] += valid({text + 1, 2}) ? 1 : 0;
        accepted[3] += valid({text, 3}) ? 1 : 0;
    }
    const std::size_t one = 127;
    const std::size_t two = 0x800 - 0x80;
    const std::size_t three = 0x10000 - 0x800 - 2048;
    EXPECT_EQ(accepted[1], one);
    EXPECT_EQ(accepted[2], one * one + two);
    EXPECT_EQ(accepted[3], one * one * one + 2 * one * two + three);
}

TEST(Utf8, FourBytesAtTheirEdges) {
    EXPECT_TRUE(valid("\xF0\x90\x80\x80"));
    EXPECT_FALSE(valid("\xF0\x8F\xBF\xBF"));  // overlong
    EXPECT_TRUE(valid("\xF4\x8F\xBF\xBF"));
    EXPECT_FALSE(valid("\xF4\x90\x80\x80"));  // above U+10FFFF
    for (const int lead : {0xF5, 0xF8, 0xFC, 0xFE, 0xFF}) {
        const char text[4] = {static_cast<char>(lead), '\x90', '\x80', '\x80'};
        EXPECT_FALSE(valid({text, 4})) << lead;
    }
    EXPECT_FALSE(valid("\xF0\x90\x80"));
    EXPECT_FALSE(valid("\xF0\x90\x80\x41"));
    EXPECT_FALSE(valid("\xF0\x90\xC0\x80"));
    EXPECT_FALSE(valid("\xF0\x90\x80\xC0"));
}

// The check goes eight plain bytes at a time: each special thing at each place of texts of every length.
TEST(Utf8, EveryPlaceInALongText) {
    for (std::size_t length = 0; length <= 40; length++) {
        EXPECT_TRUE(valid(std::string(length, 'a')));
        EXPECT_TRUE(valid(std::string(length, '\x7F')));
        EXPECT_TRUE(valid(std::string(length, '\x01')));
        for (std::size_t at = 0; at < length; at++) {
            for (const char bad : {'\0', '\x80', '\xBF', '\xC1', '\xFF'}) {
                std::string text(length, 'a');
                text[at] = bad;
                ASSERT_FALSE(valid(text)) << length << " " << at;
                text.assign(length, '\x01');
                text[at] = bad;
                ASSERT_FALSE(valid(text)) << length << " " << at;
            }
            for (const char* good : {"\xC5\x9E", "\xE2\x98\x82", "\xF0\x9F\x98\x80"}) {
                std::string text(length, 'a');
                text.insert(at, good);
                ASSERT_TRUE(valid(text)) << length << " " << at;
                text.resize(at + std::strlen(good) - 1);  // cut off within it
                ASSERT_FALSE(valid(text)) << length << " " << at;
            }
        }
    }
}

TEST(Utf8, ThroughTheAbi) {
    EXPECT_EQ(caas_text_check(nullptr, 0), CAAS_OK);
    EXPECT_EQ(caas_text_check("abc", 3), CAAS_OK);
    EXPECT_EQ(caas_text_check("a\0c", 3), CAAS_ERR_TEXT);
    EXPECT_EQ(caas_text_check("ab\xFF", 3), CAAS_ERR_TEXT);
    EXPECT_EQ(caas_text_check("ab\xFF", 2), CAAS_OK);
}

TEST(Hex, EncodesEveryByte) {
    for (unsigned byte = 0; byte < 256; byte++) {
        const auto value = static_cast<std::uint8_t>(byte);
        char expected[3];
        (void)std::snprintf(expected, sizeof expected, "%02x", byte);
        EXPECT_EQ(hex(Bytes(&value, 1)), expected);
    }
    char untouched = 'x';
    caas_hex_encode(nullptr, 0, &untouched);
    EXPECT_EQ(untouched, 'x');
}

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

TEST(Hex, DecodesEveryPair) {
    for (int high = 0; high < 256; high++) {
        for (int low = 0; low < 256; low++) {
            const char text[2] = {static_cast<char>(high), static_cast<char>(low)};
            std::uint8_t out[1] = {0x5A};
            const int upper = digit_value(text[0]);
            const int lower = digit_value(text[1]);
            const bool digits = upper >= 0 && lower >= 0;
            ASSERT_EQ(hex_decode(as_bytes({text, 2}), out), digits);
            ASSERT_EQ(out[0], digits ? upper * 16 + lower : 0x5A);
        }
    }
}

TEST(Hex, RefusesOtherLengthsAndWritesNothing) {
    for (const char* text : {"0", "000", "0000000", "0011223344", "00112233445", "00zz", "0011g"}) {
        std::uint8_t out[4] = {1, 2, 3, 4};
        EXPECT_FALSE(hex_decode(as_bytes(text), out)) << text;
        EXPECT_EQ(hex(out), "01020304") << text;
    }
    std::uint8_t out[4] = {1, 2, 3, 4};
    EXPECT_TRUE(hex_decode(Bytes(), out));
    EXPECT_TRUE(hex_decode(as_bytes("aAbB"), out));
    EXPECT_EQ(hex(out), "aabb0304");
}

}  // namespace
}  // namespace caas::test
