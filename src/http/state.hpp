// Reads what the answers depend on.
#pragma once
#include "handler.hpp"

#include <string>
#include <vector>

namespace caas::http {

// The number of threads of each kind. Each of them has its own engine.
struct ThreadCounts {
    std::size_t workers, passwords;
    std::size_t all() const { return workers + passwords; }
};

// Returns this number of engines, all of the same content. Throws program::ProgramError.
std::vector<EnginePtr> load_engines(const std::string& keyring, std::size_t count);

// A state a worker, with these engines: one for each thread, or none.
std::vector<State> states_of(std::vector<EnginePtr> engines, const std::shared_ptr<const ApiKeys>& api_keys,
                             ThreadCounts threads);

// The same from the files. What cannot be used is null in all of them, and said on standard error.
std::vector<State> load_what_can_be_used(const std::string& keyring, const std::string& api_keys, ThreadCounts threads);

// The active generation, 0 without a keyring.
int active_generation(const State& state);
// "generation 2 is active, 3 API keys"
std::string description(const State& state);

}  // namespace caas::http
