#include "unicode.hpp"

// The C interface alone; ICU 76 needs both words for that.
#define U_SHOW_CPLUSPLUS_API 0
#define U_SHOW_CPLUSPLUS_HEADER_API 0
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>

#include <algorithm>

namespace caas {

namespace {

static_assert(U_ICU_VERSION_MAJOR_NUM >= 72, "ICU 72 was the first with Unicode 15.0");

constexpr std::uint8_t kUnicodeMajor = 15;
constexpr std::uint8_t kUnicodeMinor = 0;

// TextWriter cuts these blanks off at both ends of a folded text. Folding has turned the other spaces into U+0020.
bool is_blank(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0x1680 || c == 0x2028 || c == 0x2029;
}

// out has room for four bytes.
std::size_t encode(char32_t c, std::uint8_t* out) {
    const auto tail = [&](int shift) { return static_cast<std::uint8_t>(0x80 | (c >> shift & 0x3F)); };
    if (c < 0x80) {
        out[0] = static_cast<std::uint8_t>(c);
        return 1;
    }
    if (c < 0x800) {
        out[0] = static_cast<std::uint8_t>(0xC0 | c >> 6);
        out[1] = tail(0);
        return 2;
    }
    if (c < 0x10000) {
        out[0] = static_cast<std::uint8_t>(0xE0 | c >> 12);
        out[1] = tail(6);
        out[2] = tail(0);
        return 3;
    }
    out[0] = static_cast<std::uint8_t>(0xF0 | c >> 18);
    out[1] = tail(12);
    out[2] = tail(6);
    out[3] = tail(0);
    return 4;
}

UChar32 icu(char32_t c) { return static_cast<UChar32>(c); }

}  // namespace

char32_t take_code_point(Bytes& text) {
    const std::uint8_t lead = text[0];
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    // The lead byte of a sequence of n bytes has n ones, a zero and 7 - n bits of the code point.
    char32_t c = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; i++) c = c << 6 | (text[i] & 0x3FU);
    text = text.subspan(length);
    return c;
}

bool is_assigned(char32_t c) {
    if (is_ascii(c)) return true;
    UVersionInfo age;
    u_charAge(icu(c), age);
    return age[0] != 0 && (age[0] < kUnicodeMajor || (age[0] == kUnicodeMajor && age[1] <= kUnicodeMinor));
}

int digit_value(char32_t c) {
    if (is_ascii(c)) return c >= U'0' && c <= U'9' ? static_cast<int>(c - U'0') : -1;
    return u_charType(icu(c)) == U_DECIMAL_DIGIT_NUMBER && is_assigned(c) ? u_charDigitValue(icu(c)) : -1;
}

void TextWriter::put(char32_t c) {
    const bool blank = is_blank(c);
    if (blank && length_ == 0) return;
    std::uint8_t bytes[4];
    const std::size_t size = encode(c, bytes);
    if (length_ + size <= room_.size()) std::copy_n(bytes, size, room_.data() + length_);
    length_ += size;
    if (!blank) trimmed_length_ = length_;
}

bool CharacterMaps::load() {
    UErrorCode status = U_ZERO_ERROR;
    canonical_ = unorm2_getNFCInstance(&status);
    folding_ = unorm2_getNFKCCasefoldInstance(&status);
    return U_SUCCESS(status) != 0;
}

int CharacterMaps::map(const UNormalizer2* table, char32_t c, Mapped& out) {
    if (table == nullptr) return -1;
    UChar units[2 * kMaxMapped];
    UErrorCode status = U_ZERO_ERROR;
    const std::int32_t length = unorm2_getDecomposition(table, icu(c), units, 2 * kMaxMapped, &status);
    if (U_FAILURE(status)) return -1;
    if (length < 0) {  // it has no mapping
        out[0] = c;
        return 1;
    }
    int count = 0;
    for (std::int32_t at = 0; at < length;) {
        UChar32 mapped = 0;
        U16_NEXT(units, at, length, mapped);
        if (count == static_cast<int>(kMaxMapped)) return -1;
        out[static_cast<std::size_t>(count++)] = static_cast<char32_t>(mapped);
    }
    OPENSSL_cleanse(units, static_cast<std::size_t>(length) * sizeof units[0]);
    return count;
}

std::uint8_t CharacterMaps::combining_class(char32_t c) const {
    return is_ascii(c) ? 0 : unorm2_getCombiningClass(canonical_, icu(c));
}

char32_t CharacterMaps::compose(char32_t first, char32_t second) const {
    if (is_ascii(second)) return 0;
    const UChar32 composite = unorm2_composePair(canonical_, icu(first), icu(second));
    return composite < 0 ? 0 : static_cast<char32_t>(composite);
}

}  // namespace caas
