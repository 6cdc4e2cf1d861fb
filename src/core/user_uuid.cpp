#include "user_uuid.hpp"

#include "openssl.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <vector>

namespace caas {

namespace {

using UuidBytes = std::array<std::uint8_t, kUuidBytes>;

// 5f7e9d0a-3c41-5b8e-9a62-c0de5a17ca45, in which the namespaces are named.
constexpr UuidBytes kBase = {0x5f, 0x7e, 0x9d, 0x0a, 0x3c, 0x41, 0x5b, 0x8e,
                             0x9a, 0x62, 0xc0, 0xde, 0x5a, 0x17, 0xca, 0x45};

// NamedUuids makes UUIDs of version 5 (RFC 9562, 5.5). It keeps SHA-1, which is slow to fetch, and the UUID of the last
// namespace, since the ids of a column share one. Nothing that it keeps is secret.
class NamedUuids {
public:
    bool compute(Bytes name_space, Bytes id, UuidBytes& out) {
        if (!std::ranges::equal(name_space, namespace_)) {
            namespace_.clear();
            UuidBytes made;
            if (!hash(kBase, name_space, made)) return false;
            namespace_uuid_ = made;
            namespace_.assign(name_space.begin(), name_space.end());
        }
        return hash(namespace_uuid_, id, out);
    }

private:
    // False when OpenSSL fails or does not provide SHA-1.
    bool hash(const UuidBytes& scope, Bytes name, UuidBytes& out) {
        if (!started()) return false;
        std::uint8_t full[EVP_MAX_MD_SIZE];
        if (EVP_DigestInit_ex2(ctx_.get(), nullptr, nullptr) != 1 ||
            EVP_DigestUpdate(ctx_.get(), scope.data(), scope.size()) != 1 ||
            EVP_DigestUpdate(ctx_.get(), name.data(), name.size()) != 1 ||
            EVP_DigestFinal_ex(ctx_.get(), full, nullptr) != 1) {
            return false;
        }
        std::copy_n(full, out.size(), out.begin());
        out[6] = static_cast<std::uint8_t>((out[6] & 0x0F) | 0x50);  // the version
        out[8] = static_cast<std::uint8_t>((out[8] & 0x3F) | 0x80);  // the variant
        return true;
    }

    bool started() {
        if (ctx_) return true;
        const EvpMd md(EVP_MD_fetch(nullptr, "SHA1", nullptr));
        if (!md) return false;
        EvpMdCtx ctx(EVP_MD_CTX_new());
        if (!ctx) throw std::bad_alloc();
        if (EVP_DigestInit_ex2(ctx.get(), md.get(), nullptr) != 1) return false;
        ctx_ = std::move(ctx);
        return true;
    }

    EvpMdCtx ctx_;                         // of SHA-1
    std::vector<std::uint8_t> namespace_;  // of the last call; empty when there is none
    UuidBytes namespace_uuid_{};
};

bool fits(Bytes name) { return !name.empty() && name.size() <= kMaxNameBytes; }

}  // namespace

Outcome user_uuid(Bytes name_space, Bytes id, std::span<std::uint8_t, kUuidBytes> out) {
    if (!fits(name_space)) return Error{.status = CAAS_ERR_NAMESPACE};
    if (!fits(id)) return Error{.status = CAAS_ERR_USER_ID};
    if (!is_text(name_space) || !is_text(id)) return Error{.status = CAAS_ERR_TEXT};
    thread_local NamedUuids uuids;
    UuidBytes made;
    if (!uuids.compute(name_space, id, made)) return crypto_error("SHA-1 failed");
    std::ranges::copy(made, out.begin());
    return Done{};
}

}  // namespace caas
