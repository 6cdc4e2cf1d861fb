// Each algorithm, and then the whole of section 5, against the high-level functions of OpenSSL on random input.
#include "../../src/core/digest_pool.hpp"
#include "reference.hpp"
#include "support.hpp"

#include <algorithm>
#include <map>

namespace caas::test {
namespace {

constexpr int kInputs = 10000;  // for each algorithm

// Lengths at limits: the block sizes of the hashes, and the core's 256 bytes for one joined update.
std::size_t interesting_length(Random& random) {
    constexpr std::size_t kEdges[] = {0,   1,   8,   16,  55,  56,  63,  64,  72, 104,
                                      111, 112, 127, 128, 136, 168, 192, 256, 512};
    switch (random.below(8)) {
        case 0:
            return 0;
        case 1:
        case 2:
        case 3: {
            const std::size_t edge = kEdges[random.below(std::size(kEdges))] + random.below(5);
            return edge < 2 ? 0 : edge - 2;
        }
        case 4:
            return 250 + random.below(14);
        case 5:
            return random.below(200) == 0 ? random.below(200000) : random.below(2000);
        default:
            return random.below(300);
    }
}

TEST(Random, EveryMacIsThatOfOpenSsl) {
    Random random;
    constexpr std::size_t kSalts[] = {8, 16, 32, 64};
    for (const DigestAlgorithm& algorithm : digest_algorithms) {
        const auto mac = make_mac(algorithm);
        ASSERT_NE(mac, nullptr) << algorithm.name;
        ReferenceMac reference(algorithm.name);
        for (int i = 0; i < kInputs; i++) {
            const Blob key = random.bytes(kMacKeyBytes);
            const Blob salt = random.bytes(kSalts[random.below(4)]);
            const Blob data = random.bytes(interesting_length(random));
            Blob message = salt;
            message.insert(message.end(), data.begin(), data.end());
            std::uint8_t out[CAAS_DIGEST_MAX_BYTES];
            ASSERT_TRUE(
                mac->compute(std::span<const std::uint8_t, kMacKeyBytes>(key.data(), kMacKeyBytes), salt, data, out));
            ASSERT_EQ(hex(Bytes(out, algorithm.output_bytes)), hex(reference.compute(key, message)))
                << algorithm.name << " key " << hex(key) << " salt " << hex(salt) << " data of " << data.size();
        }
    }
}

// A keyring of 16 algorithms in a random order, and the same order for the reference.
struct RandomKeyring {
    std::string text;
    Blob secret;
    std::vector<std::string> digests;
};

RandomKeyring random_keyring(Random& random) {
    RandomKeyring keyring;
    keyring.secret = random.bytes(kSecretBytes);
    std::vector<std::string> names;
    for (const DigestAlgorithm& algorithm : digest_algorithms) names.emplace_back(algorithm.name);
    std::string pool;
    for (std::size_t left = 1 + random.below(names.size()); left > 0; left--) {
        const auto chosen = names.begin() + static_cast<std::ptrdiff_t>(random.below(names.size()));
        pool += (pool.empty() ? " digests=" : ",") + *chosen;
        keyring.digests.push_back(*chosen);
        names.erase(chosen);
    }
    keyring.text = std::string(kVersionLine) + generation_line(1, "active", keyring.secret, pool);
    return keyring;
}

TEST(Random, WholeDigestIsThatOfTheReference) {
    Random random;
    std::map<std::string, ReferenceMac> references;
    for (int round = 0; round < 100; round++) {
        const RandomKeyring keyring = random_keyring(random);
        const EnginePtr engine = engine_with(keyring.text);
        const Blob purpose_key = reference_purpose_key(keyring.secret, "digest");
        for (int i = 0; i < kInputs / 100; i++) {
            const Blob uuid = random.bytes(kUuidBytes);
            const Blob data = random.bytes(interesting_length(random));
            const ReferenceProfile profile = reference_profile(purpose_key, uuid, keyring.digests);
            auto reference = references.try_emplace(profile.algorithm, profile.algorithm).first;
            Blob message = profile.salt;
            message.insert(message.end(), data.begin(), data.end());
            const std::string_view view(reinterpret_cast<const char*>(data.data()), data.size());
            ASSERT_EQ(digest_of(engine.get(), uuid, view).hex, hex(reference->second.compute(profile.key, message)))
                << profile.algorithm << " secret " << hex(keyring.secret) << " uuid " << hex(uuid);
        }
    }
}

}  // namespace
}  // namespace caas::test
