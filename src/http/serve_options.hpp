// The options of `caas serve`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace caas::http {

inline constexpr std::uint64_t kMaxMemory = std::uint64_t{256} * 1024 * 1024;

struct ServeOptions {
    std::string keyring, api_keys;
    std::vector<std::string> listen{"127.0.0.1:8443"};
    std::string tls_cert, tls_key;
    bool insecure = false;
    bool check = false;             // read the files and exit
    unsigned threads = 0;           // 0: the number of processors
    unsigned password_threads = 0;  // 0: half of the processors, 1 to 4
    std::uint64_t max_body = std::uint64_t{1024} * 1024;
    std::uint64_t max_memory = 0;  // 0: kMaxMemory, or four times max_body where that is more
    std::size_t max_connections = 16384;
    std::size_t max_connections_per_address = 0;       // 0: half of max_connections
    unsigned request_timeout = 10, idle_timeout = 60;  // seconds
    unsigned rate_limit = 0;                           // requests a second and key name, 0: no limit
    std::string access_log = "-";
};

// Runs until a signal ends it. Throws program::ProgramError when it cannot start.
int serve(const ServeOptions& options);

}  // namespace caas::http
