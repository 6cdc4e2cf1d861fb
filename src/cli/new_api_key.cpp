#include "new_api_key.hpp"

#include "../core/text.hpp"
#include "command.hpp"

#include <openssl/rand.h>

#include <array>

namespace caas::cli {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::string_view kPrefix = "caas_";  // scanners find a leaked key by it

}  // namespace

SecretText make_api_key() {
    SecretKey<kKeyBytes> bytes;
    if (RAND_priv_bytes(bytes.expose_mutable().data(), kKeyBytes) != 1) {
        throw program_error("the random number generator failed");
    }
    SecretText key(kPrefix.size() + 2 * kKeyBytes);
    key.expose_mutable().append(kPrefix).resize(kPrefix.size() + 2 * kKeyBytes);
    hex_encode(bytes.expose(), key.expose_mutable().data() + kPrefix.size());
    return key;
}

std::string api_key_entry(std::string_view key, const std::optional<std::string>& name) {
    std::array<std::uint8_t, CAAS_SHA256_BYTES> digest{};
    if (caas_api_key_digest(key.data(), key.size(), digest.data()) != CAAS_OK) throw program_error("SHA-256 failed");
    std::string hex(2 * digest.size(), '0');
    hex_encode(digest, hex.data());
    return (name ? *name + ":" : "") + hex;
}

void check_api_key_name(const std::optional<std::string>& name) {
    caas_api_key_list list{};
    const bool parsed = caas_api_key_list_parse(api_key_entry("", name).c_str(), &list, nullptr) == CAAS_OK;
    if (!parsed || list.count != 1 || (name && name->find_first_of(" \t\r\n") != std::string::npos)) {
        throw usage_error("--name: it is not 1 to 64 letters, digits, dots, dashes or underscores");
    }
}

}  // namespace caas::cli
