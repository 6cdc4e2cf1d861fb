// The description of the service, made from the tables of routes, fields and problems.
#pragma once
#include <string>

namespace caas::http {

// OpenAPI 3.0 as JSON.
const std::string& openapi_text();

}  // namespace caas::http
