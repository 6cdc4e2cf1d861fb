// The API key of the commands that need one in the database. It is never on a command line, which every user of a
// machine can see.
#include "database.hpp"
#include "input.hpp"
#include "terminal_text.hpp"

#include "../program/descriptor.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace caas::cli {

namespace {

constexpr std::size_t kMostKeyBytes = 1024;

SecretText read_key_file(const std::string& path) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status = {};
    if (file.get() < 0 || fstat(file.get(), &status) != 0) throw errno_error(path, "the key cannot be read");
    if ((status.st_mode & S_IRWXO) != 0) throw program_error(path + ": everybody can read or write it; chmod o= it");
    SecretText key(kMostKeyBytes + 1);
    std::string& text = key.expose_mutable();
    text.resize(kMostKeyBytes + 1);
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = read(file.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw errno_error(path, "the key cannot be read");
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > kMostKeyBytes) throw program_error(path + ": it is longer than a key");
    text.resize(size);
    remove_line_end(text);
    return key;
}

bool has_control(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') return true;
    }
    return false;
}

SecretText checked_key(SecretText key, const std::string& from) {
    if (key.expose().empty()) throw program_error(from + " holds no key");
    if (has_control(key.expose())) throw program_error(from + " holds more than one line, or control characters");
    return key;
}

std::string reason_of(const Json& problem) {
    return problem.is_string() ? ": " + printable(problem.get<std::string>()) : std::string();
}

}  // namespace

std::optional<SecretText> read_api_key(const ConnectionOptions& options) {
    if (options.api_key_file) return checked_key(read_key_file(*options.api_key_file), *options.api_key_file);
    const char* variable = std::getenv("CAAS_API_KEY");
    if (variable == nullptr || *variable == '\0') return std::nullopt;
    SecretText key(std::char_traits<char>::length(variable));
    key.expose_mutable() = variable;
    return checked_key(std::move(key), "CAAS_API_KEY");
}

void require_key(Database& session) {
    const Json status = session.rows("SELECT api_key_accepted, api_key_problem, keyring_loaded, keyring_problem FROM " +
                                     session.schema() + "caas_status()")[0];
    if (status["api_key_accepted"] != true) {
        throw program_error("the server accepts no API key of this session" + reason_of(status["api_key_problem"]) +
                            "\nHint: set CAAS_API_KEY, or name a file by --api-key-file");
    }
    if (status["keyring_loaded"] != true) {
        throw program_error("the server has no usable keyring" + reason_of(status["keyring_problem"]));
    }
}

}  // namespace caas::cli
