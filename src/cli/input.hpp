// Input of commands: what is secret or data comes by standard input.
#pragma once
#include "../core/kdf.hpp"
#include "../core/keyring.hpp"

#include <array>
#include <string>

namespace caas::cli {

// Every byte of standard input.
SecretText read_input();
// One line without its end (LF or CR LF); more than one is refused.
SecretText read_line_input();
// Asks on the terminal, without showing what is typed.
SecretText ask_secret(const char* prompt);

// The form of RFC 9562, 8-4-4-4-12 hexadecimal digits of either case.
std::array<std::uint8_t, kUuidBytes> parse_uuid(const std::string& text);

}  // namespace caas::cli
