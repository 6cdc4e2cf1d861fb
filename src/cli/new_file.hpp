// A file that appears whole or not at all: written under another name in the same folder, synced, then moved.
#pragma once
#include "../program/descriptor.hpp"

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

namespace caas::cli {

using program::Descriptor;

struct Ownership {
    uid_t user;
    gid_t group;
    mode_t mode;  // the permission bits
};

class NewFile {
public:
    // Of a name that nobody else uses, to be placed by publish().
    static NewFile beside(const std::string& path);
    // Of a fixed name, so that what an edit that was killed left behind goes away with the next one. The caller holds
    // the lock of path.
    static NewFile for_edit_of(const std::string& path);
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile();  // removes the file unless it was moved to its place

    const std::string& path() const { return path_; }
    // The mode does not depend on the umask. Called before write(), so that no moment is more open than the end.
    void set_ownership(const Ownership& ownership);
    void write(std::string_view content);  // and syncs it
    void publish(const std::string& to);   // never replaces a file
    void replace(const std::string& to);

private:
    NewFile(std::string path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
    void moved(const std::string& to);

    std::string path_;  // empty once moved
    Descriptor file_;
};

}  // namespace caas::cli
