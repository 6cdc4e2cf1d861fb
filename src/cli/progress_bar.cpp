#include "progress_bar.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace caas::cli {

namespace {

double clean_fraction(double fraction) { return std::isnan(fraction) ? 0 : std::clamp(fraction, 0.0, 1.0); }

void append_repeated(std::string& text, const char* piece, std::size_t times) {
    for (std::size_t i = 0; i < times; i++) text += piece;
}

}  // namespace

std::string progress_bar(double fraction, std::size_t columns, bool blocks) {
    constexpr std::size_t kParts = 8;
    constexpr std::array<const char*, kParts> kPartial = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto eighths =
        static_cast<std::size_t>(std::floor(clean_fraction(fraction) * static_cast<double>(columns * kParts)));
    const std::size_t whole = eighths / kParts;
    const std::size_t part = blocks ? eighths % kParts : 0;
    std::string bar;
    append_repeated(bar, blocks ? "█" : "#", whole);
    bar += kPartial[part];
    append_repeated(bar, blocks ? "░" : "-", columns - whole - (part > 0 ? 1 : 0));
    return bar;
}

std::size_t bar_within(std::size_t wanted, std::ptrdiff_t room) {
    constexpr std::ptrdiff_t kLeast = 5;
    return room < kLeast ? 0 : std::min(wanted, static_cast<std::size_t>(room));
}

std::string percent_text(double fraction) {
    return std::to_string(static_cast<int>(std::floor(clean_fraction(fraction) * 100))) + " %";
}

std::string amount_text(std::int64_t amount) {
    std::string digits = std::to_string(amount);
    const std::size_t first = amount < 0 ? 1 : 0;
    for (std::size_t at = digits.size(); at > first + 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

std::string duration_text(double seconds) {
    constexpr double kMost = 365.0 * 24 * 3600;
    if (std::isnan(seconds) || seconds < 0) seconds = 0;
    if (seconds > kMost) return "more than a year";
    const auto whole = static_cast<std::int64_t>(seconds);
    const auto with = [](std::int64_t large, const char* unit, std::int64_t small, const char* small_unit) {
        return std::to_string(large) + unit + std::to_string(small) + small_unit;
    };
    if (whole < 60) return std::to_string(whole) + " s";
    if (whole < 3600) return with(whole / 60, " min ", whole % 60, " s");
    if (whole < std::int64_t{48} * 3600) return with(whole / 3600, " h ", whole / 60 % 60, " min");
    return with(whole / 86400, " d ", whole / 3600 % 24, " h");
}

}  // namespace caas::cli
