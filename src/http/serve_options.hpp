// What `caas serve` was asked for.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace caas::http {

struct ServeOptions {
    std::string keyring, api_keys;
    std::vector<std::string> listen{"127.0.0.1:8443"};
    std::string tls_cert, tls_key;
    bool insecure = false;
    bool check = false;    // only read the files
    unsigned threads = 0;  // 0: as many as processors
    std::uint64_t max_body = std::uint64_t{1024} * 1024;
    std::size_t max_connections = 16384;
    unsigned request_timeout = 10, idle_timeout = 60;  // seconds
    unsigned rate_limit = 0;                           // requests a second and key name, 0: no limit
    std::string access_log = "-";
};

// Runs until a signal ends it. Throws program::ProgramError when it cannot begin.
int serve(const ServeOptions& options);

}  // namespace caas::http
