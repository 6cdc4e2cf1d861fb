#include "engine.hpp"

#include "cipher_pool.hpp"
#include "password_pool.hpp"
#include "text.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

namespace caas {

namespace {

// Equal content gives an equal value. 30 bits of a hash tell nothing about secrets of 32 random bytes.
Result<std::uint32_t> fingerprint(std::string_view text) {
    std::uint8_t hash[SHA256_DIGEST_LENGTH];
    if (EVP_Digest(text.data(), text.size(), hash, nullptr, EVP_sha256(), nullptr) != 1) {
        return crypto_error("SHA-256 failed");
    }
    const std::uint32_t value =
        (std::uint32_t{hash[0]} << 24 | std::uint32_t{hash[1]} << 16 | std::uint32_t{hash[2]} << 8 | hash[3]) >> 2;
    OPENSSL_cleanse(hash, sizeof hash);
    return std::max<std::uint32_t>(value, 1);
}

Error slow_hash_error(AlgorithmId algorithm) {
    return Error{.status = CAAS_ERR_CRYPTO,
                 .reason = "a password hash failed, perhaps for want of memory",
                 .algorithm = password_pool.name(algorithm)};
}

// The first algorithm of the pool that this OpenSSL does not provide. known remembers those that it does.
std::optional<AlgorithmId> first_missing(const PoolKind& kind, const Pool& pool, std::vector<bool>& known) {
    known.resize(kind.known);
    for (const AlgorithmId id : pool) {
        if (!known[id]) known[id] = kind.provided(id);
        if (!known[id]) return id;
    }
    return std::nullopt;
}

}  // namespace

Outcome Engine::load(const char* path) {
    unload();
    const auto file = read_keyring_file(path);
    if (!file.ok()) return file.error();
    return install(file.value().text.expose(), file.value().changed_usec);
}

Outcome Engine::load_text(std::string_view text, std::int64_t changed_usec) {
    unload();
    return install(text, changed_usec);
}

// Expects an engine without a keyring, and leaves it so unless everything succeeds.
Outcome Engine::install(std::string_view text, std::int64_t changed_usec) {
    auto parsed = parse_keyring(text);
    if (!parsed.ok()) return parsed.error();
    for (const Generation& generation : parsed.value().generations()) {
        const Outcome provided = check_provided(generation);
        if (!provided.ok()) return provided.error();
    }
    const auto print = fingerprint(text);
    if (!print.ok()) return print.error();

    keyring_.emplace(std::move(parsed.value()));
    info_.loaded = 1;
    info_.active = keyring_->active().number;
    for (const AlgorithmId id : keyring_->active().digests) {
        info_.longest = std::max(info_.longest, static_cast<int>(digest_algorithms[id].output_bytes));
    }
    for (const Generation& generation : keyring_->generations()) {
        for (const AlgorithmId id : generation.digests) {
            info_.digest_sizes |= std::uint64_t{1} << (digest_algorithms[id].output_bytes - 1);
        }
    }
    info_.count = static_cast<int>(keyring_->generations().size());
    info_.fingerprint = print.value();
    info_.warnings = keyring_->warnings();
    info_.changed_usec = changed_usec;
    return Done{};
}

void Engine::unload() {
    info_ = {};
    keyring_.reset();
    // Their contexts still hold the keys of the last value.
    hmac_.reset();
    aeads_ = {};
    macs_ = {};
}

Outcome Engine::check_provided(const Generation& generation) {
    const auto missing = [&](const char* name) {
        return Error{.status = CAAS_ERR_KEYRING_ALGORITHM,
                     .line = generation.line,
                     .reason = "this OpenSSL does not provide an algorithm that the keyring names",
                     .algorithm = name};
    };
    for (const AlgorithmId id : generation.digests) {
        if (macs_.get(id) == nullptr) return missing(digest_pool.name(id));
    }
    if (const auto id = first_missing(cipher_pool, generation.ciphers, ciphers_provided_)) {
        return missing(cipher_pool.name(*id));
    }
    if (const auto id = first_missing(password_pool, generation.passwords, passwords_provided_)) {
        return missing(password_pool.name(*id));
    }
    return Done{};
}

Result<Generation*> Engine::generation(int number) {
    if (!keyring_) return Error{.status = CAAS_ERR_NO_KEYRING};
    if (number == kActiveGeneration) return &keyring_->active();
    Generation* const found = keyring_->find(number);
    if (found == nullptr) return Error{.status = CAAS_ERR_UNKNOWN_GENERATION};
    return found;
}

// --- digests ---

Result<std::size_t> Engine::digest_under(Generation& generation, Uuid uuid, Bytes data, std::uint8_t* out) {
    const auto kdf = generation.subject_kdf(Purpose::digest);
    if (!kdf.ok()) return kdf.error();
    DigestProfile profile;
    if (!profile.derive(*kdf.value(), uuid, generation.digests)) return crypto_error("the key derivation failed");
    if (!macs_.get(profile.algorithm())->compute(profile.expose_key(), profile.expose_salt(), data, out)) {
        return Error{.status = CAAS_ERR_CRYPTO,
                     .reason = "a digest algorithm failed",
                     .algorithm = digest_pool.name(profile.algorithm())};
    }
    return digest_algorithms[profile.algorithm()].output_bytes;
}

Result<std::size_t> Engine::digest(Uuid uuid, int number, Bytes data,
                                   std::span<std::uint8_t, CAAS_DIGEST_MAX_BYTES> out) {
    const auto under = generation(number);
    if (!under.ok()) return under.error();
    return digest_under(*under.value(), uuid, data, out.data());
}

Result<bool> Engine::matches(Generation& generation, Uuid uuid, Bytes data, Bytes stored) {
    std::uint8_t computed[CAAS_DIGEST_MAX_BYTES];
    const auto length = digest_under(generation, uuid, data, computed);
    if (!length.ok()) return length.error();
    return length.value() == stored.size() && CRYPTO_memcmp(computed, stored.data(), stored.size()) == 0;
}

Result<int> Engine::verify(Uuid uuid, Bytes data, Bytes stored) {
    const auto active = generation(kActiveGeneration);
    if (!active.ok()) return active.error();
    const auto first = matches(*active.value(), uuid, data, stored);
    if (!first.ok()) return first.error();
    if (first.value()) return info_.active;
    for (Generation& retired : keyring_->generations()) {
        if (retired.active) continue;
        const auto match = matches(retired, uuid, data, stored);
        if (!match.ok()) return match.error();
        if (match.value()) return retired.number;
    }
    return 0;
}

Result<caas_profile_info> Engine::profile(Uuid uuid, int number) {
    const auto under = generation(number);
    if (!under.ok()) return under.error();
    const auto kdf = under.value()->subject_kdf(Purpose::digest);
    if (!kdf.ok()) return kdf.error();
    DigestProfile profile;
    if (!profile.derive(*kdf.value(), uuid, under.value()->digests)) return crypto_error("the key derivation failed");
    const DigestAlgorithm& algorithm = digest_algorithms[profile.algorithm()];
    return caas_profile_info{under.value()->number, algorithm.name, static_cast<int>(profile.salt_length()),
                             static_cast<int>(algorithm.output_bytes)};
}

// --- sealed values ---

Result<HmacSha256*> Engine::hmac() {
    if (!hmac_) hmac_ = HmacSha256::create();
    if (!hmac_) return crypto_error("SHA-256 is not available");
    return hmac_.get();
}

Result<SealTools> Engine::seal_tools(Generation& generation) {
    const auto kdf = generation.subject_kdf(Purpose::seal);
    if (!kdf.ok()) return kdf.error();
    const auto mac = hmac();
    if (!mac.ok()) return mac.error();
    return SealTools{*kdf.value(), generation.ciphers, aeads_, *mac.value()};
}

Outcome Engine::seal(const SealedFor& target, Bytes data, std::uint8_t* out) {
    std::uint8_t nonce[kNonceBytes];
    if (!random_->take(nonce, sizeof nonce)) return crypto_error("the random generator failed");
    return seal_with_nonce(target, Nonce(nonce), data, out);
}

Outcome Engine::seal_with_nonce(const SealedFor& target, Nonce nonce, Bytes data, std::uint8_t* out) {
    const auto active = generation(kActiveGeneration);
    if (!active.ok()) return active.error();
    const auto tools = seal_tools(*active.value());
    if (!tools.ok()) return tools.error();
    if (!seal_value(tools.value(), info_.active, target, nonce, data, out)) return crypto_error("sealing failed");
    return Done{};
}

Outcome Engine::open(const SealedFor& target, Bytes sealed, std::uint8_t* out) {
    if (!keyring_) return Error{.status = CAAS_ERR_NO_KEYRING};
    const auto number = sealed_generation(sealed);
    if (!number) return Error{.status = CAAS_ERR_MALFORMED};
    Generation* const sealed_under = keyring_->find(*number);
    if (sealed_under == nullptr) return Error{.status = CAAS_ERR_UNKNOWN_GENERATION};
    const auto tools = seal_tools(*sealed_under);
    if (!tools.ok()) return tools.error();
    return open_value(tools.value(), target, sealed, out);
}

Outcome Engine::derive_reseal_nonce(const SealedFor& target, Bytes sealed, std::uint8_t* nonce) {
    const auto key = keyring_->active().reseal_key();
    if (!key.ok()) return key.error();
    const auto mac = hmac();
    if (!mac.ok()) return mac.error();
    if (!reseal_nonce(*mac.value(), *key.value(), target, sealed, nonce)) return crypto_error("HMAC failed");
    return Done{};
}

Outcome Engine::reseal(int number, const SealedFor& target, Bytes sealed, std::uint8_t* out) {
    if (!keyring_) return Error{.status = CAAS_ERR_NO_KEYRING};
    if (number != kActiveGeneration && number != info_.active) return Error{.status = CAAS_ERR_NOT_ACTIVE};
    const auto old = sealed_generation(sealed);
    if (!old) return Error{.status = CAAS_ERR_MALFORMED};
    if (*old >= info_.active) {
        std::memcpy(out, sealed.data(), sealed.size());
        return Done{};
    }
    // The value is opened into out, at the place of the ciphertext, and sealed in place.
    std::uint8_t* plaintext = out + kSealedHeadBytes;
    const Outcome opened = open(target, sealed, plaintext);
    if (!opened.ok()) return opened;
    std::uint8_t nonce[kNonceBytes];
    const Outcome derived = derive_reseal_nonce(target, sealed, nonce);
    if (!derived.ok()) return derived;
    return seal_with_nonce(target, Nonce(nonce), Bytes(plaintext, sealed.size() - kSealedOverhead), out);
}

// --- blind indexes ---

Outcome Engine::blind_index(int number, Bytes context, Bytes data, std::span<std::uint8_t> out) {
    const auto under = generation(number);
    if (!under.ok()) return under.error();
    const auto indexer = under.value()->blind_indexer();
    if (!indexer.ok()) return indexer.error();
    ScratchSecret<kBlindIndexMax> full;
    std::uint8_t* bytes = full.reserve(kBlindIndexMax);
    if (!indexer.value()->compute(context, data, bytes)) return crypto_error("the blind index failed");
    std::copy_n(bytes, std::min(out.size(), kBlindIndexMax), out.data());
    return Done{};
}

Result<const std::vector<int>*> Engine::index_generations() {
    if (!keyring_) return Error{.status = CAAS_ERR_NO_KEYRING};
    return keyring_->index_generations();
}

// --- passwords ---

Result<AlgorithmId> Engine::pepper(Generation& generation, Uuid uuid, Bytes password, PepperedInput& input) {
    const auto kdf = generation.subject_kdf(Purpose::password);
    if (!kdf.ok()) return kdf.error();
    SubjectKey key;
    if (!key.derive(*kdf.value(), uuid, generation.passwords) || !pepper_password(key, password, input)) {
        return crypto_error("the key derivation failed");
    }
    return key.algorithm();
}

Result<std::string> Engine::hash_password(Uuid uuid, Bytes password, const PasswordCosts& costs) {
    std::array<std::uint8_t, kPasswordSaltBytes> salt;
    if (!random_->take(salt.data(), salt.size())) return crypto_error("the random generator failed");
    return hash_password_with_salt(uuid, password, costs, salt);
}

Result<std::string> Engine::hash_password_with_salt(Uuid uuid, Bytes password, const PasswordCosts& costs,
                                                    std::span<const std::uint8_t, kPasswordSaltBytes> salt) {
    const auto active = generation(kActiveGeneration);
    if (!active.ok()) return active.error();
    PepperedInput input;
    const auto algorithm = pepper(*active.value(), uuid, password, input);
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
    const auto under = generation(stored->generation);
    if (!under.ok()) return under.error();
    PepperedInput input;
    const auto algorithm = pepper(*under.value(), uuid, password, input);
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
    const auto active = generation(kActiveGeneration);
    if (!active.ok()) return active.error();
    const auto stored = parse_password(text);
    if (!stored || stored->generation != info_.active) return true;
    const Pool& pool = active.value()->passwords;
    if (std::find(pool.begin(), pool.end(), stored->algorithm) == pool.end()) return true;
    const PasswordCost& wanted = costs[stored->algorithm];
    return !std::equal(wanted.begin(), wanted.end(), stored->cost.begin(), std::less_equal<>());
}

}  // namespace caas
