#include "access_log.hpp"

#include "../program/report.hpp"
#include "routes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>

namespace caas::http {

namespace {

constexpr std::size_t kFlushBytes = std::size_t{32} * 1024;
constexpr std::size_t kQueueBytes = std::size_t{4} * 1024 * 1024;
constexpr const char* kStandardOutput = "-";

// Names of routes and API keys hold no character that JSON escapes.
void append_name(std::string& line, std::string_view name) {
    if (name.empty()) {
        line += "null";
    } else {
        line.append("\"").append(name).append("\"");
    }
}

int open_file(const std::string& path) {
    constexpr mode_t kMode = 0640;
    constexpr int kFlags = O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
    struct stat status {};
    // The service opens a FIFO as a reader too: otherwise it fails while there is no reader.
    const bool fifo = stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
    return open(path.c_str(), kFlags | (fifo ? O_RDWR : O_WRONLY), kMode);
}

program::Descriptor open_log(const std::string& path) {
    program::Descriptor file(path == kStandardOutput ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0) : open_file(path));
    if (file.get() < 0) throw program::errno_error(path, "the access log cannot be opened");
    return file;
}

LineWriter::Events events(Metrics& metrics) {
    return {.dropped = [&metrics](std::size_t lines) { metrics.log_lines_dropped(lines); },
            .loss_begins =
                [](int error) {
                    program::warn(error == 0 ? "the access log is not read fast enough; lines are lost"
                                             : std::string("the access log cannot be written: ") +
                                                   std::strerror(error) + "; lines are lost");
                },
            .loss_ends =
                [](std::size_t lines) {
                    program::note("the access log is written again; " + std::to_string(lines) +
                                  (lines == 1 ? " line was lost" : " lines were lost"));
                    return std::string();
                }};
}

}  // namespace

LogFile::LogFile(std::string path, Metrics& metrics) : path_(std::move(path)) {
    if (path_ != "off") writer_.emplace(open_log(path_), kQueueBytes, events(metrics));
}

void LogFile::reopen() {
    if (on() && path_ != kStandardOutput) writer_->replace(open_log(path_));
}

void LogFile::finish(std::chrono::milliseconds at_most) {
    if (on()) writer_->finish(at_most);
}

void AccessLog::begin_line() {
    constexpr std::size_t kLongestLine = 1024;
    constexpr std::size_t kDigits = 6;
    timespec time{};
    tm parts{};
    // If the clock fails, the last time stays.
    if (clock_gettime(CLOCK_REALTIME, &time) == 0 && time.tv_sec != second_ &&
        gmtime_r(&time.tv_sec, &parts) != nullptr) {
        second_text_.resize(std::strlen("2026-11-24T12:00:00.") + 1);  // strftime adds a terminator
        second_text_.resize(std::strftime(second_text_.data(), second_text_.size(), "%Y-%m-%dT%H:%M:%S.", &parts));
        second_ = time.tv_sec;
    }
    lines_.reserve(kFlushBytes + kLongestLine);  // memory may run out here and above, but not in the middle of a line
    const std::string microseconds = std::to_string(time.tv_nsec / 1000);
    lines_.append(R"({"time":")").append(second_text_).append(kDigits - microseconds.size(), '0');
    lines_.append(microseconds).append(R"(Z")");
}

void AccessLog::add(const Answer& answer, Microseconds taken) {
    if (!file_.on()) return;
    begin_line();
    lines_ += R"(,"key":)";
    append_name(lines_, answer.client);
    lines_ += R"(,"route":)";
    append_name(lines_, answer.route != nullptr ? answer.route->path : "");
    lines_.append(R"(,"code":)").append(std::to_string(answer.status));
    lines_.append(R"(,"microseconds":)").append(std::to_string(taken.count())).append("}\n");
    if (lines_.size() >= kFlushBytes) flush();
}

void AccessLog::flush() {
    if (lines_.empty()) return;
    file_.write(lines_);
    lines_.clear();
}

}  // namespace caas::http
