// The command lines of `caas keyring`.
#include "keyring_commands.hpp"

#include "../core/cipher_pool.hpp"
#include "../core/digest_pool.hpp"
#include "../core/keyring.hpp"
#include "../core/password_pool.hpp"
#include "register.hpp"

namespace caas::cli {

namespace {

// Adds a command that takes FILE; the caller adds its other options.
Command<KeyringOptions> add(CLI::App& group, Action& chosen, const char* name, const char* description,
                            int (*run)(const KeyringOptions&)) {
    auto command = add_command(group, chosen, name, description, run);
    command.line->add_option("FILE", command.options->file, "The keyring")->required()->type_name("");
    return command;
}

void add_number(const Command<KeyringOptions>& command) {
    command.line->add_option("N", command.options->number, "The number of the generation")
        ->required()
        ->check(CLI::Range(1, kMaxGenerationNumber))
        ->type_name("");
}

void add_databases(const Command<KeyringOptions>& command) {
    command.line
        ->add_option("--database", command.options->databases,
                     "Refuse while a database of this server has values of the generation; may be repeated")
        ->type_name("NAME")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    command.line
        ->add_option("--force-generation", command.options->force_generation,
                     "The same number again: do it in spite of what a database says")
        ->type_name("N")
        ->check(CLI::Range(1, kMaxGenerationNumber))
        ->needs("--database");
}

std::string known_algorithms(const PoolKind& kind) {
    std::string known;
    for (std::size_t id = 0; id < kind.known; id++) known += std::string(id == 0 ? "" : ", ") + kind.name(id);
    return "  " + std::string(kind.field.substr(0, kind.field.size() - 1)) + ": " + known + "\n";
}

void add_pools(const Command<KeyringOptions>& command, const std::string& otherwise) {
    const auto add = [&](const char* option, const char* what, std::optional<std::string>& names) {
        command.line->add_option(option, names, std::string(what) + ", joined by commas; without it, " + otherwise)
            ->type_name("NAMES");
    };
    add("--digests", "Digest algorithms", command.options->digests);
    add("--ciphers", "Ciphers", command.options->ciphers);
    add("--passwords", "Password hashes", command.options->passwords);
    command.line->footer("Algorithms, whose order matters:\n" + known_algorithms(digest_pool) +
                         known_algorithms(cipher_pool) + known_algorithms(password_pool));
}

void add_edits(CLI::App& group, Action& chosen) {
    const auto init =
        add(group, chosen, "init", "Make a keyring with one active generation; never overwrites a file", keyring_init);
    add_pools(init, "the default pool");

    const auto rotate = add(group, chosen, "rotate",
                            "Add a generation and make it active; the active one becomes retired", keyring_rotate);
    add_pools(rotate, "those of the active generation");
    rotate.line->add_flag("--stage", rotate.options->stage,
                          "Add it as retired: copy the keyring to every server first, then 'keyring activate' it");

    rotate.line->add_flag(
        "--index", rotate.options->new_index_key,
        "Begin a new index key, as after a leak: blind indexes change. Without it they stay, and every "
        "server needs caas 0.5");

    add_number(add(group, chosen, "activate",
                   "Make a generation active, such as a staged one; the active one becomes retired", keyring_activate));

    const auto retire =
        add(group, chosen, "retire", "Retire the active generation N in favour of another", keyring_retire);
    add_number(retire);
    add_databases(retire);
    retire.line->add_option("--activate", retire.options->activate, "The generation that becomes active")
        ->check(CLI::Range(1, kMaxGenerationNumber))
        ->type_name("M");

    const auto remove =
        add(group, chosen, "remove", "Delete a retired generation: what was made under it can never be verified again",
            keyring_remove);
    add_number(remove);
    add_databases(remove);
    remove.line->add_flag("--yes", remove.options->yes, "Required, because the secret cannot be restored");
}

void add_reports(CLI::App& group, Action& chosen) {
    const auto list =
        add(group, chosen, "list", "Show the generations and their check values, never the secrets", keyring_list);
    list.line->add_flag("--json", list.options->json, "Print JSON");

    const auto check =
        add(group, chosen, "check", "Load the keyring as a server does, and say whether it can be used", keyring_check);
    check.line
        ->add_option("--user", check.options->user, "Check as the user of the server, by name or number; needs root")
        ->type_name("USER");
}

}  // namespace

void add_keyring_commands(CLI::App& app, Action& chosen) {
    CLI::App* group = app.add_subcommand("keyring", "Make, change and check keyring files");
    group->require_subcommand(1);
    add_edits(*group, chosen);
    add_reports(*group, chosen);
}

}  // namespace caas::cli
