// One thread of the service, with its event loop, connections and engine.
#pragma once
#include "connection.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <thread>

namespace caas::http {

class Worker {
public:
    // Shared by all workers.
    struct Shared {
        LogFile& log;
        Metrics& metrics;
        RateLimiter& limiter;
        const Limits& limits;
        OpenConnections& open;
        MemoryBudget& memory;
        PasswordThreads& passwords;
    };

    Worker(const Shared& shared, std::size_t number, State state);

    asio::io_context& context() { return context_; }
    // on_end runs in the thread, at its end.
    void start(std::function<void()> on_end);
    void join() { thread_.join(); }

    // Other threads may call these; the worker does what they ask for in the order of the calls.
    void accept(OpenToken token, Socket socket, TlsContext tls);
    // Closes the longest-idle connection of the group. Where none is idle it closes a slow one, if or_slow.
    void make_room(ConnectionGroup& group, bool or_slow, std::function<void(bool closed)> done);
    void replace(State state, std::function<void()> done);
    // Ends the thread once every connection has ended.
    void stop();
    void stop_at_once() { context_.stop(); }

private:
    void run();
    void wait_for_tick();
    void tick();

    AccessLog log_;
    Handler handler_;
    Connections connections_;
    // Declared after what connections refer to, because it destroys them.
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    asio::steady_timer timer_{context_};
    std::thread thread_;
};

}  // namespace caas::http
