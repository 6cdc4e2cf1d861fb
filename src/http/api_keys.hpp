// Who may do what: the file of API keys, and how often.
#pragma once
#include "../caas.h"

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

enum class Operation : std::uint8_t { encrypt, verify, seal, open, blind_index };

inline constexpr std::size_t kOperationCount = 5;

struct Client {
    std::string name;
    std::array<std::uint8_t, CAAS_SHA256_BYTES> digest;
    unsigned rights;  // a bit an operation

    bool may(Operation operation) const { return (rights >> static_cast<unsigned>(operation) & 1U) != 0; }
};

// ApiKeys is the content of a file. It never changes: a reload makes another.
class ApiKeys {
public:
    // Throws program::ProgramError: of a line it says the number and the reason, never the content.
    static ApiKeys read(const std::string& path);
    static ApiKeys parse(const std::string& path, std::string_view text);

    // The client whose key this is, or nullptr. Every digest is compared, each in constant time. Throws where OpenSSL
    // fails.
    const Client* find(std::string_view key) const;
    std::size_t count() const { return clients_.size(); }

private:
    std::vector<Client> clients_;
};

// RateLimiter lets every name have so many requests a second, and as many at once. A batch that begins within the
// limit is served as a whole; what it takes beyond is paid before the next.
class RateLimiter {
public:
    explicit RateLimiter(unsigned per_second) : per_second_(per_second) {}
    // 0, or after how many seconds to come again.
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
