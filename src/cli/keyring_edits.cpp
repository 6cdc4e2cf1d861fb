// The commands that change a keyring.
#include "../core/cipher_pool.hpp"
#include "../core/digest_pool.hpp"
#include "../core/password_pool.hpp"
#include "command.hpp"
#include "keyring_commands.hpp"
#include "keyring_store.hpp"
#include "keyring_text.hpp"
#include "keyring_view.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>

namespace caas::cli {

namespace {

// The option that names a pool, without its "--": "digests" of the keyring's "digests=".
std::string option_of(const PoolKind& kind) { return std::string(kind.field.substr(0, kind.field.size() - 1)); }

AlgorithmId known_algorithm(const PoolKind& kind, const std::string& name) {
    const auto id = find_algorithm(kind, name);
    if (!id) throw usage_error("--" + option_of(kind) + ": there is no algorithm '" + name + "'");
    if (!kind.provided(*id)) throw program_error("--" + option_of(kind) + ": this OpenSSL does not provide " + name);
    return *id;
}

// The pool of an option, or otherwise where it was not given.
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
    const std::size_t index = keyring.find(number);
    if (index == keyring.generations().size()) {
        throw program_error(options.file + ": there is no generation " + std::to_string(number));
    }
    return keyring.generations()[index];
}

const Generation& active_of(const Keyring& keyring) { return keyring.generations()[keyring.active_index()]; }

void report_generation(const KeyringOptions& options, const Generation& generation) {
    std::cout << name_of(options, generation.number) << " is " << (generation.active ? "active" : "retired")
              << ", check value " << check_value_of(generation) << '\n';
}

// The text with the generation made active and the active one retired.
SecretText with_active(const KeyringOptions& options, const Keyring& current, std::string_view text, int number) {
    const Generation& chosen = existing(current, options, number);
    if (chosen.active) throw program_error(name_of(options, number) + " is active already");
    const SecretText none_active = with_state(text, active_of(current), false);
    return with_state(none_active.expose(), chosen, true);
}

}  // namespace

int keyring_init(const KeyringOptions& options) {
    const Pools pools =
        chosen_pools(options, default_pool(digest_pool), default_pool(cipher_pool), default_pool(password_pool));
    const Keyring keyring = create_keyring(options.file, new_keyring_text(make_generation(1, true, pools)));
    warn_about_keyring(options.file, keyring.warnings());
    report_generation(options, active_of(keyring));
    if (geteuid() == 0) {
        note(
            "the file is root's alone; a server of another user can read it after 'chgrp' to that user's group and "
            "'chmod 640'");
    }
    return kExitOk;
}

int keyring_rotate(const KeyringOptions& options) {
    int number = 0;
    const Keyring keyring = edit_keyring(options.file, [&](const Keyring& current, std::string_view text) {
        const Generation& active = active_of(current);
        number = highest_number(text, current) + 1;
        if (number > kMaxGenerationNumber) throw program_error(options.file + ": the numbers up to 65535 are used up");
        const Pools pools = chosen_pools(options, active.digests, active.ciphers, active.passwords);
        const Generation added = make_generation(number, !options.stage, pools);
        if (options.stage) return with_generation(text, added);
        return with_generation(with_state(text, active, false).expose(), added);
    });
    warn_about_keyring(options.file, keyring.warnings());
    report_generation(options, existing(keyring, options, number));
    return kExitOk;
}

int keyring_activate(const KeyringOptions& options) {
    const Keyring keyring = edit_keyring(options.file, [&](const Keyring& current, std::string_view text) {
        return with_active(options, current, text, options.number);
    });
    report_generation(options, active_of(keyring));
    return kExitOk;
}

int keyring_retire(const KeyringOptions& options) {
    const std::string name = name_of(options, options.number);
    const Keyring keyring = edit_keyring(options.file, [&](const Keyring& current, std::string_view text) {
        if (!existing(current, options, options.number).active) throw program_error(name + " is retired already");
        if (!options.activate) {
            throw program_error(name +
                                " is active and one has to be: name another by --activate, or use 'keyring rotate'");
        }
        return with_active(options, current, text, *options.activate);
    });
    report_generation(options, active_of(keyring));
    return kExitOk;
}

int keyring_remove(const KeyringOptions& options) {
    const std::string name = name_of(options, options.number);
    (void)edit_keyring(options.file, [&](const Keyring& current, std::string_view text) {
        const Generation& removed = existing(current, options, options.number);
        if (removed.active) throw program_error(name + " is active: make another active first, then remove it");
        if (!options.yes) {
            throw usage_error(name +
                              " was not removed: no value made under it can be verified or opened again; "
                              "repeat with --yes");
        }
        return without_generation(text, removed);
    });
    std::cout << name << " is removed\n";
    return kExitOk;
}

}  // namespace caas::cli
