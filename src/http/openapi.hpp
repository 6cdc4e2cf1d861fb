// The description of the service, made of the tables that it runs by.
#pragma once
#include <string>

namespace caas::http {

// OpenAPI 3.0, JSON.
const std::string& openapi_text();

}  // namespace caas::http
