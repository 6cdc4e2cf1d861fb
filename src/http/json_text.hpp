// Strings of answers that may need JSON's escapes.
#pragma once
#include <string>
#include <string_view>

namespace caas::http {

// The text as a JSON string, with its quotes. Throws std::exception when it is not UTF-8.
std::string json_string(std::string_view text);

}  // namespace caas::http
