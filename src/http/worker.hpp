// One thread: its connections, its engine, its clock.
#pragma once
#include "connection.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <thread>

namespace caas::http {

class Worker {
public:
    Worker(LogFile& log, Metrics& metrics, RateLimiter& limiter, const Limits& limits, State state);

    asio::io_context& context() { return context_; }
    // on_end runs in the thread, last.
    void start(std::function<void()> on_end);
    void join() { thread_.join(); }

    // These may be called from another thread; what they ask for is done in the order of the calls.
    void accept(OpenToken token, Socket socket, TlsContext tls);
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
    // After what connections refer to: they end with it.
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    asio::steady_timer timer_{context_};
    std::thread thread_;
};

}  // namespace caas::http
