#include "server.hpp"

#include "../program/report.hpp"
#include "tls.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <thread>

namespace caas::http {

namespace {

using ErrorCode = boost::system::error_code;

constexpr std::chrono::milliseconds kRetry{100};
constexpr std::chrono::seconds kTrim{1};
// The wait for a log that does not take its last lines.
constexpr std::chrono::milliseconds kLastLines{400};
constexpr std::chrono::milliseconds kLastLinesAtOnce{100};
// The wait for the threads that hash passwords, when every connection has ended.
constexpr std::chrono::milliseconds kLastHashes{200};
constexpr rlim_t kOtherFiles = 32;  // besides connections
constexpr rlim_t kFilesEach = 4;    // of a thread

// Tells systemd, if it is what started the service (sd_notify(3)).
void notify(const char* state) { (void)sd_notify(0, state); }

void notify_reloading() {
    timespec now{};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const std::string microseconds = std::to_string(now.tv_sec * 1000000LL + now.tv_nsec / 1000);
    notify(("RELOADING=1\nMONOTONIC_USEC=" + microseconds).c_str());
}

// Each connection takes an open file, and a reload takes some.
std::size_t allowed_connections(std::size_t asked, std::size_t threads) {
    const rlim_t others = kOtherFiles + kFilesEach * threads;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return asked;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= asked + others) return asked;
    const std::size_t allowed = limit.rlim_cur > others ? limit.rlim_cur - others : 1;
    program::warn("the limit of open files, " + std::to_string(limit.rlim_cur) + ", allows " + std::to_string(allowed) +
                  " connections, fewer than --max-connections");
    return allowed;
}

std::size_t thread_count(unsigned asked) {
    return asked != 0 ? asked : std::max(1U, std::thread::hardware_concurrency());
}

// A hash takes a whole processor and tens of MiB: half of the processors stay to other requests.
std::size_t password_thread_count(unsigned asked) {
    constexpr unsigned kMost = 4;
    return asked != 0 ? asked : std::clamp(std::thread::hardware_concurrency() / 2, 1U, kMost);
}

std::size_t max_memory(const ServeOptions& options) {
    if (options.max_memory == 0) return std::max(kMaxMemory, 4 * options.max_body);
    if (options.max_memory < 2 * options.max_body) {
        throw program::usage_error("--max-memory: it must be at least twice --max-body");
    }
    return options.max_memory;
}

// glibc keeps freed memory for later. A fixed threshold makes it return large blocks at once: by default it no longer
// does so once a block of that size has been freed. trim_memory_later() returns smaller ones after a peak; a low trim
// threshold would return and fetch the memory of each batch again.
void return_large_blocks() {
    constexpr int kLarge = 1024 * 1024;
    constexpr int kTrimThreshold = 16 * 1024 * 1024;
    (void)mallopt(M_MMAP_THRESHOLD, kLarge);
    (void)mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
}

// nullptr without a certificate.
TlsContext tls_of(const ServeOptions& options) {
    if (options.tls_cert.empty() != options.tls_key.empty()) {
        throw program::usage_error("--tls-cert and --tls-key belong together");
    }
    return options.tls_cert.empty() ? nullptr : make_tls_context(options.tls_cert, options.tls_key);
}

// Calls renew; false and a warning if it fails, and what was in use before stays.
bool renewed(const std::function<void()>& renew) {
    try {
        renew();
        return true;
    } catch (const program::ProgramError& failure) {
        program::warn(std::string(failure.what()) + "; not reloaded: what was in use before stays");
        return false;
    }
}

}  // namespace

Server::Server(const ServeOptions& options)
    : options_(options),
      limits_{options.max_body, std::chrono::seconds(options.request_timeout),
              std::chrono::seconds(options.idle_timeout)},
      threads_{thread_count(options.threads), password_thread_count(options.password_threads)},
      messages_(metrics_),
      log_(options.access_log, metrics_),
      limiter_(options.rate_limit),
      open_(threads_.workers),
      memory_(max_memory(options)),
      passwords_(threads_.passwords) {
    tls_ = tls_of(options);
    const Worker::Shared shared{log_, metrics_, limiter_, limits_, open_, memory_, passwords_};
    std::vector<EnginePtr> engines = load_engines(options.keyring, threads_.all());
    const auto keys = std::make_shared<const ApiKeys>(ApiKeys::read(options.api_keys));
    for (State& state : states_of(std::move(engines), keys, threads_)) {
        in_use_ = description(state);
        metrics_.active_generation(active_generation(state));
        workers_.push_back(std::make_unique<Worker>(shared, workers_.size(), std::move(state)));
    }
    for (const std::string& address : options.listen) {
        const Listener::Rules rules{.tls = tls_ != nullptr,
                                    .insecure = options.insecure,
                                    .ipv6_only = shares_port_with_ipv4(address, options.listen)};
        accept_loops_.push_back({Listener(context_, address, rules), asio::steady_timer(context_)});
    }
}

void Server::run() {
    max_connections_ = allowed_connections(options_.max_connections, workers_.size());
    max_per_address_ = options_.max_connections_per_address;
    if (max_per_address_ == 0) max_per_address_ = std::max<std::size_t>(1, max_connections_ / 2);
    trim_memory_later();
    running_ = workers_.size();
    passwords_.start();
    for (const auto& worker : workers_) {
        worker->start([this] { asio::post(context_, [this] { on_worker_end(); }); });
    }
    for (AcceptLoop& loop : accept_loops_) {
        accept(loop);
        program::note("listening on " + loop.listener.url());
    }
    program::note("version " + std::string(caas_library_version()) + ", process " + std::to_string(getpid()) + ", " +
                  in_use_);
    wait_for_signal();
    notify("READY=1");
    context_.run();
    for (const auto& worker : workers_) worker->join();
    const bool all_ended = passwords_.finish(Clock::now() + kLastHashes);
    program::note("stopped");
    const std::chrono::milliseconds at_most = at_once_ ? kLastLinesAtOnce : kLastLines;
    log_.finish(at_most);
    messages_.finish(at_most);
    if (!all_ended) std::_Exit(program::kExitOk);  // a hash still runs, and nobody waits for it
}

Worker& Server::next_worker() { return *workers_[next_++ % workers_.size()]; }

void Server::accept(AcceptLoop& loop) {
    if (stopping_) return;
    if (open_.all().open < max_connections_) return accept_one(loop);
    loop.listener.acceptor().async_wait(
        Acceptor::wait_read, [this, &loop](const ErrorCode& error) { error ? accept_later(loop) : make_room(loop); });
}

void Server::accept_one(AcceptLoop& loop) {
    if (stopping_) return;
    Worker& worker = next_worker();
    loop.listener.acceptor().async_accept(worker.context().get_executor(),
                                          [this, &loop, &worker](const ErrorCode& error, Socket socket) {
                                              if (error) return accept_later(loop);
                                              admit(worker, std::move(socket), loop, [this, &loop] { accept(loop); });
                                          });
}

// No file is free, or all connections are at work. The system keeps the clients that wait.
void Server::accept_later(AcceptLoop& loop) {
    if (stopping_) return;
    loop.retry.expires_after(kRetry);
    loop.retry.async_wait([this, &loop](const ErrorCode& error) {
        if (!error) accept(loop);
    });
}

// Closes a connection for the client that waits.
void Server::make_room(AcceptLoop& loop) {
    if (open_.all().open < max_connections_) return accept(loop);
    const auto thread = open_.all().thread_of_longest_idle();
    Worker& worker = thread ? *workers_[*thread] : next_worker();
    worker.make_room(open_.all(), true, [this, &loop](bool closed) {
        asio::post(context_, [this, &loop, closed] {
            if (closed) metrics_.closed_for_others();
            closed ? accept_one(loop) : accept_later(loop);
        });
    });
}

// Connections that the system has accepted would be lost with the listening socket.
void Server::accept_waiting(AcceptLoop& loop) {
    for (ErrorCode error; !error;) {
        Worker& worker = next_worker();
        Socket socket = loop.listener.acceptor().accept(worker.context().get_executor(), error);
        if (!error) admit(worker, std::move(socket), loop, [] {});
    }
}

void Server::admit(Worker& worker, Socket socket, const AcceptLoop& loop, const std::function<void()>& next) {
    ErrorCode error;
    const auto peer = socket.remote_endpoint(error);
    if (error) return next();  // the client has gone
    Arrival arrival{std::move(socket), open_.add(peer), worker, loop.listener.tls() ? tls_ : nullptr};
    if (arrival.token.group().open > max_per_address_)
        return replace_own(std::make_shared<Arrival>(std::move(arrival)), next);
    hand_over(arrival);
    next();
}

// The address has its share already: its longest-idle connection is closed, or the new one if none is idle.
void Server::replace_own(const std::shared_ptr<Arrival>& arrival, const std::function<void()>& next) {
    metrics_.closed_for_others();
    const auto thread = arrival->token.group().thread_of_longest_idle();
    if (!thread) return next();
    workers_[*thread]->make_room(arrival->token.group(), false, [this, arrival, next](bool closed) {
        asio::post(context_, [arrival, next, closed] {
            if (closed) hand_over(*arrival);
            next();
        });
    });
}

void Server::hand_over(Arrival& arrival) {
    arrival.worker.accept(std::move(arrival.token), std::move(arrival.socket), std::move(arrival.tls));
}

// Returns what the allocator keeps to the system after a peak, in this thread because it takes milliseconds.
void Server::trim_memory_later() {
    trim_timer_.expires_after(kTrim);
    trim_timer_.async_wait([this](const ErrorCode& error) {
        if (error) return;
        if (memory_.has_fallen()) (void)malloc_trim(0);
        trim_memory_later();
    });
}

void Server::wait_for_signal() {
    signals_.async_wait([this](const ErrorCode& error, int signal) {
        if (!error) on_signal(signal);
    });
}

void Server::on_signal(int signal) {
    try {
        if (signal == SIGHUP && !stopping_) return reload();  // which waits for the next signal when it is done
        if (signal != SIGHUP) stop();
    } catch (const std::exception&) {
        program::warn("not reloaded: out of memory");
        metrics_.reloaded(false);
        notify("READY=1");
    }
    wait_for_signal();
}

void Server::reload() {
    notify_reloading();
    const bool log = renewed([this] { log_.reopen(); });
    const bool certificate = renewed([this] { tls_ = tls_of(options_); });
    std::vector<State> states = load_what_can_be_used(options_.keyring, options_.api_keys, threads_);
    const bool well = log && certificate && states.front().engine && states.front().api_keys;
    metrics_.active_generation(active_generation(states.front()));
    in_use_ = description(states.front());
    replacing_ = workers_.size();
    for (std::size_t i = 0; i < workers_.size(); i++) {
        workers_[i]->replace(std::move(states[i]),
                             [this, well] { asio::post(context_, [this, well] { on_reloaded(well); }); });
    }
}

void Server::on_reloaded(bool well) {
    if (--replacing_ != 0) return;
    metrics_.reloaded(well);
    if (well) program::note("reloaded: " + in_use_);
    notify("READY=1");
    wait_for_signal();
}

// The second call ends the service at once.
void Server::stop() {
    if (stopping_) {
        at_once_ = true;
        for (const auto& worker : workers_) worker->stop_at_once();
        return;
    }
    notify("STOPPING=1");
    stopping_ = true;
    for (AcceptLoop& loop : accept_loops_) {
        accept_waiting(loop);
        loop.listener.close();
        loop.retry.cancel();
    }
    // Posted, because accepted connections that wait to be handed over come first.
    asio::post(context_, [this] {
        for (const auto& worker : workers_) worker->stop();
    });
}

// Stops the event loop. Cancelling the timer and the wait for signals is not enough: a handler that is queued already
// would wait again.
void Server::on_worker_end() {
    if (--running_ == 0) context_.stop();
}

int serve(const ServeOptions& options) {
    if (options.check) {
        (void)load_engines(options.keyring, 1);
        (void)ApiKeys::read(options.api_keys);
        (void)tls_of(options);
        program::note("the files can be used");
        return program::kExitOk;
    }
    (void)std::signal(SIGPIPE, SIG_IGN);  // writing to a pipe without a reader fails instead
    return_large_blocks();
    Server(options).run();
    return program::kExitOk;
}

}  // namespace caas::http
