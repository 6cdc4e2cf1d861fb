#include "worker.hpp"

#include "../program/report.hpp"
#include "stack.hpp"

#include <boost/asio/post.hpp>

namespace caas::http {

namespace {

// The precision of time limits, and the longest delay of a line of the access log.
constexpr std::chrono::milliseconds kTick{100};

}  // namespace

Worker::Worker(const Shared& shared, std::size_t number, State state)
    : log_(shared.log),
      handler_(shared.metrics, shared.limiter),
      connections_({.thread = number,
                    .all = shared.open.all(),
                    .handler = handler_,
                    .log = log_,
                    .requests = RequestMetrics(shared.metrics),
                    .limits = shared.limits,
                    .memory = shared.memory,
                    .passwords = shared.passwords},
                   shared.metrics) {
    handler_.replace(std::move(state));
}

void Worker::start(std::function<void()> on_end) {
    wait_for_tick();
    thread_ = std::thread([this, on_end = std::move(on_end)] {
        run();
        log_.flush();
        on_end();
    });
}

void Worker::run() {
    for (bool ended = false; !ended;) {
        try {
            context_.run();
            ended = true;
        } catch (const std::exception&) {  // out of memory: only the connection concerned is closed
            program::warn("a connection was closed after an unexpected failure");
        }
    }
}

void Worker::accept(OpenToken token, Socket socket, TlsContext tls) {
    asio::post(context_, [this, token = std::move(token), socket = std::move(socket), tls = std::move(tls)]() mutable {
        connections_.open(std::move(token), std::move(socket), tls);
    });
}

// done is called when the handlers of the closed connection have run, and it no longer counts as open.
void Worker::make_room(ConnectionGroup& group, bool or_slow, std::function<void(bool closed)> done) {
    asio::post(context_, [this, &group, or_slow, done = std::move(done)]() mutable {
        const bool closed =
            connections_.close_longest_idle(group) || (or_slow && connections_.close_slowest(Clock::now()));
        asio::post(context_, [closed, done = std::move(done)] { done(closed); });
    });
}

void Worker::replace(State state, std::function<void()> done) {
    asio::post(context_, [this, state = std::move(state), done = std::move(done)]() mutable {
        handler_.replace(std::move(state));
        log_.flush();
        done();
    });
}

void Worker::stop() {
    asio::post(context_, [this] { connections_.stop(Clock::now()); });
}

void Worker::wait_for_tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) tick();
    });
}

void Worker::tick() {
    wait_for_tick();  // first, so that deadlines are kept if something below fails
    connections_.tick(Clock::now());
    log_.flush();
    cleanse_stack();
    if (connections_.stopping() && connections_.count() == 0) {  // nothing is left to wait for
        timer_.cancel();
        work_.reset();
    }
}

}  // namespace caas::http
