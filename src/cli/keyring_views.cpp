// The commands that show a keyring: list and check.
#include "../core/cipher_pool.hpp"
#include "../core/digest_pool.hpp"
#include "../core/engine.hpp"
#include "../core/password_pool.hpp"
#include "command.hpp"
#include "keyring_commands.hpp"
#include "keyring_store.hpp"
#include "keyring_view.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <iostream>

namespace caas::cli {

namespace {

const char* state_of(const Generation& generation) { return generation.active ? "active" : "retired"; }

// The default pools are long and never change: a word stands for them.
std::string short_pool(const PoolKind& kind, const Pool& pool) {
    return pool == default_pool(kind) ? "default" : pool_text(kind, pool);
}

using Row = std::array<std::string, 7>;

void print_table(const Keyring& keyring) {
    std::vector<Row> rows = {{"NUMBER", "STATE", "CREATED", "CHECK VALUE", "DIGESTS", "CIPHERS", "PASSWORDS"}};
    for (const Generation& generation : keyring.generations()) {
        rows.push_back({std::to_string(generation.number), state_of(generation), generation.created,
                        check_value_of(generation), short_pool(digest_pool, generation.digests),
                        short_pool(cipher_pool, generation.ciphers), short_pool(password_pool, generation.passwords)});
    }
    std::array<std::size_t, 7> widths{};
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < row.size(); i++) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const Row& row : rows) {
        for (std::size_t i = 0; i + 1 < row.size(); i++) {
            std::cout << row[i] << std::string(widths[i] - row[i].size() + 2, ' ');
        }
        std::cout << row.back() << '\n';
    }
}

std::string json_pool(const PoolKind& kind, const Pool& pool) {
    std::string text;
    for (const AlgorithmId id : pool) text += std::string(text.empty() ? "\"" : ", \"") + kind.name(id) + '"';
    return "[" + text + "]";
}

// No text here can hold a character that JSON would want escaped.
void print_json(const Keyring& keyring) {
    const char* separator = "[\n";
    for (const Generation& generation : keyring.generations()) {
        std::cout << separator << "  {\"number\": " << generation.number << ", \"state\": \"" << state_of(generation)
                  << "\", \"created\": \"" << generation.created << "\", \"check_value\": \""
                  << check_value_of(generation) << "\",\n   \"digests\": " << json_pool(digest_pool, generation.digests)
                  << ",\n   \"ciphers\": " << json_pool(cipher_pool, generation.ciphers)
                  << ",\n   \"passwords\": " << json_pool(password_pool, generation.passwords) << "}";
        separator = ",\n";
    }
    std::cout << "\n]\n";
}

// Becomes the user for good: the load that follows is then exactly that of a server of this user.
void become(const std::string& name) {
    const passwd* user = getpwnam(name.c_str());
    if (user == nullptr) throw usage_error("--user: there is no user '" + name + "'");
    if (geteuid() != 0) {
        if (user->pw_uid == geteuid()) return;
        throw program_error("--user: only root can check as another user");
    }
    const uid_t uid = user->pw_uid;
    const gid_t gid = user->pw_gid;
    if (initgroups(name.c_str(), gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0) {
        throw program_error("--user: the change to this user failed");
    }
}

}  // namespace

std::string check_value_of(const Generation& generation) {
    const auto value =
        check_value(generation.secret, generation.number, pool_text(digest_pool, generation.digests),
                    pool_text(cipher_pool, generation.ciphers), pool_text(password_pool, generation.passwords));
    if (!value.ok()) throw program_error(value.error().reason);
    return value.value();
}

int keyring_list(const KeyringOptions& options) {
    const Keyring keyring = load_keyring(options.file);
    if (options.json) {
        print_json(keyring);
    } else {
        print_table(keyring);
    }
    return kExitOk;
}

int keyring_check(const KeyringOptions& options) {
    if (options.user) {
        become(*options.user);
    } else if (geteuid() == 0) {
        note("checked as root; --user NAME checks as the server's user");
    }
    Engine engine;
    const Outcome loaded = engine.load(options.file.c_str());
    if (!loaded.ok()) throw keyring_error(kExitNo, options.file, loaded.error());
    const Keyring& keyring = *engine.keyring();
    const Generation& active = keyring.generations()[keyring.active_index()];
    warn_about_keyring(options.file, keyring.warnings());
    std::cout << options.file << ": OK, generations: " << keyring.generations().size() << ", active: " << active.number
              << ", check value: " << check_value_of(active) << '\n';
    return kExitOk;
}

}  // namespace caas::cli
