// The keyring of `caas setup`: where it is, and that the server can use it.
#pragma once
#include "setup_server.hpp"

#include <string>

namespace caas::cli {

struct KeyringPlan {
    std::string path;
    bool exists;
};

// Chooses the keyring: the configured one, that of --keyring, or the default. Throws when the configured one differs
// from
// --keyring or its file is missing, and when the place is inside the data directory or writable by others.
KeyringPlan plan_keyring(const SetupOptions& options, const SetupTarget& target, const ServerState& state);

// Makes the keyring, or checks the existing one as a server does. Returns the check value of the active generation.
std::string make_or_check_keyring(const KeyringPlan& plan);

}  // namespace caas::cli
