// The service's messages on standard error, which no thread waits for.
#pragma once
#include "line_writer.hpp"
#include "metrics.hpp"

namespace caas::http {

// While a MessageLog exists, program::warn() and program::note() go through it.
class MessageLog {
public:
    explicit MessageLog(Metrics& metrics);
    ~MessageLog();
    MessageLog(const MessageLog&) = delete;
    MessageLog& operator=(const MessageLog&) = delete;
    MessageLog(MessageLog&&) = delete;
    MessageLog& operator=(MessageLog&&) = delete;

    // The last messages: waits until they are written, at most this long.
    void finish(std::chrono::milliseconds at_most) { writer_.finish(at_most); }

private:
    LineWriter writer_;
};

}  // namespace caas::http
