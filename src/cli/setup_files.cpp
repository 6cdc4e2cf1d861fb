#include "setup_files.hpp"

#include "command.hpp"
#include "new_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace caas::cli {

namespace {

constexpr std::size_t kMaxBytes = std::size_t{4} * 1024 * 1024;

}  // namespace

std::optional<std::string> read_small_file(const std::string& path) {
    // O_NONBLOCK: a FIFO of that name must not hang the program.
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
    if (file.get() < 0) throw errno_error(path, "the file cannot be opened");
    struct stat status = {};
    if (fstat(file.get(), &status) != 0) throw errno_error(path, "the file cannot be examined");
    if (!S_ISREG(status.st_mode)) throw program_error(path + ": it is not a regular file");
    std::string text;
    std::array<char, 16384> buffer{};
    for (;;) {
        const ssize_t got = read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw errno_error(path, "the file cannot be read");
        if (got == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
        if (text.size() > kMaxBytes) throw program_error(path + ": the file is over 4 MiB");
    }
}

void replace_file(const std::string& path, std::string_view content, unsigned mode) {
    const Folder folder(path, Folder::Link::keep);
    NewFile file = NewFile::beside(folder);
    file.set_ownership({geteuid(), getegid(), static_cast<mode_t>(mode)});
    file.write(content);
    file.replace();
}

}  // namespace caas::cli
