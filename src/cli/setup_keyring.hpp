// The keyring of `caas setup`: where it is, and that the server can use it.
#pragma once
#include "setup_server.hpp"

#include <string>

namespace caas::cli {

struct KeyringPlan {
    std::string path;
    bool exists;
};

// Which keyring the server is to use. Throws when the configuration has another one or its file is lost, and when the
// place is inside the data directory or open to others.
KeyringPlan plan_keyring(const SetupOptions& options, const SetupTarget& target, const ServerState& state);

// Makes the keyring, or loads the one that exists as a server does; the value is its active check value.
std::string make_or_check_keyring(const KeyringPlan& plan);

}  // namespace caas::cli
