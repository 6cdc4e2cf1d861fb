// A request's head, and its answer.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

namespace caas::http {

using Microseconds = std::chrono::microseconds;

// The lines above the body, as far as they matter.
struct Head {
    std::string_view method;
    std::string_view target;
    std::string_view content_type;
    std::string_view authorization;
    bool encoded = false;  // whether there is a Content-Encoding
};

struct Answer {
    unsigned status = 200;
    std::string body;
    const char* content_type = "application/json";
    const char* allow = nullptr;  // the header Allow
    unsigned retry_after = 0;     // seconds, the header Retry-After; 0: none
    const char* route = nullptr;  // one of ours, static, or nullptr
    std::string client;           // the name of the API key; empty without
};

}  // namespace caas::http
