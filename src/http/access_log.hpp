// The access log: one JSON object a request, nothing of the request but its route.
#pragma once
#include "answer.hpp"

#include "../program/descriptor.hpp"

#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace caas::http {

// LogFile is where the lines of all threads go.
class LogFile {
public:
    // "-" is standard output, "off" none. Throws program::ProgramError.
    explicit LogFile(std::string path);

    bool on() const { return path_ != "off"; }
    // Opens the file anew, as after a rotation. On failure the old one stays.
    void reopen();
    // Whole lines. What cannot be written is lost, and said once on standard error until lines can be written again.
    void write(const std::string& lines);

private:
    static program::Descriptor open(const std::string& path);

    const std::string path_;
    std::mutex mutex_;
    std::optional<program::Descriptor> file_;
    bool failing_ = false;
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
