// How a command enters the program: main collects what the command line asks for and runs it.
#pragma once
#include "../program/report.hpp"

#include <functional>

namespace CLI {
class App;
}

namespace caas::cli {

using namespace program;  // exit codes, errors and messages

// What the command line asks for; run when the whole of it has been understood. The value is the exit code.
using Action = std::function<int()>;

// Every group of commands registers itself by one of these; main calls them all.
void add_keyring_commands(CLI::App& app, Action& chosen);
void add_api_key_commands(CLI::App& app, Action& chosen);
void add_digest_commands(CLI::App& app, Action& chosen);
void add_serve_command(CLI::App& app, Action& chosen);
void add_setup_command(CLI::App& app, Action& chosen);

}  // namespace caas::cli
