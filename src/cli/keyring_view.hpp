// What is shown of a keyring.
#pragma once
#include "../core/keyring.hpp"

#include <string>

namespace caas::cli {

std::string check_value_of(const Generation& generation);

// warnings is a set of CAAS_WARN_*.
void print_warnings(const std::string& path, unsigned warnings);

}  // namespace caas::cli
