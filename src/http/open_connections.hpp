// Counts of open connections, and which of them has been idle for the longest time.
#pragma once
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/intrusive/list.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace caas::http {

using Clock = std::chrono::steady_clock;

class ConnectionBase;

// The place of a connection among the idle ones of a group.
struct IdleNode : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    explicit IdleNode(ConnectionBase& of) : connection(of) {}
    ConnectionBase& connection;
    Clock::time_point since;
};

// ConnectionGroup is all connections of the service, or those of one client address.
class ConnectionGroup {
public:
    explicit ConnectionGroup(std::size_t threads) : threads_(threads) {}

    // Only the thread with this number calls these three.
    void add_idle(std::size_t thread, IdleNode& node, Clock::time_point now);
    void remove_idle(std::size_t thread, IdleNode& node);
    ConnectionBase* longest_idle(std::size_t thread) const;

    // The thread that has the longest-idle connection; nothing where none is idle.
    std::optional<std::size_t> thread_of_longest_idle() const;

    std::atomic<std::size_t> open{0};

private:
    using IdleList = boost::intrusive::list<IdleNode, boost::intrusive::constant_time_size<false>>;
    static constexpr Clock::rep kNone = Clock::time_point::max().time_since_epoch().count();

    // Each on a cache line of its own: they change with every request.
    struct alignas(64) PerThread {
        IdleList idle;  // the longest-idle one first
        std::atomic<Clock::rep> since{kNone};

        void publish();
    };

    std::vector<PerThread> threads_;
};

class OpenConnections;

// OpenToken counts a connection from its acceptance to its end.
class OpenToken {
public:
    OpenToken(OpenToken&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)),
          address_(std::move(other.address_)),
          group_(std::move(other.group_)) {}
    OpenToken(const OpenToken&) = delete;
    OpenToken& operator=(const OpenToken&) = delete;
    OpenToken& operator=(OpenToken&&) = delete;
    ~OpenToken();

    // The connections of the same client address.
    ConnectionGroup& group() const { return *group_; }

private:
    friend OpenConnections;
    OpenToken(OpenConnections& owner, std::string address, std::shared_ptr<ConnectionGroup> group)
        : owner_(&owner), address_(std::move(address)), group_(std::move(group)) {}

    OpenConnections* owner_;
    std::string address_;
    std::shared_ptr<ConnectionGroup> group_;
};

// OpenConnections is shared by all threads.
class OpenConnections {
public:
    explicit OpenConnections(std::size_t threads) : threads_(threads), all_(threads) {}

    OpenToken add(const boost::asio::generic::stream_protocol::endpoint& peer);
    ConnectionGroup& all() { return all_; }

private:
    friend OpenToken;
    void remove(const std::string& address, ConnectionGroup& group);

    const std::size_t threads_;
    ConnectionGroup all_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<ConnectionGroup>> by_address_;
};

}  // namespace caas::http
