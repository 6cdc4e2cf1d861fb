// Feeds the parser of stored passwords. What it accepts is printed again to the letter and has an allowed cost.
#include "../../src/core/password.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto stored = caas::parse_password(text);
    if (!stored) return 0;
    const bool kept = caas::password_text(*stored) == text && stored->generation >= 1 && stored->generation <= 65535 &&
                      caas::password_algorithms[stored->algorithm].allowed(stored->cost);
    if (!kept) std::abort();
    return 0;
}
