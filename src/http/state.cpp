#include "state.hpp"

#include "../program/report.hpp"

#include <cstddef>
#include <iterator>

namespace caas::http {

namespace {

caas_keyring_info info_of(const caas_engine& engine) {
    caas_keyring_info info{};
    caas_engine_keyring(&engine, &info);
    return info;
}

EnginePtr load_engine(const std::string& keyring) {
    caas_engine* made = nullptr;
    caas_error error{};
    caas_status status = caas_engine_new(&made, &error);
    EnginePtr engine(made);
    if (status == CAAS_OK) status = caas_engine_load(engine.get(), keyring.c_str(), &error);
    if (status == CAAS_OK) return engine;
    throw program::keyring_error(program::kExitFailed, keyring,
                                 Error{.status = status,
                                       .line = error.line,
                                       .os_error = error.os_error,
                                       .reason = error.reason,
                                       .algorithm = error.algorithm});
}

}  // namespace

std::vector<EnginePtr> load_engines(const std::string& keyring, std::size_t count) {
    std::vector<EnginePtr> engines;
    while (engines.size() < count) {
        engines.push_back(load_engine(keyring));
        if (info_of(*engines.back()).fingerprint != info_of(*engines.front()).fingerprint) {
            engines.erase(engines.begin(), engines.end() - 1);  // it has just been replaced: all read the new one
        }
    }
    program::warn_about_keyring(keyring, info_of(*engines.front()).warnings);
    if (caas_secrets_locked() == 0)
        program::warn("secrets are not in locked memory; the limit of it (ulimit -l) is too low");
    return engines;
}

std::vector<State> states_of(std::vector<EnginePtr> engines, const std::shared_ptr<const ApiKeys>& api_keys,
                             ThreadCounts threads) {
    std::shared_ptr<PasswordEngines> for_passwords;
    if (!engines.empty()) {
        const auto first = engines.begin() + static_cast<std::ptrdiff_t>(threads.workers);
        for_passwords =
            std::make_shared<PasswordEngines>(std::make_move_iterator(first), std::make_move_iterator(engines.end()));
    }
    std::vector<State> states(threads.workers);
    for (std::size_t i = 0; i < threads.workers; i++) {
        if (!engines.empty()) states[i].engine = std::move(engines[i]);
        states[i].api_keys = api_keys;
        states[i].password_engines = for_passwords;
    }
    return states;
}

std::vector<State> load_what_can_be_used(const std::string& keyring, const std::string& api_keys,
                                         ThreadCounts threads) {
    std::vector<EnginePtr> engines;
    std::shared_ptr<const ApiKeys> keys;
    try {
        engines = load_engines(keyring, threads.all());
    } catch (const program::ProgramError& failure) {
        program::warn(std::string(failure.what()) + "; requests are refused until it can be used again");
    }
    try {
        keys = std::make_shared<const ApiKeys>(ApiKeys::read(api_keys));
    } catch (const program::ProgramError& failure) {
        program::warn(std::string(failure.what()) + "; requests are refused until it can be used again");
    }
    return states_of(std::move(engines), keys, threads);
}

int active_generation(const State& state) { return state.engine ? info_of(*state.engine).active : 0; }

std::string description(const State& state) {
    const std::size_t keys = state.api_keys ? state.api_keys->count() : 0;
    return "generation " + std::to_string(active_generation(state)) + " is active, " + std::to_string(keys) +
           (keys == 1 ? " API key" : " API keys");
}

}  // namespace caas::http
