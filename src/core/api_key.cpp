#include "api_key.hpp"

#include "text.hpp"

#include <algorithm>

namespace caas {

namespace {

constexpr std::size_t kMaxNameBytes = CAAS_API_KEY_NAME_BYTES - 1;
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trim(std::string_view text) {
    const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
    const std::size_t end = text.find_last_not_of(kBlanks);
    return end == std::string_view::npos ? std::string_view() : text.substr(begin, end + 1 - begin);
}

bool is_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
    };
    return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), allowed);
}

// Fills in the name, with its terminator, and the digest. nullptr, or what is wrong with the entry.
const char* parse_entry(std::string_view entry, char* name, std::uint8_t* digest) {
    const std::size_t colon = entry.rfind(':');
    if (colon != std::string_view::npos) {
        if (!is_name(entry.substr(0, colon)))
            return "a name is not 1 to 64 letters, digits, dots, dashes or underscores";
        *std::copy_n(entry.begin(), colon, name) = '\0';
        entry.remove_prefix(colon + 1);
    }
    const bool valid = entry.size() == std::size_t{2} * CAAS_SHA256_BYTES &&
                       hex_decode(as_bytes(entry), std::span(digest, CAAS_SHA256_BYTES));
    return valid ? nullptr : "an entry is not the 64 hexadecimal digits of a SHA-256";
}

}  // namespace

Outcome parse_api_key_list(std::string_view text, caas_api_key_list& list) {
    caas_api_key_list parsed{};
    bool more = !trim(text).empty();
    for (int number = 1; more; number++) {
        const auto fail = [&](const char* reason) {
            return Error{.status = CAAS_ERR_API_KEY_LIST, .line = number, .reason = reason};
        };
        const std::size_t comma = text.find(',');
        more = comma != std::string_view::npos;
        if (parsed.count == CAAS_API_KEYS_MAX) return fail("more than 64 API keys");
        const int slot = parsed.count;
        if (const char* reason = parse_entry(trim(text.substr(0, comma)), parsed.names[slot], parsed.digests[slot]))
            return fail(reason);
        parsed.count++;
        if (more) text.remove_prefix(comma + 1);
    }
    list = parsed;
    return Done{};
}

}  // namespace caas
