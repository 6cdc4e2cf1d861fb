// The commands that show a keyring: list and check.
#include "keyring_report.hpp"
#include "../core/cipher_pool.hpp"
#include "../core/digest_pool.hpp"
#include "../core/engine.hpp"
#include "../core/password_pool.hpp"
#include "command.hpp"
#include "keyring_commands.hpp"
#include "keyring_file.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <iostream>

namespace caas::cli {

namespace {

const char* state_of(const Generation& generation) { return generation.active ? "active" : "retired"; }

// A default pool is shown as "default": the names are long and never change.
std::string short_pool(const PoolKind& kind, const Pool& pool) {
    return pool == default_pool(kind) ? "default" : pool_text(kind, pool);
}

using Row = std::array<std::string, 8>;

void print_table(const Keyring& keyring) {
    std::vector<Row> rows = {
        {"NUMBER", "STATE", "CREATED", "CHECK VALUE", "INDEX KEY", "DIGESTS", "CIPHERS", "PASSWORDS"}};
    for (const Generation& generation : keyring.generations()) {
        rows.push_back({std::to_string(generation.number), state_of(generation), generation.created,
                        check_value_of(generation), std::to_string(generation.index_key_generation()),
                        short_pool(digest_pool, generation.digests), short_pool(cipher_pool, generation.ciphers),
                        short_pool(password_pool, generation.passwords)});
    }
    std::array<std::size_t, std::tuple_size_v<Row>> widths{};
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

// nlohmann-json in the order of insertion.
using Json = nlohmann::ordered_json;

Json json_pool(const PoolKind& kind, const Pool& pool) {
    Json names = Json::array();
    for (const AlgorithmId id : pool) names.push_back(kind.name(id));
    return names;
}

void print_json(const Keyring& keyring) {
    Json list = Json::array();
    for (const Generation& generation : keyring.generations()) {
        list.push_back({{"number", generation.number},
                        {"state", state_of(generation)},
                        {"created", generation.created},
                        {"check_value", check_value_of(generation)},
                        {"index_key_generation", generation.index_key_generation()},
                        {"digests", json_pool(digest_pool, generation.digests)},
                        {"ciphers", json_pool(cipher_pool, generation.ciphers)},
                        {"passwords", json_pool(password_pool, generation.passwords)}});
    }
    std::cout << list.dump(2) << '\n';
}

struct Account {
    std::string name;  // empty for a number without an account
    uid_t uid;
    gid_t gid;
};

// name_or_number is the name of a user or, where there is none of this name, a numeric user id.
Account find_account(const std::string& name_or_number) {
    const passwd* user = getpwnam(name_or_number.c_str());
    if (user != nullptr) return {user->pw_name, user->pw_uid, user->pw_gid};
    uid_t uid = 0;
    const char* const end = name_or_number.data() + name_or_number.size();
    const auto [parsed, error] = std::from_chars(name_or_number.data(), end, uid);
    if (error != std::errc() || parsed != end || uid == static_cast<uid_t>(-1)) {
        throw usage_error("--user: there is no user '" + name_or_number + "'");
    }
    user = getpwuid(uid);
    if (user != nullptr) return {user->pw_name, user->pw_uid, user->pw_gid};
    return {"", uid, static_cast<gid_t>(uid)};
}

// Becomes the user for good: the load that follows is then exactly that of a server of this user. A number without an
// account has the group of the same number and no other, as in a container.
void become(const std::string& name_or_number) {
    const Account account = find_account(name_or_number);
    if (geteuid() != 0) {
        if (account.uid == geteuid()) return;
        throw program_error("--user: only root can check as another user");
    }
    const int grouped = account.name.empty() ? setgroups(0, nullptr) : initgroups(account.name.c_str(), account.gid);
    if (grouped != 0 || setgid(account.gid) != 0 || setuid(account.uid) != 0) {
        throw program_error("--user: the change to this user failed");
    }
}

}  // namespace

std::string check_value_of(const Generation& generation) {
    const auto value = generation.check_value();
    if (!value.ok()) throw program_error(value.error().reason);
    return value.value();
}

int keyring_list(const KeyringOptions& options) {
    const Keyring keyring = load_keyring(options.file);
    warn_about_keyring(options.file, keyring.warnings());
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
    const Generation& active = keyring.active();
    warn_about_keyring(options.file, keyring.warnings());
    std::cout << options.file << ": OK, generations: " << keyring.generations().size() << ", active: " << active.number
              << ", check value: " << check_value_of(active)
              << ", index key of generation: " << active.index_key_generation() << '\n';
    return kExitOk;
}

}  // namespace caas::cli
