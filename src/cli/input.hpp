// Input of the commands. Secrets and data are read from standard input, never from the command line.
#pragma once
#include "../core/kdf.hpp"
#include "../core/keyring.hpp"

#include <array>
#include <string>

namespace caas::cli {

// Reads every byte of standard input.
SecretText read_input();
// Reads one line, without its end (LF or CR LF). Refuses more than one.
SecretText read_line_input();
// Removes one LF or CR LF at the end.
void remove_line_end(std::string& text);
// Asks on the terminal, without showing what is typed.
SecretText ask_secret(const char* prompt);

// Reads the form of RFC 9562, 8-4-4-4-12 hexadecimal digits of either case.
std::array<std::uint8_t, kUuidBytes> parse_uuid(const std::string& text);

}  // namespace caas::cli
