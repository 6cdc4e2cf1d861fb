// The access log: one JSON object a request, nothing of the request but its route.
#pragma once
#include "answer.hpp"
#include "line_writer.hpp"
#include "metrics.hpp"

#include <ctime>
#include <optional>
#include <string>

namespace caas::http {

// LogFile takes the lines of all threads. None of them waits for it.
class LogFile {
public:
    // "-" is standard output, "off" none. Throws program::ProgramError.
    LogFile(std::string path, Metrics& metrics);

    bool on() const { return writer_.has_value(); }
    // Opens the file again, as after a rotation. On failure the old one stays.
    void reopen();
    // Takes whole lines.
    void write(const std::string& lines) { writer_->write(lines); }
    // The last lines: waits until they are written, at most this long.
    void finish(std::chrono::milliseconds at_most);

private:
    const std::string path_;
    std::optional<LineWriter> writer_;
};

// AccessLog collects the lines of one thread.
class AccessLog {
public:
    explicit AccessLog(LogFile& file) : file_(file) {}

    void add(const Answer& answer, Microseconds taken);
    void flush();

private:
    // {"time":"2026-11-24T12:00:00.123456Z"
    void begin_line();

    LogFile& file_;
    std::string lines_;
    std::time_t second_ = -1;  // that second_text_ is of
    std::string second_text_;
};

}  // namespace caas::http
