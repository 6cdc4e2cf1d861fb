// How a command enters the program: it registers itself, and main runs the one that the command line names.
#pragma once
#include "../program/report.hpp"

#include <functional>

namespace CLI {
class App;
}

namespace caas::cli {

using namespace program;  // exit codes, errors and messages

// Runs the command. main calls it after the whole command line has been read. The value is the exit code.
using Action = std::function<int()>;

// Each registers a group of commands. main calls them all.
void add_keyring_commands(CLI::App& app, Action& chosen);
void add_api_key_commands(CLI::App& app, Action& chosen);
void add_digest_commands(CLI::App& app, Action& chosen);
void add_uuid_command(CLI::App& app, Action& chosen);
void add_serve_command(CLI::App& app, Action& chosen);
void add_setup_command(CLI::App& app, Action& chosen);
void add_table_commands(CLI::App& app, Action& chosen);
void add_report_command(CLI::App& app, Action& chosen);

}  // namespace caas::cli
