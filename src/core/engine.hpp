// Engine ties a keyring to the algorithms: everything that the doors call, for one thread of one process.
#pragma once
#include "core_only.hpp"

#include "cipher_pool.hpp"
#include "digest_pool.hpp"
#include "generation_keys.hpp"
#include "keyring.hpp"
#include "password.hpp"
#include "profile.hpp"
#include "random.hpp"
#include "sealed.hpp"
#include "status.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace caas {

inline constexpr int kActiveGeneration = 0;

class Engine {
public:
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

    // out receives data.size() + kSealedOverhead bytes.
    Outcome seal(const SealedFor& target, Bytes data, std::uint8_t* out);
    // The same with a chosen nonce, for vectors: a nonce must never be used twice.
    Outcome seal_with_nonce(const SealedFor& target, Nonce nonce, Bytes data, std::uint8_t* out);
    // out receives sealed.size() - kSealedOverhead bytes.
    Outcome open(const SealedFor& target, Bytes sealed, std::uint8_t* out);
    // out receives sealed.size() bytes: the same value, or sealed again when its generation is not active.
    Outcome reseal(const SealedFor& target, Bytes sealed, std::uint8_t* out);
    // out receives n bytes, kBlindIndexMin to kBlindIndexMax.
    Outcome blind_index(int generation, Bytes context, Bytes data, std::span<std::uint8_t> out);

    // The text to store.
    Result<std::string> hash_password(Uuid uuid, Bytes password, const PasswordCosts& costs);
    Result<std::string> hash_password_with_salt(Uuid uuid, Bytes password, const PasswordCosts& costs,
                                                std::span<const std::uint8_t, kPasswordSaltBytes> salt);
    // Whether the password is the one of the stored text. Text of another shape is not.
    Result<bool> verify_password(Uuid uuid, Bytes password, std::string_view text);
    // Whether a new hash would be of a newer generation, another algorithm or a higher cost; true for other text.
    Result<bool> password_outdated(std::string_view text, const PasswordCosts& costs);

private:
    Result<std::size_t> index_of(int generation) const;
    Result<SubjectKdf*> kdf_at(std::size_t index, Purpose purpose);
    Result<HmacSha256*> hmac();
    Result<SealTools> seal_tools(std::size_t index);
    // Fills input; the value is the algorithm that the UUID selects.
    Result<AlgorithmId> pepper(std::size_t index, Uuid uuid, Bytes password, PepperedInput& input);
    Result<std::size_t> digest_at(std::size_t index, Uuid uuid, Bytes data, std::uint8_t* out);
    Result<bool> matches_at(std::size_t index, Uuid uuid, Bytes data, Bytes stored);
    Outcome check_provided(const Generation& generation);

    MacCache macs_;
    std::vector<bool> ciphers_provided_, passwords_provided_;
    std::optional<Keyring> keyring_;
    std::vector<GenerationKeys> keys_;  // beside keyring_->generations()
    std::unique_ptr<HmacSha256> hmac_;
    AeadCache aeads_;
    std::unique_ptr<RandomBuffer> random_ = std::make_unique<RandomBuffer>();
    caas_keyring_info info_{};
};

}  // namespace caas
