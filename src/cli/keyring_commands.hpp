// The keyring commands, behind their command lines.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace caas::cli {

struct KeyringOptions {
    std::string file;
    // Names joined by commas; empty where the option was not given.
    std::optional<std::string> digests, ciphers, passwords;
    int number = 0;
    std::optional<int> activate;
    std::optional<std::string> user;
    std::vector<std::string> databases;   // asked for values of the generation
    std::optional<int> force_generation;  // do it in spite of what they say
    bool stage = false;
    bool new_index_key = false;
    bool yes = false;
    bool json = false;
};

int keyring_init(const KeyringOptions& options);
int keyring_rotate(const KeyringOptions& options);
int keyring_activate(const KeyringOptions& options);
int keyring_retire(const KeyringOptions& options);
int keyring_remove(const KeyringOptions& options);
int keyring_list(const KeyringOptions& options);
int keyring_check(const KeyringOptions& options);

}  // namespace caas::cli
