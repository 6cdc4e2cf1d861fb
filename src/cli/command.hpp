// What the commands share: exit codes, failures, messages, and how a command enters the program.
#pragma once
#include "../core/status.hpp"

#include <functional>
#include <stdexcept>
#include <string>

namespace CLI {
class App;
}

namespace caas::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitNo = 1;      // verify: no match; check: the keyring is not usable
inline constexpr int kExitUsage = 2;   // the command line or the data is not as described
inline constexpr int kExitFailed = 3;  // everything else

// Failure ends the program; main prints what() after "caas: ". It never holds a secret or data.
class Failure : public std::runtime_error {
public:
    Failure(int exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
    int exit_code() const { return exit_code_; }

private:
    int exit_code_;
};

Failure usage_failure(const std::string& message);
Failure failure(const std::string& message);
// With the text of errno.
Failure os_failure(const std::string& path, const std::string& what);
// A failure of the core, about the keyring at path.
Failure keyring_failure(int exit_code, const std::string& path, const Error& error);

// Lines on standard error: "caas: warning: ..", "caas: note: ..".
void warn(const std::string& message);
void note(const std::string& message);

// What the command line asks for; run when the whole of it has been understood. The value is the exit code.
using Action = std::function<int()>;

// Every group of commands registers itself by one of these; main calls them all.
void add_keyring_commands(CLI::App& app, Action& chosen);
void add_api_key_commands(CLI::App& app, Action& chosen);
void add_digest_commands(CLI::App& app, Action& chosen);
void add_serve_command(CLI::App& app, Action& chosen);

}  // namespace caas::cli
