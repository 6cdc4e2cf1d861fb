// The characters of Unicode 15.0, which spec section 7 names, by whatever later version ICU has: code points that 15.0
// does not assign are told by their age, and Unicode's stability policies keep the properties of the others.
#pragma once
#include "core_only.hpp"

#include "secret.hpp"
#include "text.hpp"

struct UNormalizer2;

namespace caas {

constexpr bool is_ascii(char32_t c) { return c < 0x80; }

// Takes the first code point off a valid text that is not empty.
char32_t take_code_point(Bytes& text);

bool is_assigned(char32_t c);

// The value of a decimal digit (General_Category Nd), or -1.
int digit_value(char32_t c);

// TextWriter encodes code points as UTF-8 into a buffer, as far as they fit, and counts all of them. Blanks at the
// beginning are left out.
class TextWriter {
public:
    explicit TextWriter(std::span<std::uint8_t> room) : room_(room) {}

    void put(char32_t c);
    std::size_t length() const { return length_; }
    // The length without the blanks at the end.
    std::size_t trimmed_length() const { return trimmed_length_; }

private:
    std::span<std::uint8_t> room_;
    std::size_t length_ = 0;
    std::size_t trimmed_length_ = 0;
};

// CharacterMaps are ICU's tables of normalisation. ICU loads them at their first use in a process.
class CharacterMaps {
public:
    static constexpr std::size_t kMaxMapped = 18;  // of a code point, since 15.0 for ever (U+FDFA)
    using Mapped = std::array<char32_t, kMaxMapped>;

    // False when ICU fails.
    bool load();

    // The full canonical decomposition of c, and its NFKC_Casefold, fully decomposed. The value is the number of code
    // points; negative when ICU fails.
    int decompose(char32_t c, Mapped& out) const { return map(canonical_, c, out); }
    int fold(char32_t c, Mapped& out) const { return map(folding_, c, out); }

    std::uint8_t combining_class(char32_t c) const;
    // The code point that both compose to, or 0.
    char32_t compose(char32_t first, char32_t second) const;

private:
    static int map(const UNormalizer2* table, char32_t c, Mapped& out);

    const UNormalizer2* canonical_ = nullptr;
    const UNormalizer2* folding_ = nullptr;
};

}  // namespace caas
