// What the commands show of a keyring.
#pragma once
#include "../core/keyring.hpp"

#include <string>

namespace caas::cli {

std::string check_value_of(const Generation& generation);

}  // namespace caas::cli
