// The main thread of the service: accepts connections for the workers, and handles signals.
#pragma once
#include "listener.hpp"
#include "message_log.hpp"
#include "serve_options.hpp"
#include "state.hpp"
#include "worker.hpp"

#include <boost/asio/signal_set.hpp>

#include <functional>
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

    // A connection on its way to a worker.
    struct Arrival {
        Socket socket;
        OpenToken token;
        Worker& worker;
        TlsContext tls;
    };

    void accept(AcceptLoop& loop);
    void accept_one(AcceptLoop& loop);
    void accept_later(AcceptLoop& loop);
    void accept_waiting(AcceptLoop& loop);
    void make_room(AcceptLoop& loop);
    // Calls next when the connection has been handed over or closed.
    void admit(Worker& worker, Socket socket, const AcceptLoop& loop, const std::function<void()>& next);
    void replace_own(const std::shared_ptr<Arrival>& arrival, const std::function<void()>& next);
    static void hand_over(Arrival& arrival);
    Worker& next_worker();
    void trim_memory_later();
    void wait_for_signal();
    void on_signal(int signal);
    void reload();
    void on_reloaded(bool well);
    void stop();
    void on_worker_end();

    const ServeOptions options_;
    const Limits limits_;
    const ThreadCounts threads_;
    Metrics metrics_;
    MessageLog messages_;
    LogFile log_;
    RateLimiter limiter_;
    OpenConnections open_;
    MemoryBudget memory_;
    TlsContext tls_;
    PasswordThreads passwords_;
    std::vector<std::unique_ptr<Worker>> workers_;
    asio::io_context context_{1};
    asio::signal_set signals_{context_, SIGHUP, SIGTERM, SIGINT};
    std::list<AcceptLoop> accept_loops_;
    std::string in_use_;  // the description of the keyring and the API keys, for notes
    asio::steady_timer trim_timer_{context_};
    std::size_t max_connections_ = 0, max_per_address_ = 0;
    std::size_t next_ = 0, running_ = 0, replacing_ = 0;
    bool stopping_ = false, at_once_ = false;
};

}  // namespace caas::http
