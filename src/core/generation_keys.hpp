// The keys of one generation, spec section 4: each derived at its first use and kept until the keyring goes.
#pragma once
#include "core_only.hpp"

#include "blind_index.hpp"
#include "kdf.hpp"

#include <optional>

namespace caas {

// What a user's UUID selects something for.
enum class Purpose : std::uint8_t { digest, seal, password };

class GenerationKeys {
public:
    // OKM under K_purpose. secret is the generation's.
    Result<SubjectKdf*> subject(Purpose purpose, const SecretKey<kSecretBytes>& secret);
    // Blind indexes under K_index.
    Result<BlindIndexer*> indexer(const SecretKey<kSecretBytes>& secret);

private:
    std::array<std::optional<SubjectKdf>, 3> subjects_;
    std::optional<BlindIndexer> indexer_;
};

}  // namespace caas
