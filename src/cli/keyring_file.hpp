// Keyring files as an administrator handles them: root may look after another user's file, edits happen one at a time.
#pragma once
#include "../core/engine.hpp"
#include "../core/keyring.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace caas::cli {

Keyring load_keyring(const std::string& path);
// An engine also checks that this OpenSSL provides every algorithm.
Engine load_engine(const std::string& path);

// The file must not exist. It belongs to the folder's owner where root makes it. The value is the keyring as it was
// written.
Keyring create_keyring(const std::string& path, const SecretText& text);

// Returns the new text of a keyring; throws a ProgramError to leave the file as it is.
using Edit = std::function<SecretText(const Keyring& keyring, std::string_view text)>;

// Edits under the lock of the file; owner, group and mode stay. A symbolic link stays, its target is edited.
// The value is the keyring as it was written.
Keyring edit_keyring(const std::string& path, const Edit& edit);

}  // namespace caas::cli
