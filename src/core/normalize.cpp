#include "normalize.hpp"

#include "casefold.hpp"
#include "text.hpp"
#include "unicode.hpp"

#include <algorithm>
#include <array>

namespace caas {

namespace {

constexpr std::array<std::pair<std::string_view, caas_normalization>, 3> kNames = {{
    {"none", CAAS_NORMALIZE_NONE},
    {"casefold", CAAS_NORMALIZE_CASEFOLD},
    {"digits", CAAS_NORMALIZE_DIGITS},
}};

constexpr bool is_ascii_blank(std::uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// Folds a text of ASCII alone, for which no table is needed. Nothing when it is another one.
std::optional<std::size_t> fold_ascii(Bytes text, std::span<std::uint8_t> out) {
    if (!std::ranges::all_of(text, [](std::uint8_t byte) { return byte < 0x80; })) return std::nullopt;
    while (!text.empty() && is_ascii_blank(text.front())) text = text.subspan(1);
    while (!text.empty() && is_ascii_blank(text.back())) text = text.first(text.size() - 1);
    std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(text.size(), out.size())),
                   out.begin(), [](std::uint8_t byte) {
                       const bool upper = byte >= 'A' && byte <= 'Z';
                       return static_cast<std::uint8_t>(upper ? byte + ('a' - 'A') : byte);
                   });
    return text.size();
}

void keep_digits(Bytes text, TextWriter& writer) {
    while (!text.empty()) {
        const char32_t c = take_code_point(text);
        const int value = digit_value(c);
        if (value >= 0) writer.put(U'0' + static_cast<char32_t>(value));
    }
}

}  // namespace

std::optional<caas_normalization> find_normalization(std::string_view name) {
    const auto* const found =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto& n) { return n.first == name; });
    if (found == kNames.end()) return std::nullopt;
    return found->second;
}

Result<std::size_t> normalize(caas_normalization normalization, Bytes text, std::span<std::uint8_t> out) {
    if (!is_text(text)) return Error{.status = CAAS_ERR_TEXT};
    if (normalization == CAAS_NORMALIZE_NONE) {
        std::copy_n(text.begin(), std::min(text.size(), out.size()), out.begin());
        return text.size();
    }
    TextWriter writer(out);
    if (normalization == CAAS_NORMALIZE_DIGITS) {
        keep_digits(text, writer);
        return writer.length();
    }
    if (const auto length = fold_ascii(text, out)) return *length;
    const Outcome folded = casefold(text, writer);
    if (!folded.ok()) return folded.error();
    return writer.trimmed_length();
}

}  // namespace caas
