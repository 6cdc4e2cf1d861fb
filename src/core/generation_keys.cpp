#include "generation_keys.hpp"

namespace caas {

namespace {
constexpr std::array<std::string_view, 3> kPurposeNames = {"digest", "seal", "password"};
}

Result<SubjectKdf*> GenerationKeys::subject(Purpose purpose, const SecretKey<kSecretBytes>& secret) {
    const auto index = static_cast<std::size_t>(purpose);
    std::optional<SubjectKdf>& kdf = subjects_[index];
    if (!kdf) {
        auto key = derive_purpose_key(secret, kPurposeNames[index]);
        if (!key.ok()) return key.error();
        auto made = SubjectKdf::create(key.value());
        if (!made.ok()) return made.error();
        kdf.emplace(std::move(made.value()));
    }
    return &*kdf;
}

Result<BlindIndexer*> GenerationKeys::indexer(const SecretKey<kSecretBytes>& secret) {
    if (!indexer_) {
        auto key = derive_purpose_key(secret, "index");
        if (!key.ok()) return key.error();
        auto made = BlindIndexer::create(std::move(key.value()));
        if (!made.ok()) return made.error();
        indexer_.emplace(std::move(made.value()));
    }
    return &*indexer_;
}

}  // namespace caas
