#include "new_file.hpp"

#include "command.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace caas::cli {

namespace {

// ".NAME" + ending in the folder of path: hidden, and nothing that a person would have made.
std::string sibling(const std::string& path, const std::string& ending) {
    const std::size_t slash = path.rfind('/');
    const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
    return path.substr(0, name) + "." + path.substr(name) + ending;
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

void sync_folder(const std::string& of) {
    const std::string folder = folder_of(of);
    const Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0 || fsync(fd.get()) != 0) {
        throw errno_error(of, "the file is in place, but its folder cannot be synced to disk");
    }
}

// Not every file system has renameat2; link() refuses to replace as well, but leaves two names for a moment.
bool move_without_replacing(const char* from, const char* to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    return link(from, to) == 0 && unlink(from) == 0;
}

}  // namespace

NewFile NewFile::beside(const std::string& path) {
    std::string name = sibling(path, ".caas-XXXXXX");
    Descriptor file(mkostemp(name.data(), O_CLOEXEC));
    if (file.get() < 0) throw errno_error(folder_of(path), "no file can be made in this folder");
    return {std::move(name), std::move(file)};
}

NewFile NewFile::for_edit_of(const std::string& path) {
    std::string name = sibling(path, ".caas-new");
    if (unlink(name.c_str()) != 0 && errno != ENOENT) throw errno_error(name, "a leftover cannot be removed");
    Descriptor file(open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (file.get() < 0) throw errno_error(folder_of(path), "no file can be made in this folder");
    return {std::move(name), std::move(file)};
}

NewFile::~NewFile() {
    if (!path_.empty()) (void)unlink(path_.c_str());
}

void NewFile::set_ownership(const Ownership& ownership) {
    struct stat status = {};
    if (fstat(file_.get(), &status) != 0) throw errno_error(path_, "the file cannot be examined");
    const bool same = status.st_uid == ownership.user && status.st_gid == ownership.group;
    if (!same && fchown(file_.get(), ownership.user, ownership.group) != 0) {
        throw errno_error(path_, "the owner of the keyring cannot be kept (root can)");
    }
    if (fchmod(file_.get(), ownership.mode) != 0) throw errno_error(path_, "the mode of the file cannot be set");
}

void NewFile::write(std::string_view content) {
    while (!content.empty()) {
        const ssize_t written = ::write(file_.get(), content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw errno_error(path_, "the file cannot be written");
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fsync(file_.get()) != 0) throw errno_error(path_, "the file cannot be synced to disk");
}

void NewFile::publish(const std::string& to) {
    if (!move_without_replacing(path_.c_str(), to.c_str())) {
        if (errno == EEXIST) throw program_error(to + ": the file exists; it is never overwritten");
        throw errno_error(to, "the file cannot be put in its place");
    }
    moved(to);
}

void NewFile::replace(const std::string& to) {
    if (std::rename(path_.c_str(), to.c_str()) != 0) throw errno_error(to, "the file cannot be replaced");
    moved(to);
}

void NewFile::moved(const std::string& to) {
    path_.clear();
    sync_folder(to);
}

}  // namespace caas::cli
