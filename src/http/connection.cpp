#include "connection.hpp"

#include "request.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>

namespace caas::http {

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using ErrorCode = boost::system::error_code;
using TlsStream = asio::ssl::stream<Socket>;

constexpr std::size_t kHeaderBytes = std::size_t{8} * 1024;
constexpr std::size_t kSmallRead = std::size_t{2} * 1024;  // what a connection that waits for a request keeps
constexpr std::size_t kLargeRead = std::size_t{64} * 1024;
constexpr std::size_t kShortestChunked = 5;
constexpr std::size_t kMostBlankLines = 4;
constexpr std::size_t kBufferBytes = kHeaderBytes + kLargeRead;
constexpr std::chrono::seconds kLastRequest{1};  // how long one that ends waits for a request that is on its way
constexpr std::chrono::seconds kLinger{2};
constexpr std::chrono::seconds kLastLinger{1};  // the same when the service ends

ProblemId problem_for_parse_error(const ErrorCode& error) {
    if (error == http::error::body_limit) return ProblemId::body_too_large;
    if (error == http::error::header_limit) return ProblemId::headers_too_large;
    return ProblemId::bad_request;
}

unsigned retry_after(ProblemId problem) { return problem == ProblemId::busy ? 1 : 0; }

// Refuses line ends in a quoted value: Beast takes any byte there, but a proxy may see the end of the line.
void check_chunk_extension(std::uint64_t, beast::string_view extension, ErrorCode& error) {
    if (extension.find_first_of("\r\n") != beast::string_view::npos) error = http::error::bad_chunk_extension;
}

template <typename Stream>
class Connection : public ConnectionBase, public std::enable_shared_from_this<Connection<Stream>> {
public:
    template <typename... Arguments>
    Connection(Connections& all, OpenToken token, Socket socket, Arguments&... arguments)
        : ConnectionBase(std::move(token)),
          all_(all),
          memory_(all.tools().memory),
          stream_(std::move(socket), arguments...) {
        all_.add(this);
    }
    ~Connection() override { all_.remove(this); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void start();
    void on_tick(Clock::time_point now) override;
    void on_stop(Clock::time_point now) override;
    void close() override;

private:
    enum class Phase { handshake, idle, reading, working, writing, closing };
    static constexpr bool kTls = !std::is_same_v<Stream, Socket>;

    ConnectionTools& tools() { return all_.tools(); }
    Socket& socket() {
        if constexpr (kTls) {
            return stream_.next_layer();
        } else {
            return stream_;
        }
    }
    void enter(Phase phase, std::chrono::seconds at_most) {
        const Clock::time_point now = Clock::now();
        phase_ = phase;
        deadline_ = now + at_most;
        const bool busy = phase == Phase::reading || phase == Phase::working || phase == Phase::writing;
        all_.set_idle(*this, !busy, now);
    }
    // True if the client has sent a further request: when the service ends, it is answered too, until a deadline.
    bool has_more() {
        ErrorCode ignored;
        return Clock::now() < all_.answers_until() && (buffer_.size() > 0 || socket().available(ignored) > 0);
    }
    // The room for the next read doubles with the body: unused room costs memory, and time for its cleansing.
    std::size_t body_room() const { return std::clamp(parser_->get().body().size(), kSmallRead, kLargeRead); }
    bool take_memory(std::size_t body_or_answer, MemoryBudget::Use use) {
        return memory_.resize(buffer_.capacity() + body_or_answer, use);
    }
    void next_request();
    bool skip_blank_lines();
    void begin_request();
    void read_more(std::size_t bytes);
    void on_read(const ErrorCode& error, std::size_t bytes);
    void parse();
    void on_head();
    void on_request();
    void proceed_with_batch();
    void wait_for_hash(const std::shared_ptr<PasswordWork>& work);
    void on_hash_end();
    void answer_request(Answer answer);
    void refuse(ProblemId problem);
    void send(Answer answer, Microseconds taken, bool keep_alive);
    void send_continue();
    void finish();
    void drain();

    Connections& all_;
    MemoryShare memory_;
    Stream stream_;
    Head head_;
    Phase phase_ = Phase::handshake;
    Clock::time_point deadline_ = Clock::now();
    beast::flat_buffer buffer_{kBufferBytes};
    std::optional<http::request_parser<GrowingBody>> parser_;
    std::unique_ptr<Batch> batch_;            // the one that is being worked on
    std::shared_ptr<PasswordWork> password_;  // the one that is waited for, until the timer ends
    std::unique_ptr<asio::steady_timer> hash_end_;
    Clock::time_point request_begun_;
    std::shared_ptr<const std::string> answer_head_;
    std::string answer_body_;
    void (*chunk_check_)(std::uint64_t, beast::string_view, ErrorCode&) = check_chunk_extension;
    std::size_t head_bytes_ = 0;   // of this request, read by the parser
    std::size_t blank_lines_ = 0;  // before this request
    bool body_begun_ = false;
    bool timed_out_ = false;
};

template <typename Stream>
void Connection<Stream>::start() {
    if constexpr (kTls) {
        enter(Phase::handshake, tools().limits.request_timeout);
        stream_.async_handshake(asio::ssl::stream_base::server,
                                [self = this->shared_from_this()](const ErrorCode& error) {
                                    if (!error) self->next_request();
                                });
    } else {
        next_request();
    }
}

template <typename Stream>
void Connection<Stream>::next_request() {
    parser_.emplace();
    head_bytes_ = 0;
    blank_lines_ = 0;
    parser_->header_limit(kHeaderBytes);
    parser_->body_limit(tools().limits.body_bytes);
    parser_->on_chunk_header(chunk_check_);
    if (skip_blank_lines()) {  // the client does not wait for answers
        begin_request();
        return parse();
    }
    buffer_.shrink_to_fit();  // frees, and thereby cleanses, the bytes of the last request
    enter(Phase::idle,
          all_.stopping() ? std::min(kLastRequest, tools().limits.idle_timeout) : tools().limits.idle_timeout);
    read_more(kSmallRead);
}

// Skips the empty lines that old clients send after a body (RFC 9112, section 2.2). True where a request follows.
template <typename Stream>
bool Connection<Stream>::skip_blank_lines() {
    const auto rest = [this] {
        return std::string_view(static_cast<const char*>(buffer_.cdata().data()), buffer_.size());
    };
    for (; blank_lines_ < kMostBlankLines && rest().starts_with("\r\n"); blank_lines_++) buffer_.consume(2);
    return !rest().empty() && (blank_lines_ == kMostBlankLines || rest() != "\r");
}

template <typename Stream>
void Connection<Stream>::begin_request() {
    enter(Phase::reading, tools().limits.request_timeout);
}

template <typename Stream>
void Connection<Stream>::read_more(std::size_t bytes) {
    if (buffer_.size() + bytes > kBufferBytes) return refuse(ProblemId::bad_request);  // a chunk's head without an end
    const auto room = buffer_.prepare(bytes);
    if (!take_memory(parser_->get().body().capacity(), MemoryBudget::Use::request)) return refuse(ProblemId::busy);
    stream_.async_read_some(room, [self = this->shared_from_this()](const ErrorCode& error, std::size_t got) {
        self->on_read(error, got);
    });
}

template <typename Stream>
void Connection<Stream>::on_read(const ErrorCode& error, std::size_t bytes) {
    if (timed_out_) return refuse(ProblemId::request_timeout);
    if (error) return;  // the client has gone; the last reference closes the socket
    buffer_.commit(bytes);
    if (phase_ == Phase::idle) {
        if (!skip_blank_lines()) return read_more(kSmallRead);
        begin_request();
    }
    parse();
}

// One call of the parser reads the head, the next ones the body.
template <typename Stream>
void Connection<Stream>::parse() {
    const bool in_head = !parser_->is_header_done();
    // Up to Boost 1.74 an empty chunked body that comes in pieces fails an assertion. None is shorter than "0\r\n\r\n".
    if (!in_head && !body_begun_ && parser_->chunked() && buffer_.size() < kShortestChunked)
        return read_more(kSmallRead);
    body_begun_ = !in_head;
    ErrorCode error;
    const auto bytes = buffer_.data();
    const std::size_t used = parser_->put(bytes, error);
    const bool folded = in_head && has_folded_line({static_cast<const char*>(bytes.data()), used});
    buffer_.consume(used);
    if (error && error != http::error::need_more) return refuse(problem_for_parse_error(error));
    if (in_head) {
        head_bytes_ += used;
        // Beast's own limit is not exact: it counts what it has in hand.
        const std::size_t rest = parser_->is_header_done() ? 0 : buffer_.size();
        if (head_bytes_ + rest > kHeaderBytes) return refuse(ProblemId::headers_too_large);
    }
    if (folded) return refuse(ProblemId::bad_request);
    if (in_head && parser_->is_header_done()) return on_head();
    if (parser_->is_done()) return on_request();
    read_more(parser_->is_header_done() ? body_room() : kSmallRead);
}

template <typename Stream>
void Connection<Stream>::on_head() {
    auto& request = parser_->get();
    const RequestLines lines(request);
    head_ = lines.head();  // here, because trailer fields of a chunked body must not count
    if (!lines.clear()) return refuse(ProblemId::bad_request);
    if (parser_->is_done()) return on_request();
    parser_->eager(true);
    if (buffer_.size() > 0 || !lines.waits()) {
        return buffer_.size() > 0 ? parse() : read_more(body_room());
    }
    if (auto refusal = tools().handler.refuse(head_)) {
        send(std::move(*refusal), Microseconds(0), false);
    } else {
        send_continue();
    }
}

template <typename Stream>
void Connection<Stream>::send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = this->shared_from_this()](const ErrorCode& error, std::size_t) {
                          if (!error) self->read_more(self->body_room());
                      });
}

template <typename Stream>
void Connection<Stream>::on_request() {
    request_begun_ = Clock::now();
    Work work = tools().handler.handle(head_, parser_->get().body());
    if (auto* answer = std::get_if<Answer>(&work)) return answer_request(std::move(*answer));
    enter(Phase::working, tools().limits.request_timeout);
    if (auto* password = std::get_if<std::shared_ptr<PasswordWork>>(&work)) return wait_for_hash(*password);
    batch_ = std::move(std::get<std::unique_ptr<Batch>>(work));
    proceed_with_batch();
}

// A batch takes its turn with whatever else waits for this thread. When the connection is closed, its batch ends.
template <typename Stream>
void Connection<Stream>::proceed_with_batch() {
    asio::post(socket().get_executor(), [self = this->shared_from_this()] {
        if (!self->socket().is_open()) return self->batch_.reset();
        auto answer = self->batch_->proceed();
        if (!answer) return self->proceed_with_batch();
        self->batch_.reset();
        self->answer_request(std::move(*answer));
    });
}

// The hashing thread cancels a timer that would never end, by way of this thread. The timer refers to the connection;
// the hashing thread must not, because a connection has to end in its own thread.
template <typename Stream>
void Connection<Stream>::wait_for_hash(const std::shared_ptr<PasswordWork>& work) {
    std::string().swap(parser_->get().body());
    const bool accepted =
        tools().passwords.submit(work, [executor = socket().get_executor(), weak = this->weak_from_this(), work] {
            asio::post(executor, [weak, work] {
                const auto self = weak.lock();
                if (self && self->password_ == work) self->hash_end_->cancel();
            });
        });
    if (!accepted) return answer_request(work->refusal());
    password_ = work;
    hash_end_ = std::make_unique<asio::steady_timer>(socket().get_executor(), Clock::time_point::max());
    hash_end_->async_wait([self = this->shared_from_this()](const ErrorCode&) { self->on_hash_end(); });
}

// The hash is computed, its time is over, or the connection is closed.
template <typename Stream>
void Connection<Stream>::on_hash_end() {
    const std::shared_ptr<PasswordWork> work = std::move(password_);
    hash_end_.reset();
    tools().passwords.withdraw(*work);
    if (socket().is_open()) answer_request(work->computed() ? work->answer() : work->refusal());
}

template <typename Stream>
void Connection<Stream>::answer_request(Answer answer) {
    const auto& request = parser_->get();
    const auto taken = std::chrono::duration_cast<Microseconds>(Clock::now() - request_begun_);
    send(std::move(answer), taken, request.version() >= 11 && request.keep_alive() && (!all_.stopping() || has_more()));
}

// Answers what is not a whole request, and ends the connection.
template <typename Stream>
void Connection<Stream>::refuse(ProblemId problem) {
    timed_out_ = false;
    // Beast checks the announced length when it has read the rest of the head.
    const bool too_large = problem == ProblemId::body_too_large;
    const Head head = too_large || parser_->is_header_done() ? RequestLines(parser_->get()).head() : Head();
    if (too_large) {
        if (auto refusal = tools().handler.refuse(head)) return send(std::move(*refusal), Microseconds(0), false);
    }
    buffer_.clear();
    buffer_.shrink_to_fit();
    send(Handler::refusal({problem, nullptr, retry_after(problem)}, head.route), Microseconds(0), false);
}

template <typename Stream>
void Connection<Stream>::send(Answer answer, Microseconds taken, bool keep_alive) {
    std::string().swap(parser_->get().body());
    if (!take_memory(answer.body.size(), MemoryBudget::Use::answer)) {
        Answer busy = Handler::refusal({ProblemId::busy, nullptr, retry_after(ProblemId::busy)}, answer.route);
        busy.client = std::move(answer.client);
        answer = std::move(busy);
        (void)take_memory(answer.body.size(), MemoryBudget::Use::answer);
    }
    tools().log.add(answer, taken);
    tools().requests.add(answer.route, answer.status, taken);
    answer_head_ = tools().heads.of(answer, keep_alive);
    answer_body_ = parser_->get().method() == http::verb::head ? "" : std::move(answer.body);
    enter(Phase::writing, tools().limits.request_timeout);
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(*answer_head_), asio::buffer(answer_body_)};
    asio::async_write(stream_, buffers,
                      [self = this->shared_from_this(), keep_alive](const ErrorCode& error, std::size_t) {
                          if (error) return;
                          std::string().swap(self->answer_body_);
                          keep_alive ? self->next_request() : self->finish();
                      });
}

// Tells the client that nothing more comes, and waits until it closes: closing with unread bytes would reset the
// connection, and the client might lose the answer.
template <typename Stream>
void Connection<Stream>::finish() {
    enter(Phase::closing, kLinger);
    parser_.reset();
    (void)take_memory(0, MemoryBudget::Use::request);
    if constexpr (kTls) {
        stream_.async_shutdown([self = this->shared_from_this()](const ErrorCode&) { self->drain(); });
    } else {
        drain();
    }
}

template <typename Stream>
void Connection<Stream>::drain() {
    ErrorCode error;
    socket().shutdown(Socket::shutdown_send, error);
    if (error) return;
    buffer_.clear();
    socket().async_read_some(buffer_.prepare(kSmallRead),
                             [self = this->shared_from_this()](const ErrorCode& end, std::size_t) {
                                 if (!end) self->drain();
                             });
}

template <typename Stream>
void Connection<Stream>::close() {
    ErrorCode ignored;
    socket().close(ignored);
    if (hash_end_) hash_end_->cancel();
}

template <typename Stream>
void Connection<Stream>::on_tick(Clock::time_point now) {
    if (now < deadline_) return;
    if (phase_ == Phase::reading && !timed_out_) {
        timed_out_ = true;
        ErrorCode ignored;
        socket().cancel(ignored);  // on_read answers
    } else if (hash_end_) {
        hash_end_->cancel();  // on_hash_end answers
    } else {
        close();
    }
}

template <typename Stream>
void Connection<Stream>::on_stop(Clock::time_point now) {
    if (phase_ == Phase::idle) deadline_ = std::min(deadline_, now + kLastRequest);
}

}  // namespace

void Connections::open(OpenToken token, Socket socket, const TlsContext& tls) {
    ErrorCode ignored;  // a Unix socket has no such option
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (tls) {
        std::make_shared<Connection<TlsStream>>(*this, std::move(token), std::move(socket), *tls)->start();
    } else {
        std::make_shared<Connection<Socket>>(*this, std::move(token), std::move(socket))->start();
    }
}

void Connections::add(ConnectionBase* connection) {
    open_.insert(connection);
    metrics_.connections(1);
}

void Connections::remove(ConnectionBase* connection) {
    set_idle(*connection, false, {});
    open_.erase(connection);
    metrics_.connections(-1);
}

void Connections::set_idle(ConnectionBase& connection, bool idle, Clock::time_point now) {
    if (idle) {
        tools_.all.add_idle(tools_.thread, connection.among_all_, now);
        connection.group().add_idle(tools_.thread, connection.in_group_, now);
    } else {
        tools_.all.remove_idle(tools_.thread, connection.among_all_);
        connection.group().remove_idle(tools_.thread, connection.in_group_);
        connection.among_all_.since = now;
    }
}

// The connection leaves the idle ones at once, though it exists until its last handler has run.
void Connections::close(ConnectionBase& connection) {
    set_idle(connection, false, connection.since());
    connection.close();
}

bool Connections::close_longest_idle(const ConnectionGroup& group) {
    ConnectionBase* connection = group.longest_idle(tools_.thread);
    if (connection == nullptr) return false;
    close(*connection);
    return true;
}

bool Connections::close_slowest(Clock::time_point now) {
    constexpr std::chrono::seconds kQuick{1};
    ConnectionBase* slowest = nullptr;
    for (ConnectionBase* connection : open_) {
        if (slowest == nullptr || connection->since() < slowest->since()) slowest = connection;
    }
    if (slowest == nullptr || now - slowest->since() < kQuick) return false;
    close(*slowest);
    return true;
}

void Connections::tick(Clock::time_point now) {
    if (stopping_ && now >= answers_until_ + kLastLinger) now = Clock::time_point::max();
    for (ConnectionBase* connection : open_) connection->on_tick(now);
}

void Connections::stop(Clock::time_point now) {
    stopping_ = true;
    answers_until_ = now + tools_.limits.request_timeout;
    for (ConnectionBase* connection : open_) connection->on_stop(now);
}

}  // namespace caas::http
