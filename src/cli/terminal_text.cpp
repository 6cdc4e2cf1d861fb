#include "terminal_text.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace caas::cli {

namespace {

// Takes one code point off the text, which is not empty. Negative for a byte that is not UTF-8, which is taken alone.
UChar32 take_character(std::string_view& text) {
    UChar32 c = 0;
    std::int32_t at = 0;
    const auto size = static_cast<std::int32_t>(std::min<std::size_t>(text.size(), U8_MAX_LENGTH));
    U8_NEXT(text.data(), at, size, c);
    text.remove_prefix(c < 0 ? 1 : static_cast<std::size_t>(at));
    return c;
}

bool is_shown(UChar32 c) {
    switch (u_charType(c)) {
        case U_CONTROL_CHAR:
        case U_FORMAT_CHAR:
        case U_LINE_SEPARATOR:
        case U_PARAGRAPH_SEPARATOR:
        case U_PRIVATE_USE_CHAR:
        case U_SURROGATE:
        case U_UNASSIGNED:
            return false;
        default:
            return true;
    }
}

std::string escaped(const char* format, unsigned value) {
    std::array<char, 16> text{};
    (void)std::snprintf(text.data(), text.size(), format, value);
    return text.data();
}

void append_shown(std::string& shown, std::string_view bytes, UChar32 c) {
    if (c < 0) {
        shown += escaped("\\x%02x", static_cast<unsigned char>(bytes.front()));
    } else if (is_shown(c)) {
        shown += bytes;
    } else {
        shown += escaped(c < 0x80 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", static_cast<unsigned>(c));
    }
}

std::string shown_text(std::string_view text, bool keep_lines) {
    std::string shown;
    while (!text.empty()) {
        const std::string_view before = text;
        const UChar32 c = take_character(text);
        if (keep_lines && c == '\n') {
            shown += '\n';
        } else {
            append_shown(shown, before.substr(0, before.size() - text.size()), c);
        }
    }
    return shown;
}

std::size_t columns_of_character(UChar32 c) {
    const auto type = u_charType(c);
    if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK) return 0;
    const int width = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
    return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

}  // namespace

std::string printable(std::string_view text) { return shown_text(text, false); }

std::string printable_lines(std::string_view text) { return shown_text(text, true); }

std::size_t columns_of(std::string_view text) {
    std::size_t columns = 0;
    while (!text.empty()) columns += columns_of_character(take_character(text));
    return columns;
}

std::string clipped(std::string_view text, std::size_t columns) {
    const std::string_view all = text;
    std::size_t used = 0;
    while (!text.empty()) {
        const std::size_t at = all.size() - text.size();
        used += columns_of_character(take_character(text));
        if (used > columns) return std::string(all.substr(0, at));
    }
    return std::string(all);
}

}  // namespace caas::cli
