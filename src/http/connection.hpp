// One connection: reads requests, hands them to the handler, writes the answers in order.
#pragma once
#include "access_log.hpp"
#include "answer_heads.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_set>

namespace caas::http {

namespace asio = boost::asio;

using Clock = std::chrono::steady_clock;
// TCP and Unix sockets alike.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
using TlsContext = std::shared_ptr<asio::ssl::context>;

// Counted from the moment a connection is accepted.
using OpenCount = std::atomic<std::size_t>;

struct Limits {
    std::uint64_t body_bytes;
    std::chrono::seconds request_timeout;
    std::chrono::seconds idle_timeout;
};

// What the connections of one thread share.
class Connections;

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

class Connections {
public:
    Connections(Handler& handler, AccessLog& log, Metrics& metrics, const Limits& limits, OpenCount& everywhere)
        : handler(handler), log(log), requests(metrics), limits(limits), metrics_(metrics), everywhere_(everywhere) {}

    void open(Socket socket, const TlsContext& tls);
    void tick(Clock::time_point now);
    void stop(Clock::time_point now);
    void add(ConnectionBase* connection);
    void remove(ConnectionBase* connection);
    bool stopping() const { return stopping_; }
    std::size_t count() const { return open_.size(); }

    Handler& handler;
    AccessLog& log;
    RequestMetrics requests;
    AnswerHeads heads;
    const Limits& limits;

private:
    Metrics& metrics_;
    OpenCount& everywhere_;
    std::unordered_set<ConnectionBase*> open_;
    bool stopping_ = false;
};

}  // namespace caas::http
