// Databases are asked before a generation is retired or removed: what was made under it may still be stored there.
#pragma once
#include "keyring_commands.hpp"

namespace caas::cli {

// Throws when a database of the options has values of the generation, or does not say for sure that it has none. With
// --force-generation of the same number it warns instead. Asks nothing without --database.
void require_no_values(const KeyringOptions& options);

}  // namespace caas::cli
