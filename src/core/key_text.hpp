// A key of 32 bytes as the keyring file has it: standard base64 with padding.
#pragma once
#include "core_only.hpp"

#include "kdf.hpp"

#include <string>
#include <string_view>

namespace caas {

// Fills key. False when the text is not the canonical base64 of 32 bytes; key is then undefined.
bool decode_key(std::string_view text, SecretKey<kSecretBytes>& key);

// Appends 44 characters. The text should have room for them, since a string that grows leaves a copy behind. False when
// OpenSSL fails.
bool append_key(const SecretKey<kSecretBytes>& key, std::string& text);

// True when all bytes are the same, as in a key that nobody drew. The comparison takes the same time for every key.
bool has_equal_bytes(const SecretKey<kSecretBytes>& key);

// Compares in constant time.
bool same_key(const SecretKey<kSecretBytes>& a, const SecretKey<kSecretBytes>& b);

}  // namespace caas
