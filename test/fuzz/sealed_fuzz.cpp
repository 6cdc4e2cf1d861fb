// Feeds sealed values to caas_open. Nothing that was not sealed here may open, and a refusal leaves no byte behind;
// what the same input seals opens again, and no longer when a bit of it that the input chooses is flipped.
#include "../../src/core/abi.hpp"

#include <cstdlib>
#include <vector>

namespace {

constexpr std::uint8_t kUuid[CAAS_UUID_BYTES] = {1, 2, 3};
constexpr char kKeyring[] =
    "# caas keyring v1\n1 active 2026-01-01T00:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

void require(bool condition) {
    if (!condition) std::abort();
}

caas_engine* engine() {
    static caas_engine* made = [] {
        auto* fresh = new caas_engine;
        require(fresh->core.load_text(kKeyring, 0).ok());
        return fresh;
    }();
    return made;
}

bool opens(const std::vector<std::uint8_t>& sealed) {
    std::vector<std::uint8_t> out(sealed.size() + 1, 0xAA);
    std::size_t len = 0;
    const bool opened =
        caas_open(engine(), kUuid, "c", 1, sealed.data(), sealed.size(), out.data(), &len, nullptr) == CAAS_OK;
    for (std::size_t i = 0; !opened && i < sealed.size(); i++) require(out[i] == 0);
    return opened;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    require(!opens({data, data + size}));
    std::vector<std::uint8_t> sealed(size + CAAS_SEALED_OVERHEAD);
    require(caas_seal(engine(), kUuid, "c", 1, data, size, sealed.data(), nullptr) == CAAS_OK);
    require(opens(sealed));
    const std::size_t bit = size < 2 ? size : (std::size_t{data[0]} << 8 | data[1]) % (8 * sealed.size());
    sealed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    require(!opens(sealed));
    return 0;
}
