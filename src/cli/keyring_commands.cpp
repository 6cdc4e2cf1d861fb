// The command lines of `caas keyring`.
#include "keyring_commands.hpp"
#include "../core/cipher_pool.hpp"
#include "../core/digest_pool.hpp"
#include "../core/keyring.hpp"
#include "../core/password_pool.hpp"
#include "command.hpp"

#include <CLI/CLI.hpp>

namespace caas::cli {

namespace {

using Options = std::shared_ptr<KeyringOptions>;

class Group {
public:
    Group(CLI::App& app, Action& chosen) : app_(app), chosen_(chosen) {}

    // A command that takes FILE; the caller adds what else it takes to the options.
    std::pair<CLI::App*, Options> add(const char* name, const char* description, int (*run)(const KeyringOptions&)) {
        CLI::App* command = app_.add_subcommand(name, description);
        auto options = std::make_shared<KeyringOptions>();
        command->add_option("FILE", options->file, "The keyring")->required()->type_name("");
        command->callback([&chosen = chosen_, options, run] { chosen = bind_action(options, run); });
        return {command, options};
    }

private:
    CLI::App& app_;
    Action& chosen_;
};

void add_number(CLI::App& command, int& number) {
    command.add_option("N", number, "The number of the generation")
        ->required()
        ->check(CLI::Range(1, kMaxGenerationNumber))
        ->type_name("");
}

std::string known_algorithms(const PoolKind& kind) {
    std::string known;
    for (std::size_t id = 0; id < kind.known; id++) known += std::string(id == 0 ? "" : ", ") + kind.name(id);
    return "  " + std::string(kind.field.substr(0, kind.field.size() - 1)) + ": " + known + "\n";
}

void add_pools(CLI::App& command, KeyringOptions& options, const std::string& otherwise) {
    const auto add = [&](const char* option, const char* what, std::optional<std::string>& names) {
        command.add_option(option, names, std::string(what) + ", joined by commas; without it, " + otherwise)
            ->type_name("NAMES");
    };
    add("--digests", "Digest algorithms", options.digests);
    add("--ciphers", "Ciphers", options.ciphers);
    add("--passwords", "Password hashes", options.passwords);
    command.footer("Algorithms, whose order matters:\n" + known_algorithms(digest_pool) +
                   known_algorithms(cipher_pool) + known_algorithms(password_pool));
}

void add_edits(Group& group) {
    const auto [init, init_options] =
        group.add("init", "Make a keyring with one active generation; never overwrites a file", keyring_init);
    add_pools(*init, *init_options, "the default pool");

    const auto [rotate, rotate_options] =
        group.add("rotate", "Add a generation and make it active; the active one becomes retired", keyring_rotate);
    add_pools(*rotate, *rotate_options, "those of the active generation");
    rotate->add_flag("--stage", rotate_options->stage,
                     "Add it as retired: copy the keyring to every server first, then 'keyring activate' it");

    const auto [activate, activate_options] = group.add(
        "activate", "Make a generation active, such as a staged one; the active one becomes retired", keyring_activate);
    add_number(*activate, activate_options->number);

    const auto [retire, retire_options] =
        group.add("retire", "Retire the active generation N in favour of another", keyring_retire);
    add_number(*retire, retire_options->number);
    retire->add_option("--activate", retire_options->activate, "The generation that becomes active")
        ->check(CLI::Range(1, kMaxGenerationNumber))
        ->type_name("M");

    const auto [remove, remove_options] = group.add(
        "remove", "Delete a retired generation: what was made under it can never be verified again", keyring_remove);
    add_number(*remove, remove_options->number);
    remove->add_flag("--yes", remove_options->yes, "Required: the secret cannot be brought back");
}

void add_views(Group& group) {
    const auto [list, list_options] =
        group.add("list", "Show the generations and their check values, never the secrets", keyring_list);
    list->add_flag("--json", list_options->json, "Print JSON");

    const auto [check, check_options] =
        group.add("check", "Load the keyring as a server does, and say whether it can be used", keyring_check);
    check->add_option("--user", check_options->user, "Check as this user, the server's; needs root")->type_name("NAME");
}

}  // namespace

void add_keyring_commands(CLI::App& app, Action& chosen) {
    CLI::App* keyring = app.add_subcommand("keyring", "Make, change and check keyring files");
    keyring->require_subcommand(1);
    Group group(*keyring, chosen);
    add_edits(group);
    add_views(group);
}

}  // namespace caas::cli
