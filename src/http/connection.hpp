// One connection: reads requests, hands them to the handler, writes the answers in order.
#pragma once
#include "access_log.hpp"
#include "answer_heads.hpp"
#include "handler.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <utility>

namespace caas::http {

namespace asio = boost::asio;

using Clock = std::chrono::steady_clock;
// TCP and Unix sockets alike.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
using TlsContext = std::shared_ptr<asio::ssl::context>;

using OpenCount = std::atomic<std::size_t>;

// OpenToken counts a connection from the moment it is accepted until it has gone.
class OpenToken {
public:
    explicit OpenToken(OpenCount& count) : count_(&count) { count++; }
    OpenToken(OpenToken&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    OpenToken(const OpenToken&) = delete;
    OpenToken& operator=(const OpenToken&) = delete;
    OpenToken& operator=(OpenToken&&) = delete;
    ~OpenToken() {
        if (count_ != nullptr) (*count_)--;
    }

private:
    OpenCount* count_;
};

struct Limits {
    std::uint64_t body_bytes;
    std::chrono::seconds request_timeout;
    std::chrono::seconds idle_timeout;
};

class ConnectionBase {
public:
    virtual ~ConnectionBase() = default;
    virtual void on_tick(Clock::time_point now) = 0;
    // The service ends: the request that is under way, or the next one if it comes at once, is the last.
    virtual void on_stop(Clock::time_point now) = 0;

protected:
    ConnectionBase() = default;
    ConnectionBase(const ConnectionBase&) = default;
    ConnectionBase& operator=(const ConnectionBase&) = default;
};

// What the connections of one thread work with.
struct ConnectionTools {
    Handler& handler;
    AccessLog& log;
    RequestMetrics requests;
    const Limits& limits;
    AnswerHeads heads{};
};

class Connections {
public:
    Connections(ConnectionTools tools, Metrics& metrics) : tools_(std::move(tools)), metrics_(metrics) {}

    void open(OpenToken token, Socket socket, const TlsContext& tls);
    void tick(Clock::time_point now);
    void stop(Clock::time_point now);
    void add(ConnectionBase* connection);
    void remove(ConnectionBase* connection);
    bool stopping() const { return stopping_; }
    Clock::time_point answers_until() const { return answers_until_; }
    std::size_t count() const { return open_.size(); }
    ConnectionTools& tools() { return tools_; }

private:
    ConnectionTools tools_;
    Metrics& metrics_;
    std::unordered_set<ConnectionBase*> open_;
    bool stopping_ = false;
    Clock::time_point answers_until_;  // when stopping
};

}  // namespace caas::http
