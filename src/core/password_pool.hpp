// The password hashes of spec section 3, as a keyring names them.
#pragma once
#include "core_only.hpp"

#include "pool.hpp"

namespace caas {

extern const PoolKind password_pool;

}  // namespace caas
