// No key of sealed values, blind indexes and passwords stays in memory after its use or after the keyring is unloaded.
#include "../../src/core/text.hpp"
#include "faults.hpp"
#include "reference.hpp"
#include "sealed_support.hpp"

#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace caas::test {
namespace {

const Blob kUuid = parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c");
const Blob kNonce(kNonceBytes, 7);
constexpr std::string_view kContext = "users.ssn";
constexpr caas_password_costs kCheap = {10, 1, 8, 1, 1, 10000};

Blob subject_key(const Blob& secret, const char* purpose) {
    return reference_choice(reference_purpose_key(secret, purpose), kUuid, {""}).key;
}

Blob message_key(const Blob& secret) {
    Blob info = blob_of("caas/v1/message");
    info.insert(info.end(), kNonce.begin(), kNonce.end());
    info.insert(info.end(), kContext.begin(), kContext.end());
    info.push_back(1);
    return reference_hmac("SHA256", subject_key(secret, "seal"), info);
}

Blob context_key(const Blob& secret) {
    return reference_hmac("SHA256", reference_purpose_key(secret, "index"), as_bytes(kContext));
}

Blob password_input(const Blob& secret) {
    return reference_hmac("SHA256", subject_key(secret, "password"), as_bytes("secret word"));
}

void use_everything(caas_engine* engine, const std::string& keyring_path) {
    std::uint8_t index[16];
    char text[CAAS_PASSWORD_TEXT_BYTES];
    int match = 0;
    ASSERT_EQ(caas_engine_load(engine, keyring_path.c_str(), nullptr), CAAS_OK);
    const Blob sealed = sealed_with_nonce(engine, kUuid, kContext, kNonce, blob_of("some data"));
    ASSERT_EQ(open_of(engine, kUuid, kContext, sealed).status, CAAS_OK);
    ASSERT_EQ(caas_blind_index(engine, 0, kContext.data(), kContext.size(), "v", 1, index, sizeof index, nullptr),
              CAAS_OK);
    ASSERT_EQ(caas_password_hash(engine, kUuid.data(), "secret word", 11, &kCheap, text, nullptr), CAAS_OK);
    ASSERT_EQ(caas_password_verify(engine, kUuid.data(), "secret word", 11, text, std::strlen(text), &match, nullptr),
              CAAS_OK);
    ASSERT_EQ(match, 1);
}

TEST(KeyMemory, FreedMemoryHoldsNoKey) {
    for (const char* cipher : kCipherNames) {
        if (!expect_provided(cipher)) continue;
        const TempFolder folder;
        const std::string path = folder.write("keyring", keyring_of(1, " ciphers=" + std::string(cipher)));
        const Blob keys[] = {reference_purpose_key(secret_of(1), "seal"),
                             reference_purpose_key(secret_of(1), "index"),
                             reference_purpose_key(secret_of(1), "password"),
                             subject_key(secret_of(1), "seal"),
                             subject_key(secret_of(1), "password"),
                             message_key(secret_of(1)),
                             context_key(secret_of(1)),
                             password_input(secret_of(1))};
        for (const Blob& key : keys) {
            const FreedMemoryWatch watch(key);
            {
                const EnginePtr engine = new_engine();
                use_everything(engine.get(), path);
                caas_engine_unload(engine.get());
            }
            EXPECT_EQ(watch.found(), 0) << cipher << " key " << &key - keys;
        }
    }
}

// Neither does what reads, compares, writes and uses an index key that another generation carries.
TEST(KeyMemory, FreedMemoryHoldsNoCarriedIndexKey) {
    const TempFolder folder;
    const Blob key = reference_purpose_key(secret_of(1), "index");
    const std::string path =
        folder.write("keyring", std::string(kVersionLine) + generation_line(1, "retired", secret_of(1)) +
                                    generation_line(2, "active", secret_of(2), " index=1:" + base64(key)));
    for (const Blob& wanted : {key, context_key(secret_of(1)), blob_of(base64(key))}) {
        const FreedMemoryWatch watch(wanted);
        {
            const EnginePtr engine = new_engine();
            use_everything(engine.get(), path);
            caas_generation_info info = {};
            int generation = 0;
            ASSERT_EQ(caas_engine_generation(engine.get(), 0, &info, nullptr), CAAS_OK);
            ASSERT_EQ(caas_engine_index_generation(engine.get(), 1, &generation, nullptr), CAAS_OK);
            EXPECT_EQ(generation, 0);
            caas_engine_unload(engine.get());
        }
        EXPECT_EQ(watch.found(), 0) << wanted.size() << " bytes";
    }
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// A key XORed with 0xFF, computed in another process, so that only the core brings the key itself into this one.
Blob masked(const std::function<Blob()>& compute) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    const pid_t child = fork();
    if (child == 0) {
        Blob key = compute();
        for (std::uint8_t& byte : key) byte ^= 0xFF;
        _exit(write(ends[1], key.data(), 32) == 32 ? 0 : 1);
    }
    Blob key(32);
    const ssize_t got = read(ends[0], key.data(), key.size());
    (void)close(ends[0]);
    (void)close(ends[1]);
    int status = 1;
    if (waitpid(child, &status, 0) != child || status != 0 || got != 32) throw std::runtime_error("no key");
    return key;
}

enum class Stack { searched, left_out };

using Range = std::pair<std::uintptr_t, std::uintptr_t>;

bool is_readable(std::uintptr_t page) {
    char byte = 0;
    const iovec local = {&byte, 1};
    const iovec remote = {reinterpret_cast<void*>(page), 1};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

// Adds the parts of a mapping that can be read. From version 2.42 on glibc makes guard pages inside the mappings of
// stacks, which /proc does not show.
void add_readable(std::uintptr_t from, std::uintptr_t to, std::vector<Range>& ranges) {
    const auto page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    bool follows = false;
    for (std::uintptr_t page = from; page < to; page += page_bytes) {
        const bool readable = is_readable(page);
        if (readable && follows) ranges.back().second += page_bytes;
        if (readable && !follows) ranges.emplace_back(page, page + page_bytes);
        follows = readable;
    }
}

// The number of copies of the unmasked key in this process's own writable memory.
int copies_of(const Blob& masked_key, Stack stack) {
    std::vector<Range> ranges;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        unsigned long from = 0;
        unsigned long to = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx rw-p", &from, &to) == 2 && line.find(" rw-p ") != std::string::npos &&
            (stack == Stack::searched || line.find("[stack]") == std::string::npos)) {
            add_readable(from, to, ranges);
        }
    }
    const auto first = static_cast<std::uint8_t>(masked_key[0] ^ 0xFF);
    int copies = 0;
    for (const auto& [from, to] : ranges) {
        const auto* at = reinterpret_cast<const std::uint8_t*>(from);
        const auto* const end = reinterpret_cast<const std::uint8_t*>(to) - masked_key.size();
        while (at < end && (at = static_cast<const std::uint8_t*>(std::memchr(at, first, end - at))) != nullptr) {
            std::size_t same = 1;
            while (same < masked_key.size() && (at[same] ^ 0xFF) == masked_key[same]) same++;
            copies += same == masked_key.size() ? 1 : 0;
            at++;
        }
    }
    return copies;
}

TEST(KeyMemory, UnloadingForgetsTheLastKeysToo) {
    if (kSanitized) GTEST_SKIP() << "AddressSanitizer keeps freed memory and more";
    const TempFolder folder;
    // Another secret than in the test above, whose keys this process has computed.
    const Blob secret = secret_of(99);
    const std::string path = folder.write(
        "keyring", std::string(kVersionLine) + generation_line(1, "active", secret, " ciphers=chacha20-poly1305"));
    const Blob of_message = masked([&] { return message_key(secret); });
    const Blob others[] = {masked([&] { return subject_key(secret, "seal"); }),
                           masked([&] { return subject_key(secret, "password"); }),
                           masked([&] { return context_key(secret); }), masked([&] { return password_input(secret); })};
    const EnginePtr engine = new_engine();
    use_everything(engine.get(), path);
    // The context of ChaCha20 holds its key in plain, which shows that the search finds keys.
    EXPECT_GT(copies_of(of_message, Stack::left_out), 0);
    for (const Blob& key : others) EXPECT_EQ(copies_of(key, Stack::searched), 0) << &key - others;
    caas_engine_unload(engine.get());
    // OpenSSL's assembly of ChaCha20 leaves its key in a stack frame that later calls overwrite or not.
    EXPECT_EQ(copies_of(of_message, Stack::left_out), 0);
}

}  // namespace
}  // namespace caas::test
