#include "access_log.hpp"

#include "../cli/command.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>

namespace caas::http {

namespace {

constexpr std::size_t kFlushBytes = std::size_t{32} * 1024;
constexpr const char* kStandardOutput = "-";

// "2026-11-24T12:00:00.123456Z"
std::string now() {
    timespec time{};
    tm parts{};
    if (clock_gettime(CLOCK_REALTIME, &time) != 0 || gmtime_r(&time.tv_sec, &parts) == nullptr) return "";
    std::array<char, 64> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    const int more = std::snprintf(text.data() + length, text.size() - length, ".%06ldZ", time.tv_nsec / 1000);
    return {text.data(), length + static_cast<std::size_t>(more)};
}

// Names of routes and of API keys hold nothing that JSON escapes.
std::string name_or_null(std::string_view name) { return name.empty() ? "null" : "\"" + std::string(name) + "\""; }

}  // namespace

LogFile::LogFile(std::string path) : path_(std::move(path)) {
    if (on()) file_.emplace(open(path_));
}

cli::Descriptor LogFile::open(const std::string& path) {
    constexpr mode_t kMode = 0640;
    cli::Descriptor file(path == kStandardOutput
                             ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kMode));
    if (file.get() < 0) throw cli::os_failure(path, "the access log cannot be opened");
    return file;
}

void LogFile::reopen() {
    if (!on()) return;
    cli::Descriptor file = open(path_);
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
    if (!rest.empty() && !failing_) cli::warn("the access log cannot be written; lines are lost");
    failing_ = !rest.empty();
}

void AccessLog::add(const Answer& answer, Microseconds taken) {
    if (!file_.on()) return;
    lines_ += R"({"time":")" + now() + R"(","key":)" + name_or_null(answer.client) + R"(,"route":)" +
              name_or_null(answer.route != nullptr ? answer.route : "") + R"(,"code":)" +
              std::to_string(answer.status) + R"(,"microseconds":)" + std::to_string(taken.count()) + "}\n";
    if (lines_.size() >= kFlushBytes) flush();
}

void AccessLog::flush() {
    if (lines_.empty()) return;
    file_.write(lines_);
    lines_.clear();
}

}  // namespace caas::http
