// Text in and out: UTF-8 (RFC 3629) and hexadecimal.
#pragma once
#include "core_only.hpp"

#include "../caas.h"
#include "secret.hpp"

#include <optional>
#include <string_view>

namespace caas {

inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// True for valid UTF-8 without U+0000.
bool is_text(Bytes text);

// out receives 2 * data.size() lower-case digits.
void hex_encode(Bytes data, char* out);

// Reads digits of either case; out receives text.size() / 2 bytes. False, with nothing written, when the text is not
// hexadecimal or out is too short.
bool hex_decode(Bytes text, std::span<std::uint8_t> out);

// Reads the text form of RFC 9562, 8-4-4-4-12 hexadecimal digits of either case. False, with nothing written, for
// others.
bool uuid_decode(std::string_view text, std::span<std::uint8_t, CAAS_UUID_BYTES> out);

}  // namespace caas
