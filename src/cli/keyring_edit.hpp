// The text of a new keyring (spec section 2).
#pragma once
#include "../core/keyring.hpp"

namespace caas::cli {

// The pools of a generation to be made.
struct Pools {
    Pool digests;
    Pool ciphers;
    Pool passwords;
};

// A generation with a new secret, created now.
Generation make_generation(int number, bool active, Pools pools);

// The version line and one generation.
SecretText new_keyring_text(const Generation& generation);

}  // namespace caas::cli
