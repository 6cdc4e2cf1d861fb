// The command line of `caas setup`.
#include "register.hpp"
#include "setup.hpp"

namespace caas::cli {

namespace {

constexpr const char* kFooter =
    "The new API key is printed to standard output, once; everything else goes to standard error.\n"
    "Run it as root or as the server's user, on the machine of the server. docs/setup.md tells more.\n"
    "Exit status: 0 done, 2 wrong usage, 3 failed or refused.";

void add_server_options(CLI::App& line, SetupOptions& options) {
    CLI::Option* cluster =
        line.add_option("--cluster", options.cluster, "A cluster of Debian's packages, such as 15/main")
            ->type_name("VERSION/NAME");
    line.add_option("--pgdata", options.pgdata, "Instead of --cluster: the data directory of a server")
        ->excludes(cluster)
        ->type_name("DIR");
    line.add_option("--port", options.port, "Port of the server; without it, the one in postmaster.pid")
        ->check(CLI::Range(1, 65535))
        ->type_name("N");
    line.add_option("--host", options.host, "Folder of the server's Unix socket; without it, the one in postmaster.pid")
        ->type_name("DIR");
    line.add_option("--superuser", options.superuser,
                    "Superuser of the database to connect as; without it, the name of the server's user")
        ->type_name("NAME");
}

}  // namespace

void add_setup_command(CLI::App& app, Action& chosen) {
    const auto command = add_command<SetupOptions>(
        app, chosen, "setup", "Set caas up on a server: keyring, API key, settings, extension", setup);
    CLI::App& line = *command.line;
    SetupOptions& options = *command.options;
    add_server_options(line, options);
    line.add_option("--database", options.database, "The database that gets the extension")
        ->required()
        ->type_name("NAME");
    line.add_option("--schema", options.schema, "The schema of the extension, made if missing; public by default")
        ->type_name("NAME");
    line.add_option(
            "--keyring", options.keyring,
            "The keyring, made if missing; by default caas/VERSION-NAME.keyring in the home of the server's user")
        ->type_name("FILE");
    line.add_option("--name", options.name, "Whose API key it is; app by default")->type_name("NAME");
    CLI::Option* new_key = line.add_flag("--new-key", options.new_key, "Make a further API key of this name");
    line.add_flag("--remove", options.remove, "Take settings and extension away again; the keyring stays")
        ->excludes(new_key);
    line.add_flag("--dry-run", options.dry_run, "Say what would be done, and change nothing");
    line.footer(kFooter);
}

}  // namespace caas::cli
