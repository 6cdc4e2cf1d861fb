// `caas table status --watch`: the tables on the whole terminal, drawn anew every second.
#include "signal_queue.hpp"
#include "table_status.hpp"
#include "terminal_text.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace caas::cli {

namespace {

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return;  // the terminal has gone, which a signal tells
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

// The terminal without echo and line editing, on its other screen. The shell's screen comes back with the end.
class WholeScreen {
public:
    WholeScreen() {
        if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before_) != 0) {
            throw usage_error("--watch needs a terminal");
        }
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // a shell would get the other screen
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        write_all("\x1b[?1049h\x1b[?25l");
    }
    WholeScreen(const WholeScreen&) = delete;
    WholeScreen& operator=(const WholeScreen&) = delete;
    ~WholeScreen() {
        write_all("\x1b[?25h\x1b[?1049l");
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }

    static void draw(const TableStatus& status) {
        winsize size = {};
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) size = {24, 80, 0, 0};
        const std::vector<std::string> lines = status_lines_within(status, size.ws_col);
        const std::size_t room = size.ws_row > 1 ? size.ws_row - 1U : 1U;
        std::string screen = "\x1b[H";
        for (std::size_t i = 0; i < std::min(room, lines.size()); i++) {
            const bool cut = i + 1 == room && lines.size() > room;
            screen += clipped(cut ? "..." : lines[i], size.ws_col) + "\x1b[K\r\n";
        }
        write_all(screen + "\x1b[J" + clipped("q ends.", size.ws_col));
    }

private:
    termios before_{};
};

// Thrown when a key or a signal ends the program, also while a query runs.
struct Ended {
    int exit_code;
};

void look_for_end(const SignalQueue& signals, const pollfd& keyboard) {
    if (const int number = signals.take(); number != 0) {
        throw Ended{number == SIGINT ? kExitOk : exit_code_of_signal(number)};
    }
    if (keyboard.revents == 0) return;
    std::array<char, 64> typed{};
    const ssize_t got = read(STDIN_FILENO, typed.data(), typed.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got < 0 || (got == 0 && (keyboard.revents & POLLHUP) != 0)) throw Ended{kExitOk};
    const std::string_view keys(typed.data(), static_cast<std::size_t>(got));
    if (keys.find_first_of("qQ") != std::string_view::npos) throw Ended{kExitOk};
}

// Waits until there is something to read from the socket, or for a second without one.
void wait_for_socket(const SignalQueue& signals, int socket) {
    std::array<pollfd, 3> waited = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals.fd(), POLLIN, 0},
                                    pollfd{socket, POLLIN, 0}};
    for (;;) {
        if (poll(waited.data(), waited.size(), socket < 0 ? 1000 : -1) == 0) return;
        look_for_end(signals, waited[0]);
        if (waited[2].revents != 0) return;
    }
}

Json rows_unless_ended(Database& database, const SignalQueue& signals, const std::string& query) {
    PGconn* session = database.handle();
    database.send(Database::query_of_rows(query), {});
    while (PQisBusy(session) != 0) {
        wait_for_socket(signals, PQsocket(session));
        if (PQconsumeInput(session) == 0) break;
    }
    const ResultPtr result(PQgetResult(session));
    while (ResultPtr(PQgetResult(session)) != nullptr) continue;
    return rows_of(session, result.get());
}

}  // namespace

int watch_table_status(Database& database) {
    const SignalQueue signals;
    const WholeScreen screen;
    const auto rows = [&](const std::string& query) { return rows_unless_ended(database, signals, query); };
    try {
        for (;;) {
            WholeScreen::draw(read_table_status(database.schema(), rows));
            wait_for_socket(signals, -1);
        }
    } catch (const Ended& ended) {
        return ended.exit_code;
    }
}

}  // namespace caas::cli
