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
    prepare_secure_memory();
    auto file = read_keyring_file(path.c_str(), expected_owner(path));
    if (!file.ok()) throw keyring_failure(kExitFailed, shown, file.error());
    return std::move(file.value());
}

Keyring parse(const SecretText& text, const std::string& shown) {
    auto keyring = parse_keyring(text.expose());
    if (!keyring.ok()) throw keyring_failure(kExitFailed, shown, keyring.error());
    return std::move(keyring.value());
}

// Reads back what was written, so that nothing takes a keyring's place that the server would refuse.
Keyring written_keyring(const NewFile& file, const std::string& shown) {
    return parse(read_file(file.path(), shown).text, shown);
}

// The lock is the keyring file itself: no lock file stays, and who cannot read the keyring cannot block an edit. Each
// edit puts a new file in its place, so a waiter has to look again.
class Lock {
public:
    explicit Lock(const std::string& path) {
        while (!try_lock(path)) (void)close(fd_);
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() {
        if (fd_ >= 0) (void)close(fd_);
    }
    Ownership ownership() const { return {status_.st_uid, status_.st_gid, status_.st_mode & mode_t{07777}}; }

private:
    bool try_lock(const std::string& path) {
        fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd_ < 0) throw os_failure(path, "the file cannot be opened");
        int locked = -1;
        do {
            locked = flock(fd_, LOCK_EX);
        } while (locked != 0 && errno == EINTR);
        if (locked != 0 || fstat(fd_, &status_) != 0) throw os_failure(path, "the file cannot be locked");
        struct stat now = {};
        return stat(path.c_str(), &now) == 0 && now.st_dev == status_.st_dev && now.st_ino == status_.st_ino;
    }

    int fd_ = -1;
    struct stat status_ = {};
};

std::string resolved(const std::string& path) {
    const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
    if (!real) throw os_failure(path, "the file cannot be opened");
    return real.get();
}

}  // namespace

Keyring load_keyring(const std::string& path) { return parse(read_file(path, path).text, path); }

void load_engine(Engine& engine, const std::string& path) {
    const KeyringFile file = read_file(path, path);
    const Outcome loaded = engine.load_text(file.text.expose(), file.changed_usec);
    if (!loaded.ok()) throw keyring_failure(kExitFailed, path, loaded.error());
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
    const Lock lock(target);
    const KeyringFile current = read_file(target, path);
    const SecretText text = edit(parse(current.text, path), current.text.expose());
    NewFile file = NewFile::for_edit_of(target);
    file.set_ownership(lock.ownership());
    file.write(text.expose());
    Keyring keyring = written_keyring(file, path);
    file.replace(target);
    return keyring;
}

}  // namespace caas::cli
