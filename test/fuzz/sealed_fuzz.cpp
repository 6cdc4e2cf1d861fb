// Feeds sealed values to every function that reads them. Nothing that was not sealed here may open, the refusal is of
// the kind that the first bytes say, and it leaves no byte behind. What the same input seals opens again, and no longer
// once a bit of it is flipped or an end cut off where the input says.
#include "../../src/core/abi.hpp"
#include "../../src/core/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using Sealed = std::vector<std::uint8_t>;

constexpr char kKeyring[] =
    "# caas keyring v1\n2 active 2026-01-01T00:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    "1 retired 2026-01-01T00:00:00Z AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";

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

// The user, and with it the cipher, is what the input's length says.
struct User {
    explicit User(std::size_t size) : uuid{static_cast<std::uint8_t>(size)} {}
    std::uint8_t uuid[CAAS_UUID_BYTES];
};

// The status of opening; resealing and describing must agree with it.
caas_status opening(const User& user, const Sealed& sealed) {
    Sealed out(sealed.size() + 1, 0xAA);
    std::size_t len = 99;
    const caas_status status =
        caas_open(engine(), user.uuid, "c", 1, sealed.data(), sealed.size(), out.data(), &len, nullptr);
    require(out.back() == 0xAA && len == (status == CAAS_OK ? sealed.size() - CAAS_SEALED_OVERHEAD : 0));
    if (status != CAAS_OK)
        require(std::count(out.begin(), out.end() - 1, 0) == static_cast<std::ptrdiff_t>(len + sealed.size()));
    caas_sealed_info info = {};
    const bool described = caas_sealed_describe(sealed.data(), sealed.size(), &info) == CAAS_OK;
    require(described == (status != CAAS_ERR_MALFORMED));
    const caas_status resealing =
        caas_reseal(engine(), user.uuid, 0, "c", 1, sealed.data(), sealed.size(), out.data(), nullptr);
    require(resealing == (described && info.generation >= 2 ? CAAS_OK : status));
    return status;
}

caas_status refusal(const Sealed& sealed) {
    if (sealed.size() < CAAS_SEALED_OVERHEAD || sealed[0] != 1) return CAAS_ERR_MALFORMED;
    const int generation = sealed[1] * 256 + sealed[2];
    return generation == 1 || generation == 2 ? CAAS_ERR_CANNOT_OPEN : CAAS_ERR_UNKNOWN_GENERATION;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const User user(size);
    const Sealed given(data, data + size);
    require(opening(user, given) == refusal(given));
    Sealed sealed(size + CAAS_SEALED_OVERHEAD);
    const std::uint8_t nonce[caas::kNonceBytes] = {};
    require(engine()
                ->core
                .seal_with_nonce({caas::Uuid(user.uuid), caas::as_bytes("c")}, caas::Nonce(nonce), given, sealed.data())
                .ok());
    require(opening(user, sealed) == CAAS_OK);
    const std::size_t place = size < 2 ? size : std::size_t{data[0]} << 8 | data[1];
    Sealed changed(sealed);
    const std::size_t bit = place % (8 * sealed.size());
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    require(opening(user, changed) == refusal(changed));
    sealed.resize(place % sealed.size());
    require(opening(user, sealed) == refusal(sealed));
    return 0;
}
