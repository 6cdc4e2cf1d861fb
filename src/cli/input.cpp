#include "input.hpp"

#include "../core/text.hpp"
#include "command.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace caas::cli {

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;

// Appends at most room bytes of input to text. The value is their number, 0 at the end of input.
std::size_t read_some(std::string& text, std::size_t room) {
    const std::size_t size = text.size();
    text.resize(size + room);
    ssize_t got = 0;
    do {
        got = read(STDIN_FILENO, text.data() + size, room);
    } while (got < 0 && errno == EINTR);
    if (got < 0) throw errno_error("standard input", "it cannot be read");
    text.resize(size + static_cast<std::size_t>(got));
    return static_cast<std::size_t>(got);
}

}  // namespace

SecretText read_input() {
    if (isatty(STDIN_FILENO) != 0) note("reading standard input from the terminal; Ctrl-D on an empty line ends it");
    std::size_t capacity = kReadBytes;
    std::optional<SecretText> text(std::in_place, capacity);
    while (read_some(text->expose_mutable(), std::min(kReadBytes, capacity - text->expose().size())) > 0) {
        if (text->expose().size() < capacity) continue;
        capacity *= 2;  // a new SecretText, so that the smaller buffer is cleansed
        SecretText larger(capacity);
        larger.expose_mutable().append(text->expose());
        text.emplace(std::move(larger));
    }
    return std::move(*text);
}

SecretText read_line_input() {
    SecretText input = read_input();
    std::string& text = input.expose_mutable();
    remove_line_end(text);
    if (text.find('\n') != std::string::npos) throw usage_error("standard input holds more than one line");
    return input;
}

void remove_line_end(std::string& text) {
    if (text.empty() || text.back() != '\n') return;
    text.pop_back();
    if (!text.empty() && text.back() == '\r') text.pop_back();
}

SecretText ask_secret(const char* prompt) {
    constexpr int kMaxChars = 1023;
    SecretText answer(kMaxChars + 1);
    std::string& text = answer.expose_mutable();
    text.resize(kMaxChars + 1);
    if (EVP_read_pw_string_min(text.data(), 0, kMaxChars, prompt, 0) != 0)
        throw program_error("the terminal cannot be read");
    OPENSSL_cleanse(text.data() + text.find('\0'), text.size() - text.find('\0'));
    text.resize(text.find('\0'));
    return answer;
}

std::array<std::uint8_t, kUuidBytes> parse_uuid(const std::string& text) {
    std::array<std::uint8_t, kUuidBytes> uuid{};
    if (!uuid_decode(text, uuid)) {
        throw usage_error("--uuid: it is not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    }
    return uuid;
}

}  // namespace caas::cli
