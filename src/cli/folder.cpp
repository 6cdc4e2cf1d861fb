#include "folder.hpp"

#include "command.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

namespace caas::cli {

namespace {

constexpr int kMaxSteps = 1000;  // components, those of symbolic links included: a chain of links may be a circle
constexpr const char* kNoFolder = "a folder of this path cannot be opened";

std::string account_of(uid_t user) {
    const passwd* account = getpwuid(user);
    return account != nullptr ? account->pw_name : "user " + std::to_string(user);
}

// Pushes the components of path onto rest, whose back is the next one.
void push_components(std::string_view path, std::vector<std::string>& rest) {
    std::vector<std::string> components;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (end > 0) components.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    rest.insert(rest.end(), components.rbegin(), components.rend());
}

Descriptor open_path(int folder, const char* name) {
    return Descriptor(openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

struct stat status_of(const Descriptor& entry, const std::string& path) {
    struct stat status = {};
    if (fstat(entry.get(), &status) != 0) throw errno_error(path, "a folder of this path cannot be examined");
    return status;
}

// A process that cannot return to its own rights must not go on with others.
void require_change(bool changed) {
    if (!changed) std::abort();
}

}  // namespace

UserRights::UserRights(uid_t user) {
    const int count = getgroups(0, nullptr);
    groups_.resize(static_cast<std::size_t>(std::max(count, 0)));
    if (count < 0 || getgroups(count, groups_.data()) < 0) throw program_error("the groups of the process are unknown");
    const passwd* account = getpwuid(user);
    const gid_t group = account != nullptr ? account->pw_gid : static_cast<gid_t>(user);
    const bool has_groups = account != nullptr ? initgroups(account->pw_name, group) == 0 : setgroups(0, nullptr) == 0;
    if (!has_groups || setegid(group) != 0 || seteuid(user) != 0) {
        const int error = errno;
        require_change(setegid(getgid()) == 0 && setgroups(groups_.size(), groups_.data()) == 0);
        errno = error;
        throw errno_error(account_of(user), "the rights of this user, who owns the folder, cannot be taken");
    }
}

UserRights::~UserRights() {
    require_change(seteuid(0) == 0 && setegid(getgid()) == 0 && setgroups(groups_.size(), groups_.data()) == 0);
}

RootRights::RootRights() : user_(geteuid()) {
    if (getuid() == 0) require_change(seteuid(0) == 0);
}

RootRights::~RootRights() { require_change(seteuid(user_) == 0); }

Folder::Folder(const std::string& path, Link link) : path_(path), link_(link) {
    std::vector<std::string> components;
    push_components(path, components);
    if (components.empty() || path.back() == '/') throw program_error(path + ": the path names no file");
    enter(open_path(AT_FDCWD, path[0] == '/' ? "/" : "."));
    resolve(std::move(components));
    // O_PATH descriptors serve for looking up names; fsync() needs one that is open for reading.
    Descriptor folder(openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) throw errno_error(path_, "the folder of the file cannot be opened");
    fd_ = std::move(folder);
}

void Folder::resolve(Components rest) {
    for (int steps = 0; !rest.empty(); steps++) {
        if (steps > kMaxSteps) {
            errno = ELOOP;
            throw errno_error(path_, "the file cannot be opened");
        }
        const std::string component = rest.back();
        rest.pop_back();
        step(component, rest);
    }
    if (name_.empty()) throw program_error(path_ + ": it is not a regular file");
}

// Takes one component; rest are those behind it.
void Folder::step(const std::string& component, Components& rest) {
    const bool last = rest.empty();
    if (last && link_ == Link::keep) {
        name_ = component;
        return;
    }
    Descriptor entry = open_path(fd(), component.c_str());
    if (entry.get() < 0 && errno == ENOENT && last) {
        name_ = component;  // opening it will say so
        return;
    }
    if (entry.get() < 0) throw errno_error(path_, last ? "the file cannot be opened" : kNoFolder);
    const mode_t type = status_of(entry, path_).st_mode & mode_t{S_IFMT};
    if (type == S_IFLNK) {
        follow_link(entry, rest);
    } else if (last && type != S_IFDIR) {
        name_ = component;
    } else {
        enter(std::move(entry));
    }
}

void Folder::follow_link(const Descriptor& link, Components& rest) {
    check_link_owner(link);
    std::array<char, PATH_MAX> target{};
    const ssize_t length = readlinkat(link.get(), "", target.data(), target.size());
    if (length <= 0) throw errno_error(path_, "a symbolic link cannot be read");
    push_components({target.data(), static_cast<std::size_t>(length)}, rest);
    if (target[0] == '/') enter(open_path(AT_FDCWD, "/"));
}

void Folder::enter(Descriptor folder) {
    if (folder.get() < 0) throw errno_error(path_, kNoFolder);
    const struct stat status = status_of(folder, path_);
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        throw errno_error(path_, kNoFolder);
    }
    if (getuid() == 0) {
        // In a folder with the sticky bit, such as /tmp, only its owner can exchange an entry.
        const bool open_to_others = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0;
        if (open_to_others) {
            throw program_error(path_ + ": a folder of this path, owned by " + account_of(status.st_uid) +
                                ", can be written by others: root edits no file there; 'chmod go-w' it first");
        }
        if (is_root() && status.st_uid != 0) rights_.emplace(status.st_uid);
    }
    fd_ = std::move(folder);
}

// The rule of fs.protected_symlinks: everybody can make a link in a folder such as /tmp.
void Folder::check_link_owner(const Descriptor& link) const {
    const struct stat folder = status_of(fd_, path_);
    const uid_t owner = status_of(link, path_).st_uid;
    const bool open_to_all = (folder.st_mode & S_IWOTH) != 0 && (folder.st_mode & S_ISVTX) != 0;
    if (open_to_all && owner != folder.st_uid && owner != geteuid()) {
        errno = EACCES;
        throw errno_error(path_,
                          "a symbolic link of another user in a folder that everybody can write is not followed");
    }
}

bool Folder::is_root() const { return geteuid() == 0; }

std::optional<struct stat> Folder::examine() const {
    struct stat status = {};
    if (fstatat(fd(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
    if (errno != ENOENT) throw errno_error(path_, "the file cannot be examined");
    return std::nullopt;
}

Descriptor Folder::open_file() const {
    // Opening a device may have an effect, so the type is looked at before. O_NONBLOCK: a FIFO that took the file's
    // place since then must not hang the program.
    const auto status = examine();
    if (status && !S_ISREG(status->st_mode)) throw program_error(path_ + ": it is not a regular file");
    Descriptor file(openat(fd(), name_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) throw errno_error(path_, "the file cannot be opened");
    return file;
}

void Folder::sync() const {
    if (fsync(fd()) != 0) throw errno_error(path_, "the file is in place, but its folder cannot be synced to disk");
}

}  // namespace caas::cli
