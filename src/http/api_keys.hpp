// The file of API keys, and the limit of requests a second.
#pragma once
#include "../caas.h"
#include "routes.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace caas::http {

struct Client {
    std::string name;
    std::array<std::uint8_t, CAAS_SHA256_BYTES> digest;
    std::uint64_t rights;  // bit N: the operation at place N of the table of routes

    bool may(const Route& operation) const { return (rights >> index_of(operation) & 1U) != 0; }
};

// ApiKeys is the content of a file. It never changes: a reload makes another.
class ApiKeys {
public:
    // Throws program::ProgramError, whose message has the line's number and the reason, never the line's content.
    static ApiKeys read(const std::string& path);
    static ApiKeys parse(const std::string& path, std::string_view text);

    // The client that has this key, or nullptr. Compares the digests of all clients, each in constant time. Throws when
    // OpenSSL fails.
    const Client* find(std::string_view key) const;
    std::size_t count() const { return clients_.size(); }

private:
    std::vector<Client> clients_;
};

// RateLimiter allows each name so many requests a second, of which a second's worth may come at once. A batch that
// begins within the limit is served whole: the name then waits until it has made up for the rest.
class RateLimiter {
public:
    explicit RateLimiter(unsigned per_second) : per_second_(per_second) {}
    // 0 when the requests may be served, otherwise the seconds to wait.
    unsigned wait_for(const std::string& name, std::size_t requests);

private:
    using Clock = std::chrono::steady_clock;
    struct Bucket {
        double tokens;
        Clock::time_point filled;
    };

    const unsigned per_second_;  // 0: no limit
    std::mutex mutex_;
    std::map<std::string, Bucket> buckets_;
};

}  // namespace caas::http
