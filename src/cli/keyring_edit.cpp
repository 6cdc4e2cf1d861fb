// The commands that change a keyring, and the changes that they make to its text (spec section 2). A change touches
// only the lines that it is about: comments, blank lines and the order stay. A removed generation leaves a comment,
// "# removed NUMBER TIME", so that its number is never used again.
#include "keyring_edit.hpp"

#include "../core/cipher_pool.hpp"
#include "../core/digest_pool.hpp"
#include "../core/key_text.hpp"
#include "../core/password_pool.hpp"
#include "command.hpp"
#include "keyring_commands.hpp"
#include "keyring_databases.hpp"
#include "keyring_file.hpp"
#include "keyring_report.hpp"

#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace caas::cli {

// --- changes of the text ---

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kRemoved = "# removed ";
constexpr std::size_t kLineBytes = 4096;  // longer than any line that is made here

std::string utc_now() {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto today = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date(today);
    const std::chrono::hh_mm_ss time(now - today);
    std::array<char, 32> text{};
    (void)std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                        static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                        static_cast<int>(time.seconds().count()));
    return text.data();
}

// A default pool is left out: an absent field always means the default pool.
void append_pool(const PoolKind& kind, const Pool& pool, std::string& text) {
    if (pool == default_pool(kind)) return;
    text.append(" ").append(kind.field).append(pool_text(kind, pool));
}

SecretText line_of(const Generation& generation) {
    SecretText line(kLineBytes);  // reserved, so that no copy with the secret stays behind
    std::string& text = line.expose_mutable();
    text.append(std::to_string(generation.number)).append(generation.active ? " active " : " retired ");
    text.append(generation.created).append(" ");
    if (!append_key(generation.secret, text)) throw program_error("the secret cannot be encoded");
    append_pool(digest_pool, generation.digests, text);
    append_pool(cipher_pool, generation.ciphers, text);
    append_pool(password_pool, generation.passwords, text);
    if (const auto& carried = generation.carried_index_key;
        carried && !append_index_field(*carried, text.append(" "))) {
        throw program_error("the index key cannot be encoded");
    }
    text.append("\n");
    return line;
}

SecretText spliced(std::string_view text, std::size_t at, std::size_t length, std::string_view replacement) {
    SecretText result(text.size() + replacement.size());
    result.expose_mutable().append(text.substr(0, at)).append(replacement).append(text.substr(at + length));
    return result;
}

std::size_t begin_of_line(std::string_view text, int line) {
    std::size_t at = 0;
    for (int i = 1; i < line; i++) at = text.find('\n', at) + 1;
    return at;
}

// The number in a comment that a removal has left; 0 for another line.
int removed_number(std::string_view line) {
    if (line.substr(0, kRemoved.size()) != kRemoved) return 0;
    int number = 0;
    for (const char c : line.substr(kRemoved.size())) {
        if (c < '0' || c > '9') break;
        number = std::min(number * 10 + (c - '0'), kMaxGenerationNumber + 1);
    }
    return number <= kMaxGenerationNumber ? number : 0;
}

SecretText with_generation(std::string_view text, const Generation& generation) {
    return spliced(text, text.size(), 0, line_of(generation).expose());
}

SecretText with_state(std::string_view text, const Generation& generation, bool active) {
    const std::size_t number = text.find_first_not_of(kBlanks, begin_of_line(text, generation.line));
    const std::size_t state = text.find_first_not_of(kBlanks, text.find_first_of(kBlanks, number));
    const std::size_t end = text.find_first_of(kBlanks, state);
    return spliced(text, state, end - state, active ? "active" : "retired");
}

SecretText without_generation(std::string_view text, const Generation& generation) {
    const std::size_t begin = begin_of_line(text, generation.line);
    const std::string comment = std::string(kRemoved) + std::to_string(generation.number) + " " + utc_now();
    return spliced(text, begin, text.find('\n', begin) - begin, comment);
}

// The highest number that was ever used, removed generations included. An index field names one that was.
int highest_number(std::string_view text, const Keyring& keyring) {
    int highest = 0;
    for (const Generation& generation : keyring.generations()) {
        highest = std::max({highest, generation.number, generation.index_key_generation()});
    }
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        highest = std::max(highest, removed_number(text.substr(at, text.find('\n', at) - at)));
    }
    return highest;
}

}  // namespace

Generation make_generation(int number, bool active, Pools pools) {
    Generation generation;
    generation.number = number;
    generation.active = active;
    generation.created = utc_now();
    generation.digests = std::move(pools.digests);
    generation.ciphers = std::move(pools.ciphers);
    generation.passwords = std::move(pools.passwords);
    if (RAND_priv_bytes(generation.secret.expose_mutable().data(), kSecretBytes) != 1) {
        throw program_error("the random number generator failed");
    }
    return generation;
}

SecretText new_keyring_text(const Generation& generation) {
    return with_generation(std::string(kKeyringVersionLine) + "\n", generation);
}

// --- the commands ---

namespace {

// The name of the option for a pool, without its "--": "digests" for "digests=" in the keyring.
std::string option_of(const PoolKind& kind) { return std::string(kind.field.substr(0, kind.field.size() - 1)); }

AlgorithmId known_algorithm(const PoolKind& kind, const std::string& name) {
    const auto id = find_algorithm(kind, name);
    if (!id) throw usage_error("--" + option_of(kind) + ": there is no algorithm '" + name + "'");
    if (!kind.provided(*id)) throw program_error("--" + option_of(kind) + ": this OpenSSL does not provide " + name);
    return *id;
}

// The pool that an option names; without the option, the pool otherwise.
Pool chosen_pool(const PoolKind& kind, const std::optional<std::string>& names, const Pool& otherwise) {
    if (!names) return otherwise;
    Pool pool;
    for (std::size_t at = 0; at <= names->size();) {
        const std::size_t comma = std::min(names->find(',', at), names->size());
        const AlgorithmId id = known_algorithm(kind, names->substr(at, comma - at));
        if (std::find(pool.begin(), pool.end(), id) != pool.end()) {
            throw usage_error("--" + option_of(kind) + ": " + kind.name(id) + " is named twice");
        }
        pool.push_back(id);
        at = comma + 1;
    }
    return pool;
}

Pools chosen_pools(const KeyringOptions& options, const Pool& digests, const Pool& ciphers, const Pool& passwords) {
    return {chosen_pool(digest_pool, options.digests, digests), chosen_pool(cipher_pool, options.ciphers, ciphers),
            chosen_pool(password_pool, options.passwords, passwords)};
}

std::string name_of(const KeyringOptions& options, int number) {
    return options.file + ": generation " + std::to_string(number);
}

const Generation& existing(const Keyring& keyring, const KeyringOptions& options, int number) {
    const Generation* const found = keyring.find(number);
    if (found == nullptr) throw program_error(options.file + ": there is no generation " + std::to_string(number));
    return *found;
}

void report_generation(const KeyringOptions& options, const Generation& generation) {
    print_done(name_of(options, generation.number) + " is " + (generation.active ? "active" : "retired") +
               ", check value " + check_value_of(generation));
}

// Gives a new generation the index key of the active one, so that blind indexes stay.
void carry_index_key(const Keyring& current, Generation& added) {
    auto key = current.active().index_key();
    if (!key.ok()) throw program_error(key.error().reason);
    added.carried_index_key = std::move(key.value());
}

// Says what the first index field of a keyring asks of its readers.
void note_index_field(const Keyring& keyring, int added) {
    const auto& generations = keyring.generations();
    const bool others = std::any_of(generations.begin(), generations.end(), [&](const Generation& generation) {
        return generation.number != added && generation.carried_index_key;
    });
    if (others || !keyring.find(added)->carried_index_key) return;
    note("the new generation carries an index key: every server that reads this keyring needs caas 0.5 or later");
}

// Says that an index key outlives its generation.
void note_kept_index_key(const Keyring& keyring, int removed) {
    for (const Generation& generation : keyring.generations()) {
        if (generation.index_key_generation() != removed) continue;
        note("generation " + std::to_string(generation.number) +
             " still has its index key: after a leak begin another by 'keyring rotate --index'");
        return;
    }
}

// Says to root who can read a new keyring.
void note_owner(const std::string& path) {
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) return;  // another process may have moved it since
    if (status.st_uid == 0) {
        note(
            "the file is root's alone; a server of another user can read it after 'chgrp' to that user's group and "
            "'chmod 640'");
    } else {
        note("the file belongs to the owner of its folder, not to root");
    }
}

// The text with the generation made active and the active one retired.
SecretText with_active(const KeyringOptions& options, const Keyring& current, std::string_view text, int number) {
    const Generation& chosen = existing(current, options, number);
    if (chosen.active) throw program_error(name_of(options, number) + " is active already");
    const SecretText none_active = with_state(text, current.active(), false);
    return with_state(none_active.expose(), chosen, true);
}

// The next two are checked before databases are asked, and again in the file that is changed.
void check_retirement(const Keyring& current, const KeyringOptions& options) {
    const std::string name = name_of(options, options.number);
    if (!existing(current, options, options.number).active) throw program_error(name + " is retired already");
    if (!options.activate) {
        throw program_error(name + " is active and one has to be: name another by --activate, or use 'keyring rotate'");
    }
}

void check_removal(const Keyring& current, const KeyringOptions& options) {
    const std::string name = name_of(options, options.number);
    if (existing(current, options, options.number).active) {
        throw program_error(name + " is active: make another active first, then remove it");
    }
    if (!options.yes) {
        const std::string unasked = options.databases.empty() ? ", and with --database for a database of each server "
                                                                "that uses the keyring, which asks for such values"
                                                              : "";
        throw usage_error(name +
                          " was not removed: no value made under it can be verified or opened again; "
                          "repeat with --yes" +
                          unasked);
    }
}

}  // namespace

int keyring_init(const KeyringOptions& options) {
    const Pools pools =
        chosen_pools(options, default_pool(digest_pool), default_pool(cipher_pool), default_pool(password_pool));
    const Keyring keyring = create_keyring(options.file, new_keyring_text(make_generation(1, true, pools)));
    warn_about_keyring(options.file, keyring.warnings());
    report_generation(options, keyring.active());
    if (geteuid() == 0) note_owner(options.file);
    return kExitOk;
}

int keyring_rotate(const KeyringOptions& options) {
    int number = 0;
    const Keyring keyring = edit_keyring(options.file, [&](const Keyring& current, std::string_view text) {
        const Generation& active = current.active();
        number = highest_number(text, current) + 1;
        if (number > kMaxGenerationNumber) throw program_error(options.file + ": the numbers up to 65535 are used up");
        const Pools pools = chosen_pools(options, active.digests, active.ciphers, active.passwords);
        Generation added = make_generation(number, !options.stage, pools);
        if (!options.new_index_key) carry_index_key(current, added);
        if (options.stage) return with_generation(text, added);
        return with_generation(with_state(text, active, false).expose(), added);
    });
    warn_about_keyring(options.file, keyring.warnings());
    note_index_field(keyring, number);
    report_generation(options, existing(keyring, options, number));
    return kExitOk;
}

int keyring_activate(const KeyringOptions& options) {
    const Keyring keyring = edit_keyring(options.file, [&](const Keyring& current, std::string_view text) {
        return with_active(options, current, text, options.number);
    });
    report_generation(options, keyring.active());
    return kExitOk;
}

int keyring_retire(const KeyringOptions& options) {
    if (!options.databases.empty()) check_retirement(load_keyring(options.file), options);
    require_no_values(options);
    const Keyring keyring = edit_keyring(options.file, [&](const Keyring& current, std::string_view text) {
        check_retirement(current, options);
        return with_active(options, current, text, *options.activate);
    });
    report_generation(options, keyring.active());
    return kExitOk;
}

int keyring_remove(const KeyringOptions& options) {
    if (!options.databases.empty()) check_removal(load_keyring(options.file), options);
    require_no_values(options);
    const Keyring keyring = edit_keyring(options.file, [&](const Keyring& current, std::string_view text) {
        check_removal(current, options);
        return without_generation(text, existing(current, options, options.number));
    });
    note_kept_index_key(keyring, options.number);
    print_done(name_of(options, options.number) + " is removed");
    return kExitOk;
}

}  // namespace caas::cli
