#include "connection_options.hpp"

#include <CLI/CLI.hpp>

namespace caas::cli {

void add_connection_options(CLI::App& line, ConnectionOptions& connection) {
    line.set_help_flag("--help", "Print this help message and exit");
    line.add_option("-d,--database", connection.database, "Database: a name, a connection string or a URI")
        ->type_name("NAME");
    line.add_option("-h,--host", connection.host, "The server's host, or the folder of its socket")->type_name("HOST");
    line.add_option("-p,--port", connection.port, "The server's port")->type_name("PORT");
    line.add_option("-U,--username", connection.user, "The role to connect as")->type_name("NAME");
}

void add_api_key_option(CLI::App& line, ConnectionOptions& connection) {
    line.add_option("--api-key-file", connection.api_key_file,
                    "File with the API key; without it, the environment variable CAAS_API_KEY")
        ->type_name("FILE");
}

}  // namespace caas::cli
