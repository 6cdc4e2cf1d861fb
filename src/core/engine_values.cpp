// The engine's sealed values, blind indexes and passwords.
#include "engine.hpp"

#include <algorithm>
#include <cstring>

namespace caas {

Result<HmacSha256*> Engine::hmac() {
    if (!hmac_) hmac_ = HmacSha256::create();
    if (!hmac_) return crypto_error("SHA-256 is not available");
    return hmac_.get();
}

Result<SealTools> Engine::seal_tools(std::size_t index) {
    const auto kdf = kdf_at(index, Purpose::seal);
    if (!kdf.ok()) return kdf.error();
    const auto mac = hmac();
    if (!mac.ok()) return mac.error();
    return SealTools{*kdf.value(), keyring_->generations()[index].ciphers, aeads_, *mac.value()};
}

Outcome Engine::seal(const SealedFor& target, Bytes data, std::uint8_t* out) {
    std::uint8_t nonce[kNonceBytes];
    if (!random_->take(nonce, sizeof nonce)) return crypto_error("the random generator failed");
    return seal_with_nonce(target, Nonce(nonce), data, out);
}

Outcome Engine::seal_with_nonce(const SealedFor& target, Nonce nonce, Bytes data, std::uint8_t* out) {
    const auto index = index_of(kActiveGeneration);
    if (!index.ok()) return index.error();
    const auto tools = seal_tools(index.value());
    if (!tools.ok()) return tools.error();
    if (!seal_value(tools.value(), info_.active, target, nonce, data, out)) return crypto_error("sealing failed");
    return Done{};
}

Outcome Engine::open(const SealedFor& target, Bytes sealed, std::uint8_t* out) {
    if (!keyring_) return Error{.status = CAAS_ERR_NO_KEYRING};
    const auto generation = sealed_generation(sealed);
    if (!generation) return Error{.status = CAAS_ERR_MALFORMED};
    if (*generation == kActiveGeneration) return Error{.status = CAAS_ERR_UNKNOWN_GENERATION};
    const auto index = index_of(*generation);
    if (!index.ok()) return index.error();
    const auto tools = seal_tools(index.value());
    if (!tools.ok()) return tools.error();
    return open_value(tools.value(), target, sealed, out);
}

Outcome Engine::reseal(const SealedFor& target, Bytes sealed, std::uint8_t* out) {
    if (!keyring_) return Error{.status = CAAS_ERR_NO_KEYRING};
    const auto generation = sealed_generation(sealed);
    if (!generation) return Error{.status = CAAS_ERR_MALFORMED};
    if (*generation == info_.active) {
        std::memcpy(out, sealed.data(), sealed.size());
        return Done{};
    }
    // The plaintext passes through the output, behind where the head will be, and is sealed in place.
    std::uint8_t* plaintext = out + kSealedHeadBytes;
    const Outcome opened = open(target, sealed, plaintext);
    if (!opened.ok()) return opened;
    return seal(target, Bytes(plaintext, sealed.size() - kSealedOverhead), out);
}

Outcome Engine::blind_index(int generation, Bytes context, Bytes data, std::span<std::uint8_t> out) {
    const auto index = index_of(generation);
    if (!index.ok()) return index.error();
    const auto indexer = keys_[index.value()].indexer(keyring_->generations()[index.value()].secret);
    if (!indexer.ok()) return indexer.error();
    ScratchSecret<kBlindIndexMax> full;
    std::uint8_t* bytes = full.reserve(kBlindIndexMax);
    if (!indexer.value()->compute(context, data, bytes)) return crypto_error("the blind index failed");
    std::copy_n(bytes, std::min(out.size(), kBlindIndexMax), out.data());
    return Done{};
}

namespace {
Error slow_hash_error(AlgorithmId algorithm) {
    return Error{.status = CAAS_ERR_CRYPTO,
                 .reason = "a password hash failed, perhaps for want of memory",
                 .algorithm = password_pool.name(algorithm)};
}
}  // namespace

Result<AlgorithmId> Engine::pepper(std::size_t index, Uuid uuid, Bytes password, PepperedInput& input) {
    const auto kdf = kdf_at(index, Purpose::password);
    if (!kdf.ok()) return kdf.error();
    Pepper pepper;
    if (!pepper.derive(*kdf.value(), uuid, keyring_->generations()[index].passwords) ||
        !pepper.apply(password, input)) {
        return crypto_error("the key derivation failed");
    }
    return pepper.algorithm();
}

Result<std::string> Engine::hash_password(Uuid uuid, Bytes password, const PasswordCosts& costs) {
    std::array<std::uint8_t, kPasswordSaltBytes> salt;
    if (!random_->take(salt.data(), salt.size())) return crypto_error("the random generator failed");
    return hash_password_with_salt(uuid, password, costs, salt);
}

Result<std::string> Engine::hash_password_with_salt(Uuid uuid, Bytes password, const PasswordCosts& costs,
                                                    std::span<const std::uint8_t, kPasswordSaltBytes> salt) {
    const auto index = index_of(kActiveGeneration);
    if (!index.ok()) return index.error();
    PepperedInput input;
    const auto algorithm = pepper(index.value(), uuid, password, input);
    if (!algorithm.ok()) return algorithm.error();
    StoredPassword stored{.algorithm = algorithm.value(), .generation = info_.active, .cost = costs[algorithm.value()]};
    std::copy_n(salt.data(), salt.size(), stored.salt.data());
    if (!caas::hash_password(stored.algorithm, input.expose(), stored.salt, stored.cost, stored.hash)) {
        return slow_hash_error(stored.algorithm);
    }
    return password_text(stored);
}

Result<bool> Engine::verify_password(Uuid uuid, Bytes password, std::string_view text) {
    if (!keyring_) return Error{.status = CAAS_ERR_NO_KEYRING};
    const auto stored = parse_password(text);
    if (!stored) return false;
    const auto index = index_of(stored->generation);
    if (!index.ok()) return index.error();
    PepperedInput input;
    const auto algorithm = pepper(index.value(), uuid, password, input);
    if (!algorithm.ok()) return algorithm.error();
    if (algorithm.value() != stored->algorithm) return false;
    std::array<std::uint8_t, kPasswordHashBytes> computed;
    if (!caas::hash_password(stored->algorithm, input.expose(), stored->salt, stored->cost, computed)) {
        return slow_hash_error(stored->algorithm);
    }
    const bool equal = CRYPTO_memcmp(computed.data(), stored->hash.data(), computed.size()) == 0;
    OPENSSL_cleanse(computed.data(), computed.size());
    return equal;
}

Result<bool> Engine::password_outdated(std::string_view text, const PasswordCosts& costs) {
    const auto index = index_of(kActiveGeneration);
    if (!index.ok()) return index.error();
    const auto stored = parse_password(text);
    if (!stored || stored->generation != info_.active) return true;
    const Pool& pool = keyring_->generations()[index.value()].passwords;
    if (std::find(pool.begin(), pool.end(), stored->algorithm) == pool.end()) return true;
    const PasswordCost& wanted = costs[stored->algorithm];
    return !std::equal(wanted.begin(), wanted.end(), stored->cost.begin(), std::less_equal<>());
}

}  // namespace caas
