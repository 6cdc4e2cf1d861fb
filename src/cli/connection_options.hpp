// The options that name a database, for each command that connects.
#pragma once
#include "database.hpp"

namespace CLI {
class App;
}

namespace caas::cli {

// -h is the host, as for the programs of PostgreSQL, so --help has no short name.
void add_connection_options(CLI::App& line, ConnectionOptions& connection);
void add_api_key_option(CLI::App& line, ConnectionOptions& connection);

}  // namespace caas::cli
