// Engine ties a keyring to the algorithms. It serves one thread of one process.
#pragma once
#include "core_only.hpp"

#include "cipher_pool.hpp"
#include "digest_pool.hpp"
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
    // Replaces the keyring. On failure, an exception included, the engine has none afterwards.
    Outcome load(const char* path);
    Outcome load_text(std::string_view text, std::int64_t changed_usec);
    void unload();

    const Keyring* keyring() const { return keyring_ ? &*keyring_ : nullptr; }
    caas_keyring_info info() const { return info_; }

    // out receives the digest; the value is its length.
    Result<std::size_t> digest(Uuid uuid, int number, Bytes data, std::span<std::uint8_t, CAAS_DIGEST_MAX_BYTES> out);
    // The generation whose digest equals stored, or 0.
    Result<int> verify(Uuid uuid, Bytes data, Bytes stored);
    Result<caas_profile_info> profile(Uuid uuid, int number);

    // out receives data.size() + kSealedOverhead bytes.
    Outcome seal(const SealedFor& target, Bytes data, std::uint8_t* out);
    // The same with a chosen nonce, for reseal() and test vectors. A nonce must never be used for two plaintexts.
    Outcome seal_with_nonce(const SealedFor& target, Nonce nonce, Bytes data, std::uint8_t* out);
    // out receives sealed.size() - kSealedOverhead bytes.
    Outcome open(const SealedFor& target, Bytes sealed, std::uint8_t* out);
    // out receives sealed.size() bytes: the value sealed again under the active generation, or as it is when its number
    // is not lower. number is that of the active generation, or kActiveGeneration.
    Outcome reseal(int number, const SealedFor& target, Bytes sealed, std::uint8_t* out);
    // out receives n bytes, kBlindIndexMin to kBlindIndexMax.
    Outcome blind_index(int number, Bytes context, Bytes data, std::span<std::uint8_t> out);
    // The generations under which a value is searched for: see Keyring::index_generations().
    Result<const std::vector<int>*> index_generations();

    // The value is the text to store.
    Result<std::string> hash_password(Uuid uuid, Bytes password, const PasswordCosts& costs);
    Result<std::string> hash_password_with_salt(Uuid uuid, Bytes password, const PasswordCosts& costs,
                                                std::span<const std::uint8_t, kPasswordSaltBytes> salt);
    // True when the password is the one that text stores. False also for a text of another shape.
    Result<bool> verify_password(Uuid uuid, Bytes password, std::string_view text);
    // True when a new hash would be of a newer generation, another algorithm or a higher cost, and for a text of
    // another shape.
    Result<bool> password_outdated(std::string_view text, const PasswordCosts& costs);

private:
    Outcome install(std::string_view text, std::int64_t changed_usec);
    Outcome check_provided(const Generation& generation);
    // The generation of a number, or the active one for kActiveGeneration.
    Result<Generation*> generation(int number);
    Result<HmacSha256*> hmac();
    Result<SealTools> seal_tools(Generation& generation);
    Outcome derive_reseal_nonce(const SealedFor& target, Bytes sealed, std::uint8_t* nonce);
    // Fills input; the value is the algorithm that the UUID selects.
    Result<AlgorithmId> pepper(Generation& generation, Uuid uuid, Bytes password, PepperedInput& input);
    Result<std::size_t> digest_under(Generation& generation, Uuid uuid, Bytes data, std::uint8_t* out);
    Result<bool> matches(Generation& generation, Uuid uuid, Bytes data, Bytes stored);

    MacCache macs_;
    std::vector<bool> ciphers_provided_, passwords_provided_;
    std::optional<Keyring> keyring_;
    std::unique_ptr<HmacSha256> hmac_;
    AeadCache aeads_;
    std::unique_ptr<RandomBuffer> random_ = std::make_unique<RandomBuffer>();
    caas_keyring_info info_{};
};

}  // namespace caas
