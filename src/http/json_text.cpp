#include "json_text.hpp"

#include <nlohmann/json.hpp>

namespace caas::http {

std::string json_string(std::string_view text) { return nlohmann::json(text).dump(); }

}  // namespace caas::http
