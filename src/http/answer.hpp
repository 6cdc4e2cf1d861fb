// A request's head, and its answer.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

namespace caas::http {

struct Route;

using Microseconds = std::chrono::microseconds;

// Head is what a request says above its body, as far as the service looks at it.
struct Head {
    std::string_view method;
    const Route* route = nullptr;  // the one that the target leads to, or nullptr
    std::string_view content_type;
    std::string_view authorization;
    bool encoded = false;  // there is a Content-Encoding
};

struct Answer {
    unsigned status = 200;
    std::string body;
    const char* content_type = "application/json";
    const char* allow = nullptr;   // the header Allow
    unsigned retry_after = 0;      // seconds, the header Retry-After; 0: none
    const Route* route = nullptr;  // nullptr for a request without one
    std::string client;            // the name of the API key; empty without
};

}  // namespace caas::http
