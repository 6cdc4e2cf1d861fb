// Texts that somebody else has chosen, such as a server's names and messages, on a terminal.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace caas::cli {

// The text with every character that a terminal would act on or not show as \x1b or \u202e: controls, format characters
// such as those that change the direction of writing, unassigned ones, and bytes that are not UTF-8.
std::string printable(std::string_view text);
// The same, but ends of line stay.
std::string printable_lines(std::string_view text);

// The width on a terminal of a printable text.
std::size_t columns_of(std::string_view text);
// The beginning of a printable text, as much as fits.
std::string clipped(std::string_view text, std::size_t columns);

}  // namespace caas::cli
