#include "access_log.hpp"

#include "../program/report.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>

namespace caas::http {

namespace {

constexpr std::size_t kFlushBytes = std::size_t{32} * 1024;
constexpr const char* kStandardOutput = "-";

// Names of routes and of API keys hold nothing that JSON escapes.
void append_name(std::string& line, std::string_view name) {
    if (name.empty()) {
        line += "null";
    } else {
        line.append("\"").append(name).append("\"");
    }
}

}  // namespace

LogFile::LogFile(std::string path) : path_(std::move(path)) {
    if (on()) file_.emplace(open(path_));
}

program::Descriptor LogFile::open(const std::string& path) {
    constexpr mode_t kMode = 0640;
    program::Descriptor file(path == kStandardOutput
                                 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                                 : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kMode));
    if (file.get() < 0) throw program::errno_error(path, "the access log cannot be opened");
    return file;
}

void LogFile::reopen() {
    if (!on()) return;
    program::Descriptor file = open(path_);
    const std::lock_guard lock(mutex_);
    file_.emplace(std::move(file));
}

void LogFile::write(const std::string& lines) {
    const std::lock_guard lock(mutex_);
    std::string_view rest = lines;
    while (!rest.empty()) {
        const ssize_t written = ::write(file_->get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) break;
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (!rest.empty() && !failing_) program::warn("the access log cannot be written; lines are lost");
    failing_ = !rest.empty();
}

void AccessLog::begin_line() {
    constexpr std::size_t kLongestLine = 1024;
    constexpr std::size_t kDigits = 6;
    timespec time{};
    tm parts{};
    // Where there is no time it stays the last one.
    if (clock_gettime(CLOCK_REALTIME, &time) == 0 && time.tv_sec != second_ &&
        gmtime_r(&time.tv_sec, &parts) != nullptr) {
        second_text_.resize(std::strlen("2026-11-24T12:00:00.") + 1);  // strftime adds a terminator
        second_text_.resize(std::strftime(second_text_.data(), second_text_.size(), "%Y-%m-%dT%H:%M:%S.", &parts));
        second_ = time.tv_sec;
    }
    lines_.reserve(kFlushBytes + kLongestLine);  // here or above memory may run out, not within a line
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
    append_name(lines_, answer.route != nullptr ? answer.route : "");
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
