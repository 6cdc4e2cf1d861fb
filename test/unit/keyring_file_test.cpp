// Reading a keyring file: owner, permissions, and whatever is no keyring file.
#include "../../src/core/keyring.hpp"
#include "support.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace caas::test {
namespace {

constexpr uid_t kOther = 65534;  // nobody: any user that is neither root nor the one under test
constexpr uid_t kThird = 12345;
constexpr const char* kNeedsRoot = "only root can give files to other users";

constexpr const char* kWiderThan0640 = "the file is owned by root and its mode is wider than 0640";
constexpr const char* kWiderThan0600 = "the mode of the file is wider than 0600";
constexpr const char* kForeign = "the file belongs neither to root nor to the user of this process";

bool is_root() { return geteuid() == 0; }

// The reason why a file of this owner and mode is not read for this user; null when it is read.
const char* verdict(uid_t owner, unsigned mode, uid_t user) {
    const TempFolder folder;
    const std::string path = folder.write("keyring", "content", mode);
    EXPECT_EQ(chown(path.c_str(), owner, static_cast<gid_t>(-1)), 0);
    const auto file = read_keyring_file(path.c_str(), user);
    if (file.ok()) {
        EXPECT_EQ(file.value().text.expose(), "content");
        return nullptr;
    }
    EXPECT_EQ(file.error().status, CAAS_ERR_KEYRING_PERMISSIONS);
    EXPECT_EQ(file.error().os_error, 0);
    return file.error().reason;
}

TEST(KeyringFile, ReadsContentAndTime) {
    const TempFolder folder;
    const std::string content = "some\0content\n" + std::string(300000, 'x');
    const std::string path = folder.write("keyring", content);
    const auto file = read_keyring_file(path.c_str());
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file.value().text.expose(), content);
    struct stat status = {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(file.value().changed_usec, status.st_ctim.tv_sec * 1000000 + status.st_ctim.tv_nsec / 1000);
}

TEST(KeyringFile, OwnFileMustBeClosedToAllOthers) {
    if (!is_root()) {
        for (const unsigned mode : {0600U, 0400U, 0700U})
            EXPECT_EQ(verdict(geteuid(), mode, geteuid()), nullptr) << mode;
        EXPECT_STREQ(verdict(geteuid(), 0640, geteuid()), kWiderThan0600);
        return;
    }
    for (const unsigned mode : {0600U, 0400U, 0700U}) EXPECT_EQ(verdict(kOther, mode, kOther), nullptr) << mode;
    for (unsigned bit = 0001; bit <= 0040; bit <<= 1) {
        EXPECT_STREQ(verdict(kOther, 0600 | bit, kOther), kWiderThan0600) << bit;
    }
}

TEST(KeyringFile, RootsFileMayBeReadableToItsGroup) {
    if (!is_root()) GTEST_SKIP() << kNeedsRoot;
    for (const uid_t user : {uid_t{0}, kOther}) {
        for (const unsigned mode : {0600U, 0400U, 0640U, 0440U}) EXPECT_EQ(verdict(0, mode, user), nullptr) << mode;
        for (const unsigned bit : {0020U, 0010U, 0004U, 0002U, 0001U}) {
            EXPECT_STREQ(verdict(0, 0640 | bit, user), kWiderThan0640) << bit;
        }
        EXPECT_STREQ(verdict(0, 0444, user), kWiderThan0640);  // what platforms give a mounted secret by default
    }
}

TEST(KeyringFile, FileOfAThirdUserIsRefused) {
    if (!is_root()) GTEST_SKIP() << kNeedsRoot;
    EXPECT_STREQ(verdict(kThird, 0600, kOther), kForeign);
    EXPECT_STREQ(verdict(kThird, 0600, 0), kForeign);
    EXPECT_STREQ(verdict(kThird, 0400, kOther), kForeign);
}

// Runs body as another user in a child; its value is the child's exit code.
int as_other_user(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) {
        const bool dropped = setgid(kOther) == 0 && setuid(kOther) == 0;
        _exit(dropped ? body() : 255);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(KeyringFile, ProcessUserIsTheDefault) {
    if (!is_root()) GTEST_SKIP() << kNeedsRoot;
    const TempFolder folder;
    ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
    const std::string own = folder.write("own", published_keyring());
    ASSERT_EQ(chown(own.c_str(), kOther, static_cast<gid_t>(-1)), 0);
    const std::string shared = folder.write("shared", published_keyring(), 0640);
    ASSERT_EQ(chown(shared.c_str(), 0, kOther), 0);
    const std::string roots = folder.write("roots", published_keyring());
    const auto status_of = [](const std::string& path) {
        caas_error error = {};
        const EnginePtr engine = new_engine();
        const int status = caas_engine_load(engine.get(), path.c_str(), &error);
        return error.os_error == EACCES ? 100 : status;
    };
    EXPECT_EQ(as_other_user([&] { return status_of(own); }), CAAS_OK);
    EXPECT_EQ(as_other_user([&] { return status_of(shared); }), CAAS_OK);
    EXPECT_EQ(as_other_user([&] { return status_of(roots); }), 100);
    EXPECT_EQ(status_of(own), CAAS_ERR_KEYRING_PERMISSIONS);
    EXPECT_EQ(status_of(roots), CAAS_OK);
}

void expect_file_error(const std::string& path, const char* reason, int os_error) {
    const auto file = read_keyring_file(path.c_str());
    ASSERT_FALSE(file.ok()) << path;
    EXPECT_EQ(file.error().status, CAAS_ERR_KEYRING_FILE);
    EXPECT_STREQ(file.error().reason, reason);
    EXPECT_EQ(file.error().os_error, os_error);
}

TEST(KeyringFile, NotAFile) {
    const TempFolder folder;
    expect_file_error(folder.file("missing"), "the file cannot be opened", ENOENT);
    expect_file_error("", "the file cannot be opened", ENOENT);
    expect_file_error(folder.file("missing") + "/below", "the file cannot be opened", ENOENT);
    expect_file_error(folder.path(), "it is not a regular file", 0);
    expect_file_error("/dev/null", "it is not a regular file", 0);
    const std::string fifo = folder.file("fifo");
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    alarm(10);  // a read that waits for a writer would hang the test
    expect_file_error(fifo, "it is not a regular file", 0);
    alarm(0);
}

TEST(KeyringFile, LinkCountsAsWhatItPointsTo) {
    const TempFolder folder;
    const std::string target = folder.write("target", published_keyring());
    const std::string link = folder.file("link");
    ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
    EXPECT_TRUE(read_keyring_file(link.c_str()).ok());
    ASSERT_EQ(chmod(target.c_str(), 0604), 0);
    EXPECT_EQ(read_keyring_file(link.c_str()).error().status, CAAS_ERR_KEYRING_PERMISSIONS);
    ASSERT_EQ(unlink(target.c_str()), 0);
    expect_file_error(link, "the file cannot be opened", ENOENT);
    const std::string loop = folder.file("loop");
    ASSERT_EQ(symlink(loop.c_str(), loop.c_str()), 0);
    expect_file_error(loop, "the file cannot be opened", ELOOP);
}

TEST(KeyringFile, Sizes) {
    const TempFolder folder;
    const std::string path = folder.write("keyring", "");
    const auto empty = read_keyring_file(path.c_str());
    ASSERT_TRUE(empty.ok());
    EXPECT_EQ(empty.value().text.expose(), "");
    constexpr off_t kMost = off_t{8} * 1024 * 1024;
    ASSERT_EQ(truncate(path.c_str(), kMost), 0);
    const auto most = read_keyring_file(path.c_str());
    ASSERT_TRUE(most.ok());
    EXPECT_EQ(most.value().text.expose().size(), static_cast<std::size_t>(kMost));
    for (const off_t size : {kMost + 1, kMost * 1000}) {
        ASSERT_EQ(truncate(path.c_str(), size), 0);
        expect_file_error(path, "the file is over 8 MiB", 0);
    }
}

TEST(KeyringFile, LeavesNoDescriptorOpen) {
    const TempFolder folder;
    const std::string good = folder.write("good", "content");
    const std::string open_to_all = folder.write("open", "content", 0644);
    const int before = dup(0);
    ASSERT_GE(before, 0);
    ASSERT_EQ(close(before), 0);
    EXPECT_TRUE(read_keyring_file(good.c_str()).ok());
    EXPECT_FALSE(read_keyring_file(open_to_all.c_str()).ok());
    EXPECT_FALSE(read_keyring_file(folder.path().c_str()).ok());
    const int after = dup(0);  // the lowest free number again
    EXPECT_EQ(after, before);
    ASSERT_EQ(close(after), 0);
}

}  // namespace
}  // namespace caas::test
