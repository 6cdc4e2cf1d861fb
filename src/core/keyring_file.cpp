#include "keyring.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace caas {

namespace {

// Room for 1024 lines of 4096 bytes and as much of comments.
constexpr off_t kMaxFileBytes = off_t{8} * 1024 * 1024;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) (void)close(fd_);  // it was only read from, so closing loses nothing
    }
    int get() const { return fd_; }

private:
    int fd_;
};

Error file_error(const char* reason, int os_error = 0) {
    return Error{.status = CAAS_ERR_KEYRING_FILE, .os_error = os_error, .reason = reason};
}

// The rule of PostgreSQL's ssl_key_file: at most 0600 for the user's own file, 0640 for one that root owns. It holds in
// containers too: a mounted secret of root's with mode 0440 is read by its group. Mode 0444 is refused on every mount,
// since the mount does not tell who else reaches the file: other users of the container, what is started in it later,
// and other containers that the same secret or folder is mounted in cannot be seen from here.
const char* permission_problem(const struct stat& status, uid_t user) {
    if (status.st_uid == 0) {
        const bool open_to_others = (status.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0;
        return open_to_others ? "the file is owned by root and its mode is wider than 0640" : nullptr;
    }
    if (status.st_uid != user) return "the file belongs neither to root nor to the user of this process";
    const bool open_to_others = (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    return open_to_others ? "the mode of the file is wider than 0600" : nullptr;
}

}  // namespace

Result<KeyringFile> read_keyring_file(const char* path, uid_t user) {
    // O_NONBLOCK: a FIFO of that name must not hang the process.
    const Descriptor file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) return file_error("the file cannot be opened", errno);
    return read_keyring_file(file.get(), user);
}

Result<KeyringFile> read_keyring_file(int file, uid_t user) {
    struct stat status = {};
    if (fstat(file, &status) != 0) return file_error("the file cannot be examined", errno);
    if (!S_ISREG(status.st_mode)) return file_error("it is not a regular file");
    if (const char* problem = permission_problem(status, user)) {
        return Error{.status = CAAS_ERR_KEYRING_PERMISSIONS, .reason = problem};
    }
    if (status.st_size > kMaxFileBytes) return file_error("the file is over 8 MiB");

    const auto size = static_cast<std::size_t>(status.st_size);
    KeyringFile result{SecretText(size), std::int64_t{status.st_ctim.tv_sec} * 1000000 + status.st_ctim.tv_nsec / 1000};
    std::string& text = result.text.expose_mutable();
    text.resize(size);
    std::size_t filled = 0;
    while (filled < size) {
        const ssize_t got = pread(file, text.data() + filled, size - filled, static_cast<off_t>(filled));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return file_error("the file cannot be read", errno);
        if (got == 0) return file_error("the file became shorter while it was read");
        filled += static_cast<std::size_t>(got);
    }
    return result;
}

}  // namespace caas
