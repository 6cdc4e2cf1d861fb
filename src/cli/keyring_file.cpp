#include "keyring_file.hpp"

#include "command.hpp"
#include "folder.hpp"
#include "new_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace caas::cli {

namespace {

// The last line of every file that is written here. A file that lost its last LF, as tools that keep secrets drop it,
// is then told from one that lost the end of a generation.
constexpr std::string_view kEndLine = "# end\n";

struct stat status_of(int file, const std::string& path) {
    struct stat status = {};
    if (fstat(file, &status) != 0) throw errno_error(path, "the file cannot be examined");
    return status;
}

// Reads an open file. With root's rights it may belong to anyone, else to root or to the user whose rights these are.
KeyringFile read_open_file(int file, const std::string& path) {
    const uid_t owner = geteuid() == 0 ? status_of(file, path).st_uid : geteuid();
    auto content = read_keyring_file(file, owner);
    if (!content.ok()) throw keyring_error(kExitFailed, path, content.error());
    return std::move(content.value());
}

KeyringFile read_file(const std::string& path) {
    // O_NONBLOCK: a FIFO of that name must not hang the program.
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) throw errno_error(path, "the file cannot be opened");
    return read_open_file(file.get(), path);
}

// The lines before the end line, each with its LF: edits find and add whole lines.
SecretText lines_of(std::string_view text) {
    SecretText result(text.size() + 1);
    result.expose_mutable().append(text).append(text.ends_with('\n') ? "" : "\n");
    std::string& lines = result.expose_mutable();
    if (lines.ends_with("\n" + std::string(kEndLine))) lines.resize(lines.size() - kEndLine.size());
    return result;
}

SecretText with_end_line(std::string_view lines) {
    SecretText result(lines.size() + kEndLine.size());
    result.expose_mutable().append(lines).append(kEndLine);
    return result;
}

Keyring parse(const SecretText& text, const std::string& path) {
    auto keyring = parse_keyring(text.expose());
    if (!keyring.ok()) throw keyring_error(kExitFailed, path, keyring.error());
    return std::move(keyring.value());
}

// Reads back what was written, so that nothing takes a keyring's place that the server would refuse.
Keyring written_keyring(const NewFile& file, const std::string& path) {
    return parse(read_open_file(file.fd(), path).text, path);
}

// Opens and locks the keyring. The lock is on the keyring file itself: no lock file stays, and who cannot read the
// keyring cannot block an edit. Each edit puts a new file in its place, so whoever waited for the old one looks again.
Descriptor open_locked(const Folder& folder) {
    for (;;) {
        Descriptor file = folder.open_file();
        while (flock(file.get(), LOCK_EX) != 0) {
            if (errno != EINTR) throw errno_error(folder.path(), "the file cannot be locked");
        }
        const struct stat locked = status_of(file.get(), folder.path());
        const auto now = folder.examine();
        if (now && now->st_dev == locked.st_dev && now->st_ino == locked.st_ino) return file;
    }
}

}  // namespace

Keyring load_keyring(const std::string& path) { return parse(read_file(path).text, path); }

Engine load_engine(const std::string& path) {
    Engine engine;
    const KeyringFile file = read_file(path);
    const Outcome loaded = engine.load_text(file.text.expose(), file.changed_usec);
    if (!loaded.ok()) throw keyring_error(kExitFailed, path, loaded.error());
    return engine;
}

Keyring create_keyring(const std::string& path, const SecretText& text) {
    const Folder folder(path, Folder::Link::keep);
    NewFile file = NewFile::beside(folder);
    file.set_ownership({geteuid(), getegid(), S_IRUSR | S_IWUSR});
    file.write(with_end_line(text.expose()).expose());
    Keyring keyring = written_keyring(file, path);
    file.publish();
    return keyring;
}

Keyring edit_keyring(const std::string& path, const Edit& edit) {
    const Folder folder(path, Folder::Link::follow);
    const Descriptor locked = open_locked(folder);  // until the end of the edit
    const KeyringFile current = read_open_file(locked.get(), path);
    const struct stat status = status_of(locked.get(), path);
    const Keyring keyring = parse(current.text, path);
    // An edit would make the loss permanent.
    if (keyring.may_be_cut_off()) throw program_error(path + ": not changed: " + kOpenLastLine);
    const SecretText text = edit(keyring, lines_of(current.text.expose()).expose());
    NewFile file = NewFile::for_edit(folder);
    file.set_ownership({status.st_uid, status.st_gid, status.st_mode & mode_t{07777}});
    file.write(with_end_line(text.expose()).expose());
    Keyring edited = written_keyring(file, path);
    file.replace();
    return edited;
}

}  // namespace caas::cli
