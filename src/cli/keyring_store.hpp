// Keyring files as an administrator handles them: root may look after another user's file, edits happen one at a time.
#pragma once
#include "../core/engine.hpp"
#include "../core/keyring.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace caas::cli {

Keyring load_keyring(const std::string& path);
// Loads the keyring into an engine, which also checks that this OpenSSL provides every algorithm.
void load_engine(Engine& engine, const std::string& path);

// Both return the keyring as it was written. The file must not exist.
Keyring create_keyring(const std::string& path, const SecretText& text);

// What an edit makes of a keyring; it throws a Failure to leave the file as it is.
using Edit = std::function<SecretText(const Keyring& keyring, std::string_view text)>;

// Edits under the lock of the file; owner, group and mode stay. A symbolic link stays, its target is edited.
Keyring edit_keyring(const std::string& path, const Edit& edit);

}  // namespace caas::cli
