#include "signal_queue.hpp"

#include "command.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

namespace caas::cli {

SignalQueue::SignalQueue() : pipe_action_(std::signal(SIGPIPE, SIG_IGN)) {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, number);
    queue_ = program::Descriptor(signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK));
    if (queue_.get() < 0 || sigprocmask(SIG_BLOCK, &ending, &before_) != 0) {
        throw program_error("signals cannot be received");
    }
}

SignalQueue::~SignalQueue() {
    release();
    (void)std::signal(SIGPIPE, pipe_action_);
}

int SignalQueue::take() const {
    signalfd_siginfo info = {};
    const ssize_t got = read(queue_.get(), &info, sizeof info);
    return got == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

void SignalQueue::release() { (void)sigprocmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace caas::cli
