// Reads what the answers depend on.
#pragma once
#include "handler.hpp"

#include <string>
#include <vector>

namespace caas::http {

// One engine a worker, all of the same content. Throws program::ProgramError.
std::vector<EnginePtr> load_engines(const std::string& keyring, std::size_t count);

// A state a worker. What cannot be used is null in all of them, and said on standard error.
std::vector<State> load_what_can_be_used(const std::string& keyring, const std::string& api_keys, std::size_t count);

// The active generation, 0 without a keyring.
int active_generation(const State& state);
// "generation 2 is active, 3 API keys"
std::string description(const State& state);

}  // namespace caas::http
