#include "secret.hpp"

namespace caas {

namespace {
// 1024 generations with a block for the secret and one for the derivation, and as much again for OpenSSL's own secrets.
constexpr std::size_t kArenaBytes = std::size_t{128} * 1024;
constexpr std::size_t kSmallestBlock = 32;
constexpr int kLocked = 1;  // CRYPTO_secure_malloc_init: 0 no arena, 1 locked, 2 an arena that could not be locked

int arena_state() {
    // Whoever made an arena before us (the program that loads us) is trusted to have locked it.
    static const int state =
        CRYPTO_secure_malloc_initialized() != 0 ? kLocked : CRYPTO_secure_malloc_init(kArenaBytes, kSmallestBlock);
    return state;
}
}  // namespace

void prepare_secure_memory() { (void)arena_state(); }

bool secure_memory_locked() { return arena_state() == kLocked; }

}  // namespace caas
