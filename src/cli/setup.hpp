// The options of `caas setup`, and the function that does the work.
#pragma once
#include <optional>
#include <string>

namespace caas::cli {

struct SetupOptions {
    std::optional<std::string> cluster;  // VERSION/NAME of a cluster of Debian's packages
    std::optional<std::string> pgdata;   // a data directory instead
    std::optional<std::string> host;     // folder of the server's Unix socket
    std::optional<int> port;
    std::string database;
    std::optional<std::string> superuser;
    std::optional<std::string> keyring;
    std::optional<std::string> schema;
    std::string name = "app";
    bool new_key = false;
    bool dry_run = false;
    bool remove = false;
};

int setup(const SetupOptions& options);

}  // namespace caas::cli
