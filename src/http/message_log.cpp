#include "message_log.hpp"

#include "../program/report.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace caas::http {

namespace {

constexpr std::size_t kMessageQueueBytes = std::size_t{256} * 1024;

program::Descriptor standard_error() {
    program::Descriptor file(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    if (file.get() < 0) throw program::errno_error("standard error", "it cannot be used");
    return file;
}

LineWriter::Events message_events(Metrics& metrics) {
    return {.dropped = [&metrics](std::size_t lines) { metrics.log_lines_dropped(lines); },
            .loss_begins = [](int) {},  // there is nowhere to tell it
            .loss_ends =
                [](std::size_t lines) {
                    return "caas: warning: " + std::to_string(lines) +
                           (lines == 1 ? " message was lost here\n" : " messages were lost here\n");
                }};
}

}  // namespace

MessageLog::MessageLog(Metrics& metrics) : writer_(standard_error(), kMessageQueueBytes, message_events(metrics)) {
    program::send_messages_to([this](const std::string& line) { writer_.write(line); });
}

MessageLog::~MessageLog() { program::send_messages_to({}); }

}  // namespace caas::http
