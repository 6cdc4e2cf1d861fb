// `caas api-key` makes keys for clients, and the digests by which a server recognises them.
#include "input.hpp"
#include "new_api_key.hpp"
#include "register.hpp"

#include <unistd.h>
#include <nlohmann/json.hpp>

#include <iostream>

namespace caas::cli {

namespace {

constexpr std::size_t kShortKey = 32;  // characters

struct ApiKeyOptions {
    std::optional<std::string> name;
    bool quiet = false;
    bool json = false;
};

std::string setting_of(const std::string& entry) { return "caas.api_key_digests = '" + entry + "'"; }

// key is empty where only its digest is shown.
void print_json(std::string_view key, const ApiKeyOptions& options, const std::string& entry) {
    nlohmann::ordered_json json;
    if (!key.empty()) json["key"] = key;
    json["name"] = options.name ? nlohmann::ordered_json(*options.name) : nlohmann::ordered_json(nullptr);
    json["entry"] = entry;
    json["setting"] = setting_of(entry);
    std::cout << json.dump() << '\n';
}

// A key that was not written is lost, so nothing more is said about it.
void flush_key() {
    if (!std::cout.flush()) throw program_error("standard output cannot be written, so the key is lost: make another");
}

int api_key_new(const ApiKeyOptions& options) {
    check_api_key_name(options.name);
    const SecretText key = make_api_key();
    const std::string entry = api_key_entry(key.expose(), options.name);
    if (options.json) {
        print_json(key.expose(), options, entry);
        flush_key();
        return kExitOk;
    }
    std::cout << key.expose() << '\n';
    flush_key();  // before the explanation, also where both go to a terminal
    if (!options.quiet) {
        std::cerr << "\nThe key is shown only once; the server keeps its digest alone.\n"
                     "In postgresql.conf (further digests are joined by commas), then reload:\n\n    "
                  << setting_of(entry) << "\n\nA client: set caas.api_key to the key.\n";
        if (options.name) {
            std::cerr << "\nFor caas serve, a line of its file of API keys, then SIGHUP:\n\n    " << entry
                      << "\n\nA client: send the header Authorization: Bearer KEY.\n";
        }
    }
    return kExitOk;
}

int api_key_digest(const ApiKeyOptions& options) {
    check_api_key_name(options.name);
    const SecretText key = isatty(STDIN_FILENO) != 0 ? ask_secret("API key: ") : read_line_input();
    if (key.expose().empty()) throw usage_error("standard input holds no key");
    if (key.expose().size() < kShortKey) {
        warn("the key is shorter than 32 characters; a key that can be guessed is found from its digest");
    }
    const std::string entry = api_key_entry(key.expose(), options.name);
    if (options.json) {
        print_json("", options, entry);
    } else {
        std::cout << entry << '\n';
    }
    return kExitOk;
}

Command<ApiKeyOptions> add(CLI::App& group, Action& chosen, const char* name, const char* description,
                           int (*run)(const ApiKeyOptions&)) {
    auto command = add_command(group, chosen, name, description, run);
    command.line
        ->add_option("--name", command.options->name,
                     "Name of the client, which stands before the digest in the server's setting")
        ->type_name("NAME");
    command.line->add_flag("--json", command.options->json, "Print JSON");
    return command;
}

}  // namespace

void add_api_key_commands(CLI::App& app, Action& chosen) {
    CLI::App* group = app.add_subcommand("api-key", "Make API keys and their digests");
    group->require_subcommand(1);
    const auto make =
        add(*group, chosen, "new", "Print a new random key, once, and the server's setting for it", api_key_new);
    make.line->add_flag("--quiet", make.options->quiet,
                        "Print the key alone, without the explanation on standard error");
    add(*group, chosen, "digest", "Read a key from standard input and print its entry for caas.api_key_digests",
        api_key_digest);
}

}  // namespace caas::cli
