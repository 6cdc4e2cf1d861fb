// The folder that a file lies in, held open while the file is read and replaced: another user who renames a folder or
// puts a symbolic link in its place meanwhile changes nothing.
#pragma once
#include "../program/descriptor.hpp"

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caas::cli {

using program::Descriptor;

// UserRights makes root work with the rights of another user, until it is destroyed.
class UserRights {
public:
    explicit UserRights(uid_t user);
    UserRights(const UserRights&) = delete;
    UserRights& operator=(const UserRights&) = delete;
    ~UserRights();

private:
    std::vector<gid_t> groups_;  // root's own
};

// RootRights gives them back for the span of one call on a descriptor.
class RootRights {
public:
    RootRights();
    RootRights(const RootRights&) = delete;
    RootRights& operator=(const RootRights&) = delete;
    ~RootRights();

private:
    uid_t user_;
};

// Folder resolves the path of a file, component by component, and keeps the folder that holds it. As root it takes the
// rights of the first user other than root that a folder on the way belongs to: that user decides where the path leads.
// A folder on the way in which others than its owner can exchange entries is refused to root.
class Folder {
public:
    // follow: a path that names a symbolic link stands for the link's target. keep: it stands for the link itself.
    enum class Link : std::uint8_t { follow, keep };

    // path names a file, which need not exist.
    Folder(const std::string& path, Link link);

    // The name of the file in the folder, and its path for messages.
    const std::string& name() const { return name_; }
    const std::string& path() const { return path_; }
    // For openat() and the like, and for fsync().
    int fd() const { return fd_.get(); }
    // True while root works with its own rights.
    bool is_root() const;

    // The status of the file; nothing when there is none. A symbolic link is not followed.
    std::optional<struct stat> examine() const;
    // Opens the file for reading. Refuses a symbolic link and whatever is no regular file.
    Descriptor open_file() const;
    void sync() const;

private:
    using Components = std::vector<std::string>;  // the next one at the back

    void resolve(Components rest);
    void step(const std::string& component, Components& rest);
    void follow_link(const Descriptor& link, Components& rest);
    void enter(Descriptor folder);
    void check_link_owner(const Descriptor& link) const;

    std::string path_;
    std::string name_;
    Link link_;
    Descriptor fd_{-1};
    std::optional<UserRights> rights_;
};

}  // namespace caas::cli
