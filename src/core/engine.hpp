// Engine ties a keyring to the algorithms: everything that the doors call, for one thread of one process.
#pragma once
#include "core_only.hpp"

#include "digest_pool.hpp"
#include "kdf.hpp"
#include "keyring.hpp"
#include "profile.hpp"
#include "status.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace caas {

inline constexpr int kActiveGeneration = 0;

class Engine {
public:
    Engine() { prepare_secure_memory(); }

    // Replaces the keyring; on failure there is none afterwards.
    Outcome load(const char* path);
    Outcome load_text(std::string_view text, std::int64_t changed_usec);
    void unload();

    const Keyring* keyring() const { return keyring_ ? &*keyring_ : nullptr; }
    caas_keyring_info info() const { return info_; }

    // out receives the digest; the value is its length.
    Result<std::size_t> digest(Uuid uuid, int generation, Bytes data,
                               std::span<std::uint8_t, CAAS_DIGEST_MAX_BYTES> out);
    // The generation whose digest equals stored, or 0.
    Result<int> verify(Uuid uuid, Bytes data, Bytes stored);
    Result<caas_profile_info> profile(Uuid uuid, int generation);

private:
    Result<std::size_t> index_of(int generation) const;
    // The keyed derivation of a generation, made at its first use.
    Result<SubjectKdf*> digest_kdf(std::size_t index);
    Result<std::size_t> digest_at(std::size_t index, Uuid uuid, Bytes data, std::uint8_t* out);
    Result<bool> matches_at(std::size_t index, Uuid uuid, Bytes data, Bytes stored);
    Outcome check_provided(const Generation& generation);

    MacCache macs_;
    std::vector<bool> ciphers_provided_, passwords_provided_;
    std::optional<Keyring> keyring_;
    std::vector<std::optional<SubjectKdf>> digest_kdfs_;  // beside keyring_->generations()
    caas_keyring_info info_{};
};

}  // namespace caas
