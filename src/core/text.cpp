#include "text.hpp"

#include <array>
#include <cstring>

namespace caas {

namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080U;
constexpr std::uint64_t kOnes = 0x0101010101010101U;

// True for eight bytes of U+0001 to U+007F. The subtraction sets the high bit of a byte that is zero.
bool is_plain_word(const std::uint8_t* at) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    return ((word | (word - kOnes)) & kHighBits) == 0;
}

bool is_continuation(std::uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The length of the well-formed sequence at the start of rest (RFC 3629, section 4), or 0.
std::size_t sequence_length(Bytes rest) {
    const std::uint8_t lead = rest[0];
    if (lead >= 0x01 && lead <= 0x7F) return 1;
    std::size_t length = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) low = 0xA0;   // no overlong form
        if (lead == 0xED) high = 0x9F;  // no surrogate
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;  // nothing above U+10FFFF
    }
    if (length == 0 || rest.size() < length || rest[1] < low || rest[1] > high) return 0;
    for (std::size_t i = 2; i < length; i++) {
        if (!is_continuation(rest[i])) return 0;
    }
    return length;
}

constexpr std::array<std::int8_t, 256> make_digit_values() {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < 10; i++) values['0' + i] = static_cast<std::int8_t>(i);
    for (std::size_t i = 0; i < 6; i++) {
        values['a' + i] = static_cast<std::int8_t>(10 + i);
        values['A' + i] = static_cast<std::int8_t>(10 + i);
    }
    return values;
}

constexpr std::array<char, 512> make_digit_pairs() {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<char, 512> pairs{};
    for (std::size_t i = 0; i < 256; i++) {
        pairs[2 * i] = kDigits[i >> 4];
        pairs[2 * i + 1] = kDigits[i & 15];
    }
    return pairs;
}

constexpr auto digit_values = make_digit_values();
constexpr auto digit_pairs = make_digit_pairs();

}  // namespace

bool is_text(Bytes text) {
    while (!text.empty()) {
        while (text.size() >= sizeof(std::uint64_t) && is_plain_word(text.data())) {
            text = text.subspan(sizeof(std::uint64_t));
        }
        if (text.empty()) break;
        const std::size_t length = sequence_length(text);
        if (length == 0) return false;
        text = text.subspan(length);
    }
    return true;
}

void hex_encode(Bytes data, char* out) {
    for (const std::uint8_t byte : data) {
        std::memcpy(out, &digit_pairs[std::size_t{2} * byte], 2);
        out += 2;
    }
}

bool hex_decode(Bytes text, std::span<std::uint8_t> out) {
    if (text.size() % 2 != 0 || text.size() / 2 > out.size()) return false;
    for (const std::uint8_t digit : text) {
        if (digit_values[digit] < 0) return false;
    }
    for (std::size_t i = 0; i < text.size() / 2; i++) {
        out[i] = static_cast<std::uint8_t>(digit_values[text[2 * i]] * 16 + digit_values[text[2 * i + 1]]);
    }
    return true;
}

bool uuid_decode(std::string_view text, std::span<std::uint8_t, CAAS_UUID_BYTES> out) {
    constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    std::array<std::uint8_t, std::size_t{2} * CAAS_UUID_BYTES> digits{};
    if (text.size() != kShape.size()) return false;
    std::size_t count = 0;
    for (std::size_t i = 0; i < text.size(); i++) {
        if ((kShape[i] == '-') != (text[i] == '-')) return false;
        if (text[i] != '-') digits[count++] = static_cast<std::uint8_t>(text[i]);
    }
    return hex_decode(digits, out);
}

}  // namespace caas
