#include "pool.hpp"

namespace caas {

std::optional<AlgorithmId> find_algorithm(const PoolKind& kind, std::string_view name) {
    for (std::size_t id = 0; id < kind.known; id++) {
        if (name == kind.name(id)) return static_cast<AlgorithmId>(id);
    }
    return std::nullopt;
}

Pool default_pool(const PoolKind& kind) {
    Pool pool;
    for (std::size_t id = 0; id < kind.defaults; id++) pool.push_back(static_cast<AlgorithmId>(id));
    return pool;
}

std::string pool_text(const PoolKind& kind, const Pool& pool) {
    std::string text;
    for (const AlgorithmId id : pool) {
        if (!text.empty()) text += ',';
        text += kind.name(id);
    }
    return text;
}

}  // namespace caas
