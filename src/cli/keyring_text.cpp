#include "keyring_text.hpp"

#include "../core/cipher_pool.hpp"
#include "../core/digest_pool.hpp"
#include "../core/password_pool.hpp"
#include "command.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <ctime>

namespace caas::cli {

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kRemoved = "# removed ";
constexpr std::size_t kLineBytes = 4096;  // more than any line that is made here
constexpr std::size_t kSecretBase64Chars = 44;

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    std::tm parts = {};
    char text[sizeof "YYYY-MM-DDTHH:MM:SSZ"];
    if (gmtime_r(&now, &parts) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        throw program_error("the system's clock shows no usable time");
    }
    return text;
}

void append_base64(const SecretKey<kSecretBytes>& secret, std::string& text) {
    ScratchSecret<kSecretBase64Chars + 1> scratch;
    std::uint8_t* encoded = scratch.reserve(kSecretBase64Chars + 1);
    if (EVP_EncodeBlock(encoded, secret.expose().data(), kSecretBytes) != static_cast<int>(kSecretBase64Chars)) {
        throw program_error("the secret cannot be encoded");
    }
    text.append(reinterpret_cast<const char*>(encoded), kSecretBase64Chars);
}

// A default pool is left out: that is what an absent field means, for ever.
void append_pool(const PoolKind& kind, const Pool& pool, std::string& text) {
    if (pool == default_pool(kind)) return;
    text.append(" ").append(kind.field).append(pool_text(kind, pool));
}

SecretText line_of(const Generation& generation) {
    SecretText line(kLineBytes);  // reserved, so that no copy with the secret stays behind
    std::string& text = line.expose_mutable();
    text.append(std::to_string(generation.number)).append(generation.active ? " active " : " retired ");
    text.append(generation.created).append(" ");
    append_base64(generation.secret, text);
    append_pool(digest_pool, generation.digests, text);
    append_pool(cipher_pool, generation.ciphers, text);
    append_pool(password_pool, generation.passwords, text);
    text.append("\n");
    return line;
}

SecretText spliced(std::string_view text, std::size_t at, std::size_t length, std::string_view replacement) {
    SecretText result(text.size() + replacement.size());
    result.expose_mutable().append(text.substr(0, at)).append(replacement).append(text.substr(at + length));
    return result;
}

std::size_t begin_of_line(std::string_view text, int line) {
    std::size_t at = 0;
    for (int i = 1; i < line; i++) at = text.find('\n', at) + 1;
    return at;
}

// The number of a comment that tells of a removal, 0 when it is another line.
int removed_number(std::string_view line) {
    if (line.substr(0, kRemoved.size()) != kRemoved) return 0;
    int number = 0;
    for (const char c : line.substr(kRemoved.size())) {
        if (c < '0' || c > '9') break;
        number = std::min(number * 10 + (c - '0'), kMaxGenerationNumber + 1);
    }
    return number <= kMaxGenerationNumber ? number : 0;
}

}  // namespace

Generation make_generation(int number, bool active, Pools pools) {
    Generation generation;
    generation.number = number;
    generation.active = active;
    generation.created = utc_now();
    generation.digests = std::move(pools.digests);
    generation.ciphers = std::move(pools.ciphers);
    generation.passwords = std::move(pools.passwords);
    if (RAND_priv_bytes(generation.secret.expose_mutable().data(), kSecretBytes) != 1) {
        throw program_error("the random number generator failed");
    }
    return generation;
}

SecretText new_keyring_text(const Generation& generation) {
    return with_generation(std::string(kKeyringVersionLine) + "\n", generation);
}

SecretText with_generation(std::string_view text, const Generation& generation) {
    return spliced(text, text.size(), 0, line_of(generation).expose());
}

SecretText with_state(std::string_view text, const Generation& generation, bool active) {
    const std::size_t number = text.find_first_not_of(kBlanks, begin_of_line(text, generation.line));
    const std::size_t state = text.find_first_not_of(kBlanks, text.find_first_of(kBlanks, number));
    const std::size_t end = text.find_first_of(kBlanks, state);
    return spliced(text, state, end - state, active ? "active" : "retired");
}

SecretText without_generation(std::string_view text, const Generation& generation) {
    const std::size_t begin = begin_of_line(text, generation.line);
    const std::string comment = std::string(kRemoved) + std::to_string(generation.number) + " " + utc_now();
    return spliced(text, begin, text.find('\n', begin) - begin, comment);
}

int highest_number(std::string_view text, const Keyring& keyring) {
    int highest = keyring.generations().front().number;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        highest = std::max(highest, removed_number(text.substr(at, text.find('\n', at) - at)));
    }
    return highest;
}

}  // namespace caas::cli
