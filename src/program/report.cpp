#include "report.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <utility>

namespace caas::program {

namespace {

MessageSink& message_sink() {
    static MessageSink sink;
    return sink;
}

void say(const std::string& line) {
    if (message_sink()) return message_sink()(line);
    std::cerr << line;
}

}  // namespace

void send_messages_to(MessageSink sink) { message_sink() = std::move(sink); }

ProgramError usage_error(const std::string& message) { return ProgramError(kExitUsage, message); }

ProgramError program_error(const std::string& message) { return ProgramError(kExitFailed, message); }

ProgramError errno_error(const std::string& path, const std::string& what) {
    return ProgramError(kExitFailed, path + ": " + what + ": " + std::strerror(errno));
}

ProgramError keyring_error(int exit_code, const std::string& path, const Error& error) {
    std::string message = path + ": ";
    if (error.line != 0) message += "line " + std::to_string(error.line) + ": ";
    message += error.reason != nullptr ? error.reason : "the keyring cannot be used";
    if (error.algorithm != nullptr) message += std::string(": ") + error.algorithm;
    if (error.os_error != 0) message += std::string(": ") + std::strerror(error.os_error);
    if (error.status == CAAS_ERR_KEYRING_PERMISSIONS) {
        message +=
            "; it must belong to that user with mode 0600, or to root with 0640 (a secret that a container platform "
            "mounts: root's, with mode 0440 and the user's group)";
    }
    return ProgramError(exit_code, message);
}

void print_done(const std::string& message) {
    const std::string line = message + '\n';
    const auto pipe_action = std::signal(SIGPIPE, SIG_IGN);  // a reader that has gone must not end the program
    std::size_t at = 0;
    while (at < line.size()) {
        const ssize_t written = write(STDOUT_FILENO, line.data() + at, line.size() - at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            warn("standard output cannot be written: " + std::string(std::strerror(errno)) + "; done: " + message);
            break;
        }
        at += static_cast<std::size_t>(written);
    }
    (void)std::signal(SIGPIPE, pipe_action);
}

void warn(const std::string& message) { say("caas: warning: " + message + "\n"); }

void note(const std::string& message) { say("caas: note: " + message + "\n"); }

void warn_about_keyring(const std::string& path, unsigned warnings) {
    if ((warnings & CAAS_WARN_WEAK_DIGEST) != 0) {
        warn(path + ": a digest pool names a weak algorithm: hmac-md5, hmac-sha1 or hmac-ripemd160");
    }
    if ((warnings & CAAS_WARN_PUBLISHED_SECRET) != 0) {
        warn(path + ": a secret is that of the published test vectors and protects nothing");
    }
    if ((warnings & CAAS_WARN_OPEN_LAST_LINE) != 0) warn(path + ": " + kOpenLastLine);
}

}  // namespace caas::program
