// Exit codes, errors that end the program, and messages to its user.
#pragma once
#include "../core/status.hpp"

#include <functional>
#include <stdexcept>
#include <string>

namespace caas::program {

inline constexpr int kExitOk = 0;
inline constexpr int kExitNo = 1;      // verify: no match; check: the keyring is not usable
inline constexpr int kExitUsage = 2;   // the command line or the data is not as described
inline constexpr int kExitFailed = 3;  // everything else

// ProgramError ends the program; main prints what() after "caas: ". It never holds a secret or data.
class ProgramError : public std::runtime_error {
public:
    ProgramError(int exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
    int exit_code() const { return exit_code_; }

private:
    int exit_code_;
};

ProgramError usage_error(const std::string& message);
ProgramError program_error(const std::string& message);
// Adds the text of errno.
ProgramError errno_error(const std::string& path, const std::string& what);
// An error of the core about the keyring at path.
ProgramError keyring_error(int exit_code, const std::string& path, const Error& error);

// Takes a line with its end, instead of standard error.
using MessageSink = std::function<void(const std::string& line)>;
// An empty function means standard error again. Not for use while other threads warn or note.
void send_messages_to(MessageSink sink);

// Prints a line about a change that has been made. The change stands whether or not standard output can be written, so
// a failure to write is a warning.
void print_done(const std::string& message);

// Lines on standard error: "caas: warning: ..", "caas: note: ..".
void warn(const std::string& message);
void note(const std::string& message);
// About a keyring with CAAS_WARN_OPEN_LAST_LINE.
inline constexpr const char* kOpenLastLine =
    "the last line does not end in a line feed: its end may be cut off; compare the check values of "
    "'caas keyring list' with those of the original file, and when they are equal add the line feed, or a line "
    "'# end' where a tool drops the last line feed";

// warnings is a set of CAAS_WARN_*.
void warn_about_keyring(const std::string& path, unsigned warnings);

}  // namespace caas::program
