// Feeds the keyring parser. Whatever it accepts must hold what the format promises, whatever it refuses has a line and
// a reason.
#include "../../src/core/key_text.hpp"
#include "../../src/core/keyring.hpp"

#include <cstdlib>

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

// A carried key is that of the generation that it names, if that is there, and survives a round trip.
void require_right_index_key(const caas::Keyring& keyring, const caas::Generation& generation) {
    const auto& carried = generation.carried_index_key;
    if (!carried) return;
    require(carried->generation >= 1 && carried->generation <= caas::kMaxGenerationNumber);
    require(carried->generation != generation.number);
    std::string field;
    require(caas::append_index_field(*carried, field));
    const std::size_t colon = field.find(':');
    caas::SecretKey<caas::kSecretBytes> again;
    require(field.substr(0, colon) == "index=" + std::to_string(carried->generation));
    require(caas::decode_key(field.substr(colon + 1), again) && caas::same_key(again, carried->key));
    const caas::Generation* const origin = keyring.find(carried->generation);
    if (origin != nullptr) require(caas::same_key(origin->index_key().value().key, carried->key));
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
        require_right_index_key(keyring.value(), generation);
        active += generation.active ? 1 : 0;
    }
    require(active == 1 && generations.size() <= caas::kMaxGenerations);
    require(keyring.value().active().active);
    return 0;
}
