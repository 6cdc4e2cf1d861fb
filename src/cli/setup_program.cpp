#include "setup_program.hpp"

#include "../program/descriptor.hpp"
#include "command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

namespace caas::cli {

namespace {

using program::Descriptor;

struct Pipe {
    std::optional<Descriptor> read_end;
    std::optional<Descriptor> write_end;
};

Pipe make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw errno_error("psql", "no pipe can be made");
    Pipe pipe;
    pipe.read_end.emplace(ends[0]);
    pipe.write_end.emplace(ends[1]);
    return pipe;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> result;
    result.reserve(words.size() + 1);
    for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
    result.push_back(nullptr);
    return result;
}

struct Streams {
    Pipe in, out, err;
};

pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
            const Streams& streams) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&defaults, number);
    if (posix_spawn_file_actions_init(&actions) != 0) throw std::bad_alloc();
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        throw std::bad_alloc();
    }
    pid_t pid = 0;
    int problem = posix_spawnattr_setsigdefault(&attributes, &defaults);
    if (problem == 0) problem = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    if (problem == 0) problem = posix_spawn_file_actions_adddup2(&actions, streams.in.read_end->get(), STDIN_FILENO);
    if (problem == 0) problem = posix_spawn_file_actions_adddup2(&actions, streams.out.write_end->get(), STDOUT_FILENO);
    if (problem == 0) problem = posix_spawn_file_actions_adddup2(&actions, streams.err.write_end->get(), STDERR_FILENO);
    if (problem == 0) {
        problem = posix_spawnp(&pid, arguments.front().c_str(), &actions, &attributes, pointers(arguments).data(),
                               pointers(environment).data());
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) {
        errno = problem;
        throw errno_error(arguments.front(), "the program cannot be run");
    }
    return pid;
}

// Reads once; closes the descriptor at the end of the output.
void take_output(std::optional<Descriptor>& end, std::string& text) {
    std::array<char, 4096> buffer{};
    const ssize_t got = read(end->get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        end.reset();
        return;
    }
    text.append(buffer.data(), static_cast<std::size_t>(got));
}

// Writes once; closes the descriptor when all is written or the program has closed its input.
void give_input(std::optional<Descriptor>& end, std::string_view& input) {
    const ssize_t written = write(end->get(), input.data(), input.size());
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (written > 0) input.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 || input.empty()) end.reset();
}

int fd_of(const std::optional<Descriptor>& end) { return end ? end->get() : -1; }  // poll() ignores -1

void exchange(Streams& streams, std::string_view input, ProgramEnd& result) {
    std::optional<Descriptor>& in = streams.in.write_end;
    if (fcntl(in->get(), F_SETFL, O_NONBLOCK) != 0) throw errno_error("psql", "the pipe cannot be prepared");
    if (input.empty()) in.reset();
    while (in || streams.out.read_end || streams.err.read_end) {
        std::array<pollfd, 3> ready{{{fd_of(in), POLLOUT, 0},
                                     {fd_of(streams.out.read_end), POLLIN, 0},
                                     {fd_of(streams.err.read_end), POLLIN, 0}}};
        if (poll(ready.data(), ready.size(), -1) < 0) {
            if (errno == EINTR) continue;
            throw errno_error("psql", "its output cannot be waited for");
        }
        if (ready[0].revents != 0) give_input(in, input);
        if (ready[1].revents != 0) take_output(streams.out.read_end, result.out);
        if (ready[2].revents != 0) take_output(streams.err.read_end, result.err);
    }
}

}  // namespace

ProgramEnd run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                       std::string_view input) {
    Streams streams{make_pipe(), make_pipe(), make_pipe()};
    const pid_t pid = spawn(arguments, environment, streams);
    streams.in.read_end.reset();
    streams.out.write_end.reset();
    streams.err.write_end.reset();
    ProgramEnd result{};
    exchange(streams, input, result);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) throw errno_error(arguments.front(), "its end cannot be waited for");
    }
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace caas::cli
