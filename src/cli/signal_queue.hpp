// Signals that ask the program to end, as something to poll for.
#pragma once
#include "../program/descriptor.hpp"

#include <csignal>

namespace caas::cli {

// While it lives, SIGINT, SIGTERM and SIGHUP wait in its descriptor instead of ending the program, and a closed pipe is
// an error of writing.
class SignalQueue {
public:
    SignalQueue();
    SignalQueue(const SignalQueue&) = delete;
    SignalQueue& operator=(const SignalQueue&) = delete;
    ~SignalQueue();

    int fd() const { return queue_.get(); }
    // The next signal that waits, or 0.
    int take() const;
    // A further signal ends the program at once from here on.
    void release();

private:
    sigset_t before_{};
    void (*pipe_action_)(int);
    program::Descriptor queue_;
};

// The exit code of a program that a signal has ended, as shells have it.
constexpr int exit_code_of_signal(int number) { return 128 + number; }

}  // namespace caas::cli
