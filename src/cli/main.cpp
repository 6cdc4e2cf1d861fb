// The program `caas`: registers the commands, which are in the other files of this folder, and runs one.
#include "command.hpp"

#include "../caas.h"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace {

using namespace caas::cli;

constexpr const char* kFooter =
    "Exit status: 0 done, 1 no match, keyring not usable or a table not in order, 2 wrong usage, 3 failed.\n"
    "The manual is caas(1).";

// The process will hold secrets: no core file, and no debugger of the same user.
void forbid_core_dumps() {
    const rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        throw program_error("core dumps cannot be turned off");
    }
}

// Closed descriptors 0 to 2 would be given to the next files and sockets, and output would be written to those. What
// opens here instead fails to read and to write, like a closed descriptor.
void open_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            throw program_error("/dev/null cannot be opened");
    }
}

// The innermost command that the command line names.
const CLI::App& named_command(const CLI::App& app) {
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    return *at;
}

// "caas keyring rotate"
std::string full_name(const CLI::App& command) {
    const CLI::App* parent = command.get_parent();
    return (parent == nullptr ? "" : full_name(*parent) + " ") + command.get_name();
}

// A word too many may be data or a key that should have been piped to standard input, so it is not repeated.
std::string unexpected_words(const CLI::App& app, const CLI::App& command) {
    for (const std::string& word : app.remaining(true)) {
        if (word.size() > 1 && word[0] == '-') return "unknown option " + word.substr(0, word.find('='));
    }
    if (command.get_require_subcommand_min() > 0) return "there is no such command";
    return "there is a word too many; data and keys are read from standard input";
}

int wrong_usage(const CLI::App& app, const CLI::ParseError& error) {
    const CLI::App& command = named_command(app);
    std::string message = error.what();
    if (app.remaining_size(true) > 0) {
        message = unexpected_words(app, command);
    } else if (command.get_require_subcommand_min() > 0) {
        message = "a command is missing";
    }
    std::cerr << "caas: " << message << "\nTry '" << full_name(command) << " --help'.\n";
    return kExitUsage;
}

int run(int argc, char** argv) {
    CLI::App app("Keyrings, API keys, tables and digests of the PostgreSQL extension caas.", "caas");
    Action chosen;
    app.set_version_flag("--version",
                         std::string("caas ") + caas_library_version() + " (" + caas_openssl_version() + ")",
                         "Print the version and exit");
    app.require_subcommand(1);
    app.footer(kFooter);
    add_setup_command(app, chosen);
    add_keyring_commands(app, chosen);
    add_api_key_commands(app, chosen);
    add_digest_commands(app, chosen);
    add_uuid_command(app, chosen);
    add_table_commands(app, chosen);
    add_report_command(app, chosen);
    add_serve_command(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0) return wrong_usage(app, error);
        app.exit(error);  // prints the help or the version
        return kExitOk;
    }
    return chosen();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        open_standard_descriptors();
        forbid_core_dumps();
        const int exit_code = run(argc, argv);
        // A full disk or a closed pipe is an error: the output is what the command was run for.
        if (!std::cout.flush()) throw program_error("standard output cannot be written");
        return exit_code;
    } catch (const ProgramError& failed) {
        std::cerr << "caas: " << failed.what() << '\n';
        return failed.exit_code();
    } catch (const std::bad_alloc&) {
        std::cerr << "caas: out of memory\n";
    } catch (const std::exception&) {  // its text could hold anything
        std::cerr << "caas: unexpected failure\n";
    }
    return kExitFailed;
}
