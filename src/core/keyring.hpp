// The keyring of spec section 2: parsing its text, and reading its file with the checks of owner and permissions.
#pragma once
#include "core_only.hpp"

#include "blind_index.hpp"
#include "kdf.hpp"
#include "pool.hpp"
#include "secret.hpp"
#include "status.hpp"

#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caas {

inline constexpr std::string_view kKeyringVersionLine = "# caas keyring v1";
inline constexpr int kMaxGenerationNumber = 65535;
inline constexpr std::size_t kMaxGenerations = 1024;

// The purposes for which a user's UUID selects a key and an algorithm.
enum class Purpose : std::uint8_t { digest, seal, password };

// The key of blind indexes (section 7), and the number of the generation that it came from.
struct IndexKey {
    int generation = 0;
    SecretKey<kSecretBytes> key;
};

// Appends "index=N:KEY". False when OpenSSL fails.
bool append_index_field(const IndexKey& index_key, std::string& text);

// Generation is one line of a keyring, and the keys that are derived from its secret (section 4): each at its first
// use, then kept as long as the generation.
class Generation {
public:
    int number = 0;
    bool active = false;
    int line = 0;         // in the file, for messages
    std::string created;  // RFC 3339, UTC
    SecretKey<kSecretBytes> secret;
    Pool digests;
    Pool ciphers;
    Pool passwords;
    std::optional<IndexKey> carried_index_key;  // of the field index=N:KEY

    // 16 lower-case hex digits that are equal for equal secrets, numbers, pools and index fields (section 4).
    Result<std::string> check_value() const;
    // The number of the generation whose index key this one has.
    int index_key_generation() const { return carried_index_key ? carried_index_key->generation : number; }
    // A copy of the carried index key, else K_index.
    Result<IndexKey> index_key() const;

    // Derives what a UUID selects under K_purpose.
    Result<SubjectKdf*> subject_kdf(Purpose purpose);
    // K_reseal of section 6.
    Result<const SecretKey<kSecretBytes>*> reseal_key();
    // Computes blind indexes under the index key.
    Result<BlindIndexer*> blind_indexer();

private:
    std::array<std::optional<SubjectKdf>, 3> subject_kdfs_;
    std::optional<SecretKey<kSecretBytes>> reseal_key_;
    std::optional<BlindIndexer> blind_indexer_;
};

class Keyring {
public:
    // Takes generations of different numbers, exactly one of them active, and whether the text may have lost its end.
    Keyring(std::vector<Generation> generations, bool may_be_cut_off);

    const std::vector<Generation>& generations() const { return generations_; }  // highest number first
    std::vector<Generation>& generations() { return generations_; }
    const Generation& active() const { return generations_[active_index_]; }
    Generation& active() { return generations_[active_index_]; }
    // Null when there is no generation of this number.
    const Generation* find(int number) const;
    Generation* find(int number) { return const_cast<Generation*>(std::as_const(*this).find(number)); }
    bool may_be_cut_off() const { return may_be_cut_off_; }
    unsigned warnings() const;  // set of CAAS_WARN_*
    // The number of one generation for each distinct index key: the active one, then the others, newest first.
    Result<const std::vector<int>*> index_generations();

private:
    std::vector<Generation> generations_;
    std::size_t active_index_ = 0;
    bool may_be_cut_off_;
    std::vector<int> index_generations_;  // empty until the first use
};

// Errors: CAAS_ERR_KEYRING_SYNTAX with line and reason, CAAS_ERR_CRYPTO.
Result<Keyring> parse_keyring(std::string_view text);

// SecretText is text that holds secrets, such as the content of a keyring file. It is cleansed when it is destroyed.
// The capacity is fixed, since a string that grows leaves a copy behind.
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

// Reads the file at path, which must belong to user or to root and be open to nobody else.
// Errors: CAAS_ERR_KEYRING_FILE, CAAS_ERR_KEYRING_PERMISSIONS.
Result<KeyringFile> read_keyring_file(const char* path, uid_t user = geteuid());
// The same for a file that is open for reading. Its position is neither used nor moved.
Result<KeyringFile> read_keyring_file(int file, uid_t user);

}  // namespace caas
