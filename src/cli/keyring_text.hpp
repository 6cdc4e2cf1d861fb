// Edits of a keyring's text (spec section 2). An edit changes the lines that it is about; comments, blank lines and the
// order stay. A removed generation leaves a comment, "# removed NUMBER TIME", so that its number is never used again.
#pragma once
#include "../core/keyring.hpp"

#include <string>
#include <string_view>

namespace caas::cli {

// The pools of a generation to be made.
struct Pools {
    Pool digests;
    Pool ciphers;
    Pool passwords;
};

// With a secret from OpenSSL's generator for private values, created now.
Generation make_generation(int number, bool active, Pools pools);

// The version line and one generation.
SecretText new_keyring_text(const Generation& generation);

SecretText with_generation(std::string_view text, const Generation& generation);
SecretText with_state(std::string_view text, const Generation& generation, bool active);
SecretText without_generation(std::string_view text, const Generation& generation);

// The highest number that was ever used, removed generations included.
int highest_number(std::string_view text, const Keyring& keyring);

}  // namespace caas::cli
