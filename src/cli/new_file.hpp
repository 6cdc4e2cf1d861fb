// A file that appears whole or not at all: written under another name in the same folder, synced, then moved.
#pragma once
#include "folder.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace caas::cli {

struct Ownership {
    uid_t user;
    gid_t group;
    mode_t mode;  // the permission bits
};

// NewFile is to become the file that its folder was resolved for. The folder must live longer.
class NewFile {
public:
    // Makes a file with a random name.
    static NewFile beside(const Folder& folder);
    // Makes a file with a fixed name, so that the next edit removes what an edit that was killed left behind. The
    // caller holds the lock of the file.
    static NewFile for_edit(const Folder& folder);
    NewFile(NewFile&& other) noexcept
        : folder_(other.folder_), name_(std::exchange(other.name_, {})), file_(std::move(other.file_)) {}
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    NewFile& operator=(NewFile&&) = delete;
    ~NewFile();  // removes the file unless it was moved to its place

    // For reading back what was written.
    int fd() const { return file_.get(); }
    // The mode does not depend on the umask. Called before write(), so that the file is never more open than in the
    // end.
    void set_ownership(const Ownership& ownership);
    void write(std::string_view content);  // and syncs it
    void publish();                        // never replaces a file
    void replace();

private:
    NewFile(const Folder& folder, std::string name, Descriptor file)
        : folder_(&folder), name_(std::move(name)), file_(std::move(file)) {}
    void moved();

    const Folder* folder_;
    std::string name_;  // empty once moved
    Descriptor file_;
};

}  // namespace caas::cli
