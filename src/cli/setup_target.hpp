// The server that `caas setup` works on: its folders, its operating system user, and the address for psql.
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
    std::string keyring_name;  // of the default keyring; empty stands for the server's system identifier
};

// Root becomes the server's user for good, before it reads anything that this user could have made. A symbolic link
// planted by that user then reaches only files that the user could write anyway. Throws when the server does not run.
SetupTarget find_setup_target(const SetupOptions& options);

}  // namespace caas::cli
