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

    static void draw(const std::vector<std::string>& lines) {
        winsize size = {};
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) size = {24, 80, 0, 0};
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

// Waits a second, or until a key or a signal comes. The value is the exit code, or -1 to go on.
int wait_for_end(const SignalQueue& signals) {
    std::array<pollfd, 2> waited = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals.fd(), POLLIN, 0}};
    if (poll(waited.data(), waited.size(), 1000) <= 0) return -1;
    if (const int number = signals.take(); number != 0) {
        return number == SIGINT ? kExitOk : exit_code_of_signal(number);
    }
    std::array<char, 64> typed{};
    const ssize_t got = read(STDIN_FILENO, typed.data(), typed.size());
    if (got == 0) return (waited[0].revents & POLLHUP) != 0 ? kExitOk : -1;
    if (got < 0) return errno == EINTR || errno == EAGAIN ? -1 : kExitOk;
    const std::string_view keys(typed.data(), static_cast<std::size_t>(got));
    return keys.find_first_of("qQ") != std::string_view::npos ? kExitOk : -1;
}

}  // namespace

int watch_table_status(Database& database) {
    const SignalQueue signals;
    const WholeScreen screen;
    for (;;) {
        WholeScreen::draw(status_lines(read_table_status(database), true));
        const int exit_code = wait_for_end(signals);
        if (exit_code >= 0) return exit_code;
    }
}

}  // namespace caas::cli
