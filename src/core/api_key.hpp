// API keys: stored as SHA-256 of a random key, so that reading the server's configuration lets nobody in.
#pragma once
#include "core_only.hpp"

#include "status.hpp"

#include <string_view>

namespace caas {

// Errors: CAAS_ERR_API_KEY_LIST with the entry's number in line. list is filled on success only.
Outcome parse_api_key_list(std::string_view text, caas_api_key_list& list);

}  // namespace caas
