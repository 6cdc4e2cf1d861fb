#include "line_writer.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>

namespace caas::http {

namespace {

// How often a thread that waits for its file looks whether it should stop.
constexpr int kPollMilliseconds = 100;
constexpr std::chrono::milliseconds kLastWrites{700};

std::size_t count_lines(std::string_view text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

struct Sink {
    program::Descriptor file;
    struct stat status {};

    explicit Sink(program::Descriptor opened) : file(std::move(opened)) { (void)fstat(file.get(), &status); }
    bool same_file_as(const Sink& other) const {
        return status.st_dev == other.status.st_dev && status.st_ino == other.status.st_ino;
    }
};

// The whole lines at the start of text that one write should take. When poll() says that a pipe has room, it takes up
// to PIPE_BUF bytes at once: such a write neither waits nor cuts a line.
std::string_view next_piece(const Sink& sink, std::string_view text) {
    if (S_ISREG(sink.status.st_mode) || text.size() <= PIPE_BUF) return text;
    const std::size_t end = text.rfind('\n', PIPE_BUF - 1);
    return text.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
}

struct Written {
    std::size_t bytes;
    int error;  // an errno; 0 also when the sink takes nothing now
};

// Does not set O_NONBLOCK: the processes that share an inherited descriptor would get it too.
Written write_some(const Sink& sink, std::string_view text) {
    pollfd ready{.fd = sink.file.get(), .events = POLLOUT, .revents = 0};
    if (!S_ISREG(sink.status.st_mode) && poll(&ready, 1, kPollMilliseconds) <= 0) return {0, 0};
    const ssize_t written = S_ISSOCK(sink.status.st_mode)
                                ? send(ready.fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                : ::write(ready.fd, text.data(), text.size());
    if (written >= 0) return {static_cast<std::size_t>(written), 0};
    return {0, errno == EAGAIN || errno == EINTR ? 0 : errno};
}

}  // namespace

struct LineWriter::State {
    using Lock = std::unique_lock<std::mutex>;

    std::mutex mutex;
    std::condition_variable changed;
    std::shared_ptr<const Sink> sink;
    std::deque<std::string> queue;
    std::size_t room;  // bytes that the queue may still take
    Events events;
    std::size_t lost = 0;    // lines since the loss began
    bool cut = false;        // the last line in the file has no end
    bool stopping = false;   // write what is queued and end
    bool abandoned = false;  // touch nothing any more
    bool ended = false;

    State(program::Descriptor first, std::size_t queue_bytes, Events told)
        : sink(std::make_shared<const Sink>(std::move(first))), room(queue_bytes), events(std::move(told)) {}

    void lose(std::size_t lines, int error) {
        if (lost == 0) events.loss_begins(error);
        lost += lines;
        events.dropped(lines);
    }
    void run();
    bool write_all(Lock& lock, std::string text);
    void end_loss();
};

void LineWriter::State::run() {
    Lock lock(mutex);
    for (;;) {
        changed.wait(lock, [this] { return stopping || !queue.empty(); });
        if (queue.empty()) break;
        std::string lines = std::move(queue.front());
        const std::size_t size = lines.size();
        queue.pop_front();
        const bool well = write_all(lock, std::move(lines));
        if (abandoned) return;
        room += size;
        if (well && queue.empty() && lost != 0) end_loss();
    }
    ended = true;
    changed.notify_all();
}

// False where something was lost. Holds the lock except while it waits or writes.
bool LineWriter::State::write_all(Lock& lock, std::string text) {
    if (cut) text.insert(text.begin(), '\n');
    std::size_t at = 0;
    std::shared_ptr<const Sink> used = sink;
    while (at < text.size()) {
        if (used != sink && at != 0) at = text.rfind('\n', at - 1) + 1;  // a new file begins with a whole line
        used = sink;
        lock.unlock();
        const Written written = write_some(*used, next_piece(*used, std::string_view(text).substr(at)));
        lock.lock();
        if (abandoned) return false;
        if (written.bytes > 0) cut = text[at + written.bytes - 1] != '\n';
        at += written.bytes;
        if (written.error != 0) {
            lose(count_lines(std::string_view(text).substr(at)), written.error);
            return false;
        }
    }
    return true;
}

void LineWriter::State::end_loss() {
    std::string line = events.loss_ends(lost);
    lost = 0;
    if (line.empty()) return;
    room -= std::min(room, line.size());
    queue.push_back(std::move(line));
}

LineWriter::LineWriter(program::Descriptor file, std::size_t queue_bytes, Events events)
    : state_(std::make_shared<State>(std::move(file), queue_bytes, std::move(events))),
      thread_([state = state_] { state->run(); }) {}

LineWriter::~LineWriter() { finish(kLastWrites); }

void LineWriter::write(std::string_view lines) noexcept {
    const std::lock_guard lock(state_->mutex);
    try {
        if (lines.size() > state_->room) return state_->lose(count_lines(lines), 0);
        state_->queue.emplace_back(lines);
        state_->room -= lines.size();
        state_->changed.notify_all();
    } catch (const std::bad_alloc&) {
        state_->lose(count_lines(lines), ENOMEM);
    }
}

void LineWriter::replace(program::Descriptor file) {
    auto replacement = std::make_shared<const Sink>(std::move(file));
    const std::lock_guard lock(state_->mutex);
    state_->cut = state_->cut && replacement->same_file_as(*state_->sink);
    state_->sink = std::move(replacement);
}

void LineWriter::finish(std::chrono::milliseconds at_most) {
    if (!thread_.joinable()) return;
    {
        std::unique_lock lock(state_->mutex);
        state_->stopping = true;
        state_->changed.notify_all();
        // ThreadSanitizer does not know the wait by std::chrono::steady_clock.
        (void)state_->changed.wait_until(lock, std::chrono::system_clock::now() + at_most,
                                         [this] { return state_->ended; });
        state_->abandoned = !state_->ended;
    }
    state_->abandoned ? thread_.detach() : thread_.join();
}

}  // namespace caas::http
