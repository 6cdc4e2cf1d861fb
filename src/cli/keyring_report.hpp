// Text about a generation that several commands print.
#pragma once
#include "../core/keyring.hpp"

#include <string>

namespace caas::cli {

std::string check_value_of(const Generation& generation);

}  // namespace caas::cli
