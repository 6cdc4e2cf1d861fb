// The keyring of spec section 2: parsing its text, and reading its file with the checks of owner and permissions.
#pragma once
#include "core_only.hpp"

#include "kdf.hpp"
#include "pool.hpp"
#include "secret.hpp"
#include "status.hpp"

#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

namespace caas {

inline constexpr std::string_view kKeyringVersionLine = "# caas keyring v1";
inline constexpr int kMaxGenerationNumber = 65535;
inline constexpr std::size_t kMaxGenerations = 1024;

struct Generation {
    int number = 0;
    bool active = false;
    int line = 0;         // in the file, for messages
    std::string created;  // RFC 3339, UTC
    SecretKey<kSecretBytes> secret;
    Pool digests;
    Pool ciphers;
    Pool passwords;
};

class Keyring {
public:
    // Takes generations of different numbers, exactly one of them active.
    explicit Keyring(std::vector<Generation> generations);

    const std::vector<Generation>& generations() const { return generations_; }  // highest number first
    std::size_t active_index() const { return active_index_; }
    // The index of a generation, or generations().size() when there is none of this number.
    std::size_t find(int number) const;
    unsigned warnings() const;  // set of CAAS_WARN_*

private:
    std::vector<Generation> generations_;
    std::size_t active_index_ = 0;
};

// Errors: CAAS_ERR_KEYRING_SYNTAX with line and reason.
Result<Keyring> parse_keyring(std::string_view text);

// SecretText is file content that holds secrets: cleansed when it goes.
class SecretText {
public:
    explicit SecretText(std::size_t capacity) { text_.reserve(capacity); }
    SecretText(SecretText&& other) noexcept { text_.swap(other.text_); }
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    SecretText& operator=(SecretText&&) = delete;
    ~SecretText() { OPENSSL_cleanse(text_.data(), text_.size()); }

    std::string& expose_mutable() { return text_; }
    std::string_view expose() const { return text_; }

private:
    std::string text_;
};

struct KeyringFile {
    SecretText text;
    std::int64_t changed_usec;  // st_ctim, microseconds since 1970
};

// The file must belong to user or to root: a server names its own user, an administrator may look after another's file.
// Errors: CAAS_ERR_KEYRING_FILE, CAAS_ERR_KEYRING_PERMISSIONS.
Result<KeyringFile> read_keyring_file(const char* path, uid_t user = geteuid());

}  // namespace caas
