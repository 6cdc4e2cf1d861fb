// The main thread of the service: accepts connections for the workers, and handles signals.
#pragma once
#include "listener.hpp"
#include "message_log.hpp"
#include "serve_options.hpp"
#include "worker.hpp"

#include <boost/asio/signal_set.hpp>

#include <list>
#include <memory>
#include <vector>

namespace caas::http {

class Server {
public:
    // Throws program::ProgramError for a file or an address that cannot be used.
    explicit Server(const ServeOptions& options);
    // Returns when a signal has ended the service.
    void run();

private:
    // A listening socket, and the time of the next attempt when it cannot accept now.
    struct AcceptLoop {
        Listener listener;
        asio::steady_timer retry;
    };

    void accept(AcceptLoop& loop);
    void accept_later(AcceptLoop& loop);
    void accept_waiting(AcceptLoop& loop);
    void hand_over(Worker& worker, Socket socket, const AcceptLoop& loop);
    Worker& next_worker();
    void wait_for_signal();
    void on_signal(int signal);
    void reload();
    void on_reloaded(bool well);
    void stop();
    void on_worker_end();

    const ServeOptions options_;
    const Limits limits_;
    Metrics metrics_;
    MessageLog messages_;
    LogFile log_;
    RateLimiter limiter_;
    OpenCount open_{0};
    TlsContext tls_;
    std::vector<std::unique_ptr<Worker>> workers_;
    asio::io_context context_{1};
    asio::signal_set signals_{context_, SIGHUP, SIGTERM, SIGINT};
    std::list<AcceptLoop> accept_loops_;
    std::string in_use_;  // the description of the keyring and the API keys, for notes
    std::size_t max_connections_ = 0;
    std::size_t next_ = 0, running_ = 0, replacing_ = 0;
    bool stopping_ = false, at_once_ = false;
};

}  // namespace caas::http
