#include "keyring_store.hpp"

#include "command.hpp"
#include "new_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace caas::cli {

namespace {

// Whose file it must be, unless it is root's: root looks after anyone's.
uid_t expected_owner(const std::string& path) {
    struct stat status = {};
    return geteuid() == 0 && stat(path.c_str(), &status) == 0 ? status.st_uid : geteuid();
}

// shown is the name for messages, where path is a temporary one.
KeyringFile read_file(const std::string& path, const std::string& shown) {
    auto file = read_keyring_file(path.c_str(), expected_owner(path));
    if (!file.ok()) throw keyring_error(kExitFailed, shown, file.error());
    return std::move(file.value());
}

Keyring parse(const SecretText& text, const std::string& shown) {
    auto keyring = parse_keyring(text.expose());
    if (!keyring.ok()) throw keyring_error(kExitFailed, shown, keyring.error());
    return std::move(keyring.value());
}

// Reads back what was written, so that nothing takes a keyring's place that the server would refuse.
Keyring written_keyring(const NewFile& file, const std::string& shown) {
    return parse(read_file(file.path(), shown).text, shown);
}

struct Lock {
    Descriptor file;  // the lock goes with it
    Ownership ownership;
};

// The lock is the keyring file itself: no lock file stays, and who cannot read the keyring cannot block an edit. Each
// edit puts a new file in its place, so whoever waited for the old one has to look again.
Lock lock_keyring(const std::string& path) {
    for (;;) {
        Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        if (file.get() < 0) throw errno_error(path, "the file cannot be opened");
        while (flock(file.get(), LOCK_EX) != 0) {
            if (errno != EINTR) throw errno_error(path, "the file cannot be locked");
        }
        struct stat locked = {};
        struct stat now = {};
        if (fstat(file.get(), &locked) != 0 || stat(path.c_str(), &now) != 0) {
            throw errno_error(path, "the file cannot be examined");
        }
        if (now.st_dev == locked.st_dev && now.st_ino == locked.st_ino) {
            return {std::move(file), {locked.st_uid, locked.st_gid, locked.st_mode & mode_t{07777}}};
        }
    }
}

std::string resolved(const std::string& path) {
    const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
    if (!real) throw errno_error(path, "the file cannot be opened");
    return real.get();
}

}  // namespace

Keyring load_keyring(const std::string& path) { return parse(read_file(path, path).text, path); }

Engine load_engine(const std::string& path) {
    Engine engine;
    const KeyringFile file = read_file(path, path);
    const Outcome loaded = engine.load_text(file.text.expose(), file.changed_usec);
    if (!loaded.ok()) throw keyring_error(kExitFailed, path, loaded.error());
    return engine;
}

Keyring create_keyring(const std::string& path, const SecretText& text) {
    NewFile file = NewFile::beside(path);
    file.set_ownership({geteuid(), getegid(), S_IRUSR | S_IWUSR});
    file.write(text.expose());
    Keyring keyring = written_keyring(file, path);
    file.publish(path);
    return keyring;
}

Keyring edit_keyring(const std::string& path, const Edit& edit) {
    const std::string target = resolved(path);
    const Lock lock = lock_keyring(target);
    const KeyringFile current = read_file(target, path);
    const SecretText text = edit(parse(current.text, path), current.text.expose());
    NewFile file = NewFile::for_edit_of(target);
    file.set_ownership(lock.ownership);
    file.write(text.expose());
    Keyring keyring = written_keyring(file, path);
    file.replace(target);
    return keyring;
}

}  // namespace caas::cli
