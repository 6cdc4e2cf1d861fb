// A second implementation of the formats, on OpenSSL's high-level EVP_MAC and EVP_KDF. It is slow and short, and shares
// no code with the core.
#pragma once

#include "support.hpp"

#include <openssl/evp.h>
#include <openssl/kdf.h>

namespace caas::test {

// One algorithm of section 3 by its name.
class ReferenceMac {
public:
    explicit ReferenceMac(std::string_view name);
    Blob compute(Bytes key, Bytes message);

private:
    std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> ctx_{nullptr, EVP_MAC_CTX_free};
    std::string hash_;              // of an HMAC, else empty
    std::size_t output_bytes_ = 0;  // set for the others
};

Blob reference_hmac(const char* hash, Bytes key, Bytes message);

// K_purpose of section 4: HKDF written out as RFC 5869 does, over HMAC.
Blob reference_purpose_key(const Blob& secret, std::string_view purpose);

// OKM of section 4: OpenSSL's KBKDF with CMAC-AES-256, use-l=0, use-separator=0, or as given.
Blob reference_okm(Bytes key, Bytes info, std::size_t count, std::string_view cipher = "AES-256-CBC");

struct ReferenceProfile {
    std::string algorithm;
    Blob key;
    Blob salt;
};

struct ReferenceChoice {
    std::string algorithm;
    Blob key;
};

// The key and algorithm that a uuid selects for sealed values and passwords, sections 6 and 8.
ReferenceChoice reference_choice(const Blob& purpose_key, const Blob& uuid, const std::vector<std::string>& pool);

// The algorithm, key and salt that a uuid selects, section 5.
ReferenceProfile reference_profile(const Blob& purpose_key, const Blob& uuid, const std::vector<std::string>& digests);

}  // namespace caas::test
