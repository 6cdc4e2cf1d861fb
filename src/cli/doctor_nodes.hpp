// Compares the keyring of a server with those of the nodes that compute together with it.
#pragma once
#include "database.hpp"

#include <string>
#include <vector>

namespace caas::cli {

// Findings like the rows of caas_doctor(): each generation that is missing on one side, has another secret or another
// state, and each node that cannot be asked. A node is a connection string, a URI or the name of a database.
Json findings_of_nodes(Database& here, const std::vector<std::string>& nodes);

}  // namespace caas::cli
