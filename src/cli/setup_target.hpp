// Which server `caas setup` works on: its folders, its operating system user, and how psql reaches it.
#pragma once
#include "setup.hpp"

#include <sys/types.h>

#include <string>

namespace caas::cli {

struct OwnerAccount {
    std::string name;
    std::string home;
    uid_t user;
    gid_t group;
};

struct SetupTarget {
    std::string described;  // "cluster 15/main" or "the server in DIR"
    std::string option;     // "--cluster 15/main" or "--pgdata DIR", for messages
    OwnerAccount owner;
    std::string data_directory;  // without symbolic links
    std::string psql;
    std::string socket_folder;
    int port;
    std::string keyring_name;  // of the default keyring; empty: named after the server's system identifier
};

// Gives root's rights up for those of the server's user before it reads anything that this user could have made: a
// symbolic link of theirs then leads nowhere that they could not write themselves. Throws where the server does not
// run.
SetupTarget find_setup_target(const SetupOptions& options);

}  // namespace caas::cli
