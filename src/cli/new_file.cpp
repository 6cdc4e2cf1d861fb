#include "new_file.hpp"

#include "../core/text.hpp"
#include "command.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace caas::cli {

namespace {

// ".NAME" + ending: hidden, and nothing that a person would have made.
std::string hidden_name(const Folder& folder, const std::string& ending) { return "." + folder.name() + ending; }

Descriptor create(const Folder& folder, const std::string& name) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    return Descriptor(openat(folder.fd(), name.c_str(), kFlags, S_IRUSR | S_IWUSR));
}

[[noreturn]] void fail_to_create(const Folder& folder) {
    throw errno_error(folder.path(), "no file can be made in its folder");
}

// Some file systems lack RENAME_NOREPLACE. linkat() refuses to replace as well, but leaves two names for a moment.
bool move_without_replacing(int folder, const char* from, const char* to) {
    if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    return linkat(folder, from, folder, to, 0) == 0 && unlinkat(folder, from, 0) == 0;
}

}  // namespace

NewFile NewFile::beside(const Folder& folder) {
    std::array<std::uint8_t, 8> random{};
    std::string digits(2 * random.size(), '0');
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
        throw program_error("the random number generator failed");
    }
    hex_encode(random, digits.data());
    std::string name = hidden_name(folder, ".caas-" + digits);
    Descriptor file = create(folder, name);
    if (file.get() < 0) fail_to_create(folder);
    return {folder, std::move(name), std::move(file)};
}

NewFile NewFile::for_edit(const Folder& folder) {
    std::string name = hidden_name(folder, ".caas-new");
    Descriptor file = create(folder, name);
    if (file.get() < 0 && errno == EEXIST) {
        if (unlinkat(folder.fd(), name.c_str(), 0) != 0) {
            throw errno_error(folder.path(), "what an earlier edit left behind, " + name + ", cannot be removed");
        }
        file = create(folder, name);
    }
    if (file.get() < 0) fail_to_create(folder);
    return {folder, std::move(name), std::move(file)};
}

NewFile::~NewFile() {
    if (!name_.empty()) (void)unlinkat(folder_->fd(), name_.c_str(), 0);
}

void NewFile::set_ownership(const Ownership& ownership) {
    struct stat status = {};
    if (fstat(fd(), &status) != 0) throw errno_error(folder_->path(), "the new file cannot be examined");
    const RootRights root;  // the folder's owner may give no file to root or to a group of others
    const bool same = status.st_uid == ownership.user && status.st_gid == ownership.group;
    if (!same && fchown(fd(), ownership.user, ownership.group) != 0) {
        throw errno_error(folder_->path(), "the owner of the keyring cannot be kept (root can)");
    }
    if (fchmod(fd(), ownership.mode) != 0) {
        throw errno_error(folder_->path(), "the mode of the new file cannot be set");
    }
}

void NewFile::write(std::string_view content) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd(), content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw errno_error(folder_->path(), "the new file cannot be written");
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    if (fsync(fd()) != 0) throw errno_error(folder_->path(), "the new file cannot be synced to disk");
}

void NewFile::publish() {
    if (!move_without_replacing(folder_->fd(), name_.c_str(), folder_->name().c_str())) {
        if (errno == EEXIST) throw program_error(folder_->path() + ": the file exists; it is never overwritten");
        throw errno_error(folder_->path(), "the file cannot be put in its place");
    }
    moved();
}

void NewFile::replace() {
    if (renameat(folder_->fd(), name_.c_str(), folder_->fd(), folder_->name().c_str()) != 0) {
        throw errno_error(folder_->path(), "the file cannot be replaced");
    }
    moved();
}

void NewFile::moved() {
    name_.clear();
    folder_->sync();
}

}  // namespace caas::cli
