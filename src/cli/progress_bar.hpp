// Bars, amounts and durations as a person reads them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace caas::cli {

// A bar of that many columns. It is full only when the fraction is 1 or more, and empty for what is no number.
// blocks: drawn with block characters, which need a terminal of UTF-8; else with # and -.
std::string progress_bar(double fraction, std::size_t columns, bool blocks);
// "43 %", rounded down: 100 % is said only of what is complete.
std::string percent_text(double fraction);
// "1,234,567"
std::string amount_text(std::int64_t amount);
// "12 s", "3 min 20 s", "2 h 3 min"
std::string duration_text(double seconds);

}  // namespace caas::cli
