// Databases are asked before a generation is retired or removed: what was made under it may still be stored there.
#pragma once
#include "keyring_commands.hpp"

namespace caas::cli {

// Asks the databases of the options, and each other database of their servers that has the extension. Throws when one
// has values of the generation, or does not say for sure that it has none. With --force-generation of the same number
// it warns instead. Asks nothing without --database.
void require_no_values(const KeyringOptions& options);

}  // namespace caas::cli
