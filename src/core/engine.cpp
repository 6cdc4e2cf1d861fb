#include "engine.hpp"

#include "cipher_pool.hpp"
#include "password_pool.hpp"
#include "text.hpp"

#include <openssl/sha.h>

#include <algorithm>

namespace caas {

namespace {

// Equal content gives an equal value; 30 bits of a hash tell nothing about 32 random bytes.
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

}  // namespace

Outcome Engine::load(const char* path) {
    unload();
    auto file = read_keyring_file(path);
    if (!file.ok()) return file.error();
    return load_text(file.value().text.expose(), file.value().changed_usec);
}

Outcome Engine::load_text(std::string_view text, std::int64_t changed_usec) {
    unload();
    auto parsed = parse_keyring(text);
    if (!parsed.ok()) return parsed.error();
    for (const Generation& generation : parsed.value().generations()) {
        const Outcome provided = check_provided(generation);
        if (!provided.ok()) return provided.error();
    }
    const auto print = fingerprint(text);
    if (!print.ok()) return print.error();

    std::vector<GenerationKeys> keys(parsed.value().generations().size());
    keyring_.emplace(std::move(parsed.value()));
    keys_ = std::move(keys);
    info_.loaded = 1;
    const Generation& active = keyring_->generations()[keyring_->active_index()];
    info_.active = active.number;
    for (const AlgorithmId id : active.digests) {
        info_.longest = std::max(info_.longest, static_cast<int>(digest_algorithms[id].output_bytes));
    }
    info_.count = static_cast<int>(keyring_->generations().size());
    info_.fingerprint = print.value();
    info_.warnings = keyring_->warnings();
    info_.changed_usec = changed_usec;
    return Done{};
}

void Engine::unload() {
    info_ = {};
    keys_.clear();
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
    const auto check = [](const PoolKind& kind, const Pool& pool,
                          std::vector<bool>& known) -> std::optional<AlgorithmId> {
        known.resize(kind.known);
        for (const AlgorithmId id : pool) {
            if (!known[id]) known[id] = kind.provided(id);
            if (!known[id]) return id;
        }
        return std::nullopt;
    };
    if (const auto id = check(cipher_pool, generation.ciphers, ciphers_provided_))
        return missing(cipher_pool.name(*id));
    if (const auto id = check(password_pool, generation.passwords, passwords_provided_)) {
        return missing(password_pool.name(*id));
    }
    return Done{};
}

Result<std::size_t> Engine::index_of(int generation) const {
    if (!keyring_) return Error{.status = CAAS_ERR_NO_KEYRING};
    if (generation == kActiveGeneration) return keyring_->active_index();
    const std::size_t index = keyring_->find(generation);
    if (index == keyring_->generations().size()) return Error{.status = CAAS_ERR_UNKNOWN_GENERATION};
    return index;
}

Result<SubjectKdf*> Engine::kdf_at(std::size_t index, Purpose purpose) {
    return keys_[index].subject(purpose, keyring_->generations()[index].secret);
}

Result<std::size_t> Engine::digest_at(std::size_t index, Uuid uuid, Bytes data, std::uint8_t* out) {
    const auto kdf = kdf_at(index, Purpose::digest);
    if (!kdf.ok()) return kdf.error();
    DigestProfile profile;
    if (!profile.derive(*kdf.value(), uuid, keyring_->generations()[index].digests)) {
        return crypto_error("the key derivation failed");
    }
    if (!macs_.get(profile.algorithm())->compute(profile.expose_key(), profile.expose_salt(), data, out)) {
        return Error{.status = CAAS_ERR_CRYPTO,
                     .reason = "a digest algorithm failed",
                     .algorithm = digest_pool.name(profile.algorithm())};
    }
    return digest_algorithms[profile.algorithm()].output_bytes;
}

Result<std::size_t> Engine::digest(Uuid uuid, int generation, Bytes data,
                                   std::span<std::uint8_t, CAAS_DIGEST_MAX_BYTES> out) {
    const auto index = index_of(generation);
    if (!index.ok()) return index.error();
    return digest_at(index.value(), uuid, data, out.data());
}

Result<bool> Engine::matches_at(std::size_t index, Uuid uuid, Bytes data, Bytes stored) {
    std::uint8_t computed[CAAS_DIGEST_MAX_BYTES];
    const auto length = digest_at(index, uuid, data, computed);
    if (!length.ok()) return length.error();
    return length.value() == stored.size() && CRYPTO_memcmp(computed, stored.data(), stored.size()) == 0;
}

Result<int> Engine::verify(Uuid uuid, Bytes data, Bytes stored) {
    const auto active = index_of(kActiveGeneration);
    if (!active.ok()) return active.error();
    const auto first = matches_at(active.value(), uuid, data, stored);
    if (!first.ok()) return first.error();
    if (first.value()) return info_.active;
    for (std::size_t i = 0; i < keyring_->generations().size(); i++) {
        if (i == active.value()) continue;
        const auto match = matches_at(i, uuid, data, stored);
        if (!match.ok()) return match.error();
        if (match.value()) return keyring_->generations()[i].number;
    }
    return 0;
}

Result<caas_profile_info> Engine::profile(Uuid uuid, int generation) {
    const auto index = index_of(generation);
    if (!index.ok()) return index.error();
    const auto kdf = kdf_at(index.value(), Purpose::digest);
    if (!kdf.ok()) return kdf.error();
    const Generation& under = keyring_->generations()[index.value()];
    DigestProfile profile;
    if (!profile.derive(*kdf.value(), uuid, under.digests)) return crypto_error("the key derivation failed");
    const DigestAlgorithm& algorithm = digest_algorithms[profile.algorithm()];
    return caas_profile_info{under.number, algorithm.name, static_cast<int>(profile.salt_length()),
                             static_cast<int>(algorithm.output_bytes)};
}

}  // namespace caas
