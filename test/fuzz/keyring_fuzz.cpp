// Feeds the keyring parser. Whatever it accepts must hold what the format promises, whatever it refuses has a line and
// a reason.
#include "../../src/core/keyring.hpp"

#include <cstdlib>

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto keyring = caas::parse_keyring({reinterpret_cast<const char*>(data), size});
    if (!keyring.ok()) {
        require(keyring.error().status == CAAS_ERR_KEYRING_SYNTAX);
        require(keyring.error().reason != nullptr && keyring.error().line >= 1);
        return 0;
    }
    const auto& generations = keyring.value().generations();
    int active = 0;
    int above = caas::kMaxGenerationNumber + 1;
    for (const caas::Generation& generation : generations) {
        require(generation.number >= 1 && generation.number < above);
        require(!generation.digests.empty() && !generation.ciphers.empty() && !generation.passwords.empty());
        above = generation.number;
        active += generation.active ? 1 : 0;
    }
    require(active == 1 && generations.size() <= caas::kMaxGenerations);
    require(keyring.value().active().active);
    return 0;
}
