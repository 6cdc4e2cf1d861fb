// Bars, amounts and durations as a person reads them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace caas::cli {

// A bar of that many columns. It is full only when the fraction is 1 or more, and empty for what is no number.
// blocks: drawn with block characters, which need a terminal of UTF-8; else with # and -.
std::string progress_bar(double fraction, std::size_t columns, bool blocks);
// The columns of a bar that wants `wanted` of them, where `room` are left for it and may be negative; 0 where so few
// are left that a bar would show nothing.
std::size_t bar_within(std::size_t wanted, std::ptrdiff_t room);
// "43 %", rounded down: 100 % is said only of what is complete.
std::string percent_text(double fraction);
// "1,234,567"
std::string amount_text(std::int64_t amount);
// "12 s", "3 min 20 s", "2 h 3 min"
std::string duration_text(double seconds);

}  // namespace caas::cli
