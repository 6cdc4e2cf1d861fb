// Owners for OpenSSL's objects, one deleter per type.
#pragma once
#include "core_only.hpp"

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>

namespace caas {

template <typename T, void (*Free)(T*)>
struct OpenSslFree {
    void operator()(T* object) const { Free(object); }
};

template <typename T, void (*Free)(T*)>
using OpenSslPtr = std::unique_ptr<T, OpenSslFree<T, Free>>;

using EvpMd = OpenSslPtr<EVP_MD, EVP_MD_free>;
using EvpMdCtx = OpenSslPtr<EVP_MD_CTX, EVP_MD_CTX_free>;
using EvpMac = OpenSslPtr<EVP_MAC, EVP_MAC_free>;
using EvpMacCtx = OpenSslPtr<EVP_MAC_CTX, EVP_MAC_CTX_free>;
using EvpCipher = OpenSslPtr<EVP_CIPHER, EVP_CIPHER_free>;
using EvpCipherCtx = OpenSslPtr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using EvpKdf = OpenSslPtr<EVP_KDF, EVP_KDF_free>;
using EvpKdfCtx = OpenSslPtr<EVP_KDF_CTX, EVP_KDF_CTX_free>;

// A copy that fails for want of memory can leave a context on which OpenSSL 3.5 crashes at the next copy, so it is
// reset.
inline bool copy_context(EVP_MD_CTX* to, const EVP_MD_CTX* from) {
    if (EVP_MD_CTX_copy_ex(to, from) == 1) return true;
    (void)EVP_MD_CTX_reset(to);
    return false;
}

}  // namespace caas
