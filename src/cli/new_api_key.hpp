// New API keys, and the entries by which a server knows them. `caas api-key` and `caas setup` share them.
#pragma once
#include "../core/keyring.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace caas::cli {

// "caas_" and 64 hexadecimal digits of OpenSSL's generator for private values.
SecretText make_api_key();

// "[name:]sha256", an entry of caas.api_key_digests.
std::string api_key_entry(std::string_view key, const std::optional<std::string>& name);

// Throws a usage error about --name when the server would refuse the name.
void check_api_key_name(const std::optional<std::string>& name);

}  // namespace caas::cli
