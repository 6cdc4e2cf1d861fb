#include "worker.hpp"

#include "../program/report.hpp"

#include <openssl/crypto.h>
#include <boost/asio/post.hpp>

#include <array>

namespace caas::http {

namespace {

// How exact time limits are, and how late a line of the access log may be.
constexpr std::chrono::milliseconds kTick{100};

// What calls before have left on the stack below: OpenSSL, Asio (8 KiB of an answer under TLS) and JSON keep data
// there.
[[gnu::noinline]] void cleanse_stack() {
    std::array<unsigned char, std::size_t{64} * 1024> dead;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    OPENSSL_cleanse(dead.data(), dead.size());
}

}  // namespace

Worker::Worker(LogFile& log, Metrics& metrics, RateLimiter& limiter, const Limits& limits, State state)
    : log_(log), handler_(metrics, limiter), connections_({handler_, log_, RequestMetrics(metrics), limits}, metrics) {
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
        } catch (const std::exception&) {  // out of memory: the connection that met it is closed, the others go on
            program::warn("a connection was closed after an unexpected failure");
        }
    }
}

void Worker::accept(OpenToken token, Socket socket, TlsContext tls) {
    asio::post(context_, [this, token = std::move(token), socket = std::move(socket), tls = std::move(tls)]() mutable {
        connections_.open(std::move(token), std::move(socket), tls);
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
    wait_for_tick();  // first: whatever fails below, deadlines go on
    connections_.tick(Clock::now());
    log_.flush();
    cleanse_stack();
    if (connections_.stopping() && connections_.count() == 0) {  // nothing waits any more
        timer_.cancel();
        work_.reset();
    }
}

}  // namespace caas::http
