#include "command.hpp"

#include <cerrno>
#include <cstring>
#include <iostream>

namespace caas::cli {

Failure usage_failure(const std::string& message) { return Failure(kExitUsage, message); }

Failure failure(const std::string& message) { return Failure(kExitFailed, message); }

Failure os_failure(const std::string& path, const std::string& what) {
    return Failure(kExitFailed, path + ": " + what + ": " + std::strerror(errno));
}

Failure keyring_failure(int exit_code, const std::string& path, const Error& error) {
    std::string message = path + ": ";
    if (error.line != 0) message += "line " + std::to_string(error.line) + ": ";
    message += error.reason != nullptr ? error.reason : "the keyring cannot be used";
    if (error.subject != nullptr) message += std::string(": ") + error.subject;
    if (error.os_error != 0) message += std::string(": ") + std::strerror(error.os_error);
    return Failure(exit_code, message);
}

void warn(const std::string& message) { std::cerr << "caas: warning: " << message << '\n'; }

void note(const std::string& message) { std::cerr << "caas: note: " << message << '\n'; }

}  // namespace caas::cli
