// The UUIDs of users whose ids are not UUIDs, spec section 12: name-based, version 5 of RFC 9562. No key is involved.
#pragma once
#include "core_only.hpp"

#include "kdf.hpp"
#include "status.hpp"

namespace caas {

inline constexpr std::size_t kMaxNameBytes = CAAS_NAME_MAX_BYTES;

// The UUID of an id within a namespace, each a text of 1 to kMaxNameBytes. Errors: CAAS_ERR_NAMESPACE,
// CAAS_ERR_USER_ID, CAAS_ERR_TEXT, CAAS_ERR_CRYPTO.
Outcome user_uuid(Bytes name_space, Bytes id, std::span<std::uint8_t, kUuidBytes> out);

}  // namespace caas
