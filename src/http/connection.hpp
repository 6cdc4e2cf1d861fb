// One connection: it reads requests, passes them to the handler and writes the answers in order.
#pragma once
#include "access_log.hpp"
#include "answer_heads.hpp"
#include "handler.hpp"
#include "memory_budget.hpp"
#include "open_connections.hpp"
#include "password_threads.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <utility>

namespace caas::http {

namespace asio = boost::asio;

// For TCP and Unix sockets.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
using TlsContext = std::shared_ptr<asio::ssl::context>;

struct Limits {
    std::uint64_t body_bytes;
    std::chrono::seconds request_timeout;
    std::chrono::seconds idle_timeout;
};

class ConnectionBase {
public:
    virtual ~ConnectionBase() = default;
    ConnectionBase(const ConnectionBase&) = delete;
    ConnectionBase& operator=(const ConnectionBase&) = delete;
    ConnectionBase(ConnectionBase&&) = delete;
    ConnectionBase& operator=(ConnectionBase&&) = delete;

    virtual void on_tick(Clock::time_point now) = 0;
    // The service ends: the current request, or the next one if it comes at once, is the last.
    virtual void on_stop(Clock::time_point now) = 0;
    virtual void close() = 0;

    ConnectionGroup& group() const { return token_.group(); }
    // When the connection entered the phase in which it is: waiting, reading a request or writing an answer.
    Clock::time_point since() const { return among_all_.since; }

protected:
    explicit ConnectionBase(OpenToken token) : token_(std::move(token)) {}

private:
    friend class Connections;
    OpenToken token_;
    IdleNode among_all_{*this}, in_group_{*this};
};

// Shared by the connections of one thread.
struct ConnectionTools {
    std::size_t thread;
    ConnectionGroup& all;
    Handler& handler;
    AccessLog& log;
    RequestMetrics requests;
    const Limits& limits;
    MemoryBudget& memory;
    PasswordThreads& passwords;
    AnswerHeads heads{};
};

// The connections of one thread.
class Connections {
public:
    Connections(ConnectionTools tools, Metrics& metrics) : tools_(std::move(tools)), metrics_(metrics) {}

    void open(OpenToken token, Socket socket, const TlsContext& tls);
    void tick(Clock::time_point now);
    void stop(Clock::time_point now);
    void add(ConnectionBase* connection);
    void remove(ConnectionBase* connection);
    void set_idle(ConnectionBase& connection, bool idle, Clock::time_point now);
    // Closes the longest-idle connection of the group; false where none is idle.
    bool close_longest_idle(const ConnectionGroup& group);
    // Closes the connection that takes the longest time for its request or answer; false where all are quick.
    bool close_slowest(Clock::time_point now);
    bool stopping() const { return stopping_; }
    Clock::time_point answers_until() const { return answers_until_; }
    std::size_t count() const { return open_.size(); }
    ConnectionTools& tools() { return tools_; }

private:
    void close(ConnectionBase& connection);

    ConnectionTools tools_;
    Metrics& metrics_;
    std::unordered_set<ConnectionBase*> open_;
    bool stopping_ = false;
    Clock::time_point answers_until_;  // when stopping
};

}  // namespace caas::http
