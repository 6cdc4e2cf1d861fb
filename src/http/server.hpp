// The service as a whole: it accepts connections, heeds signals, and keeps the workers up to date.
#pragma once
#include "listener.hpp"
#include "serve_options.hpp"
#include "worker.hpp"

#include <boost/asio/signal_set.hpp>

#include <list>
#include <memory>
#include <vector>

namespace caas::http {

class Server {
public:
    // Throws program::ProgramError for whatever cannot be used.
    explicit Server(const ServeOptions& options);
    // Until a signal ends it.
    void run();

private:
    struct Gate {
        Listener listener;
        asio::steady_timer timer;
    };

    void accept(Gate& gate);
    void accept_later(Gate& gate);
    void accept_waiting(Gate& gate);
    void hand_over(Worker& worker, Socket socket, const Gate& gate);
    Worker& next_worker();
    void wait_for_signal();
    void on_signal(int signal);
    void reload();
    void on_reloaded(bool well);
    void stop();
    void on_worker_end();

    const ServeOptions options_;
    const Limits limits_;
    LogFile log_;
    Metrics metrics_;
    RateLimiter limiter_;
    OpenCount open_{0};
    TlsContext tls_;
    std::vector<std::unique_ptr<Worker>> workers_;
    asio::io_context context_{1};
    asio::signal_set signals_{context_, SIGHUP, SIGTERM, SIGINT};
    std::list<Gate> gates_;
    std::string in_use_;  // what is said of it
    std::size_t max_connections_ = 0;
    std::size_t next_ = 0, running_ = 0, replacing_ = 0;
    bool stopping_ = false;
};

}  // namespace caas::http
