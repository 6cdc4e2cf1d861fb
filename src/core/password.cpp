#include "password.hpp"

#include "hmac.hpp"
#include "text.hpp"

#include <algorithm>

namespace caas {

namespace {

constexpr std::string_view kPrefix = "$caas-";
constexpr std::string_view kVersion = "$v=1$g=";
constexpr std::size_t kSaltChars = 22;
constexpr std::size_t kHashChars = 43;

// Takes text off the front; false when rest does not begin with it.
bool skip(std::string_view& rest, std::string_view text) {
    if (rest.substr(0, text.size()) != text) return false;
    rest.remove_prefix(text.size());
    return true;
}

// A decimal without leading zeroes, below 10^8.
bool take_number(std::string_view& rest, std::uint32_t& value) {
    constexpr std::size_t kMaxDigits = 8;
    const std::size_t end = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (end == 0 || end > kMaxDigits || (rest[0] == '0' && end > 1)) return false;
    value = 0;
    for (const char c : rest.substr(0, end)) value = value * 10 + static_cast<std::uint32_t>(c - '0');
    rest.remove_prefix(end);
    return true;
}

std::string base64(Bytes bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int written =
        EVP_EncodeBlock(reinterpret_cast<std::uint8_t*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(written));
    text.erase(std::min(text.find('='), text.size()));
    return text;
}

// Takes chars of base64 without padding off the front. Only the canonical form is accepted: the unused bits are zero.
bool take_base64(std::string_view& rest, std::size_t chars, std::span<std::uint8_t> out) {
    if (rest.size() < chars) return false;
    std::string padded(rest.substr(0, chars));
    rest.remove_prefix(chars);
    padded.append((4 - chars % 4) % 4, '=');
    std::array<std::uint8_t, kHashChars + 2> decoded{};
    const int written = EVP_DecodeBlock(decoded.data(), reinterpret_cast<const std::uint8_t*>(padded.data()),
                                        static_cast<int>(padded.size()));
    if (written < static_cast<int>(out.size())) return false;
    std::copy_n(decoded.data(), out.size(), out.data());
    return base64(out) == std::string_view(padded).substr(0, chars);
}

bool take_costs(std::string_view& rest, const PasswordAlgorithm& algorithm, PasswordCost& cost) {
    for (std::size_t i = 0; i < kMaxCostFields && algorithm.fields[i] != nullptr; i++) {
        if (!skip(rest, ",") || !skip(rest, algorithm.fields[i]) || !skip(rest, "=") || !take_number(rest, cost[i])) {
            return false;
        }
    }
    return algorithm.allowed(cost);
}

}  // namespace

std::optional<StoredPassword> parse_password(std::string_view text) {
    constexpr std::uint32_t kMaxGeneration = 65535;
    StoredPassword stored;
    if (!skip(text, kPrefix)) return std::nullopt;
    const auto id = find_algorithm(password_pool, text.substr(0, text.find('$')));
    if (!id) return std::nullopt;
    stored.algorithm = *id;
    const PasswordAlgorithm& algorithm = password_algorithms[*id];
    std::uint32_t generation = 0;
    const bool well_formed = skip(text, algorithm.name) && skip(text, kVersion) && take_number(text, generation) &&
                             take_costs(text, algorithm, stored.cost) && skip(text, "$") &&
                             take_base64(text, kSaltChars, stored.salt) && skip(text, "$") &&
                             take_base64(text, kHashChars, stored.hash) && text.empty();
    if (!well_formed || generation < 1 || generation > kMaxGeneration) return std::nullopt;
    stored.generation = static_cast<int>(generation);
    return stored;
}

std::string password_text(const StoredPassword& stored) {
    const PasswordAlgorithm& algorithm = password_algorithms[stored.algorithm];
    std::string text(kPrefix);
    text.append(algorithm.name).append(kVersion).append(std::to_string(stored.generation));
    for (std::size_t i = 0; i < kMaxCostFields && algorithm.fields[i] != nullptr; i++) {
        text.append(",").append(algorithm.fields[i]).append("=").append(std::to_string(stored.cost[i]));
    }
    return text.append("$").append(base64(stored.salt)).append("$").append(base64(stored.hash));
}

bool pepper_password(const SubjectKey& key, Bytes password, PepperedInput& input) {
    // A context of its own: the engine's would hold the input until its next use.
    const auto hmac = HmacSha256::create();
    return hmac && hmac->set_key(key.expose_key()) && hmac->compute_last(password, input.expose_mutable());
}

}  // namespace caas
