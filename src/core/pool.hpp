// A pool is the ordered list of algorithms from which a generation selects. There are three kinds (section 3).
#pragma once
#include "core_only.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caas {

using AlgorithmId = std::uint8_t;  // an index into the table of its kind

struct PoolKind {
    std::string_view field;               // the beginning of its field in a keyring: "digests="
    std::size_t known;                    // ids 0 to known - 1 exist
    std::size_t defaults;                 // ids 0 to defaults - 1 are the default pool, in this order
    const char* (*name)(std::size_t id);  // static text
    bool (*provided)(std::size_t id);     // true when this OpenSSL provides it
};

using Pool = std::vector<AlgorithmId>;

std::optional<AlgorithmId> find_algorithm(const PoolKind& kind, std::string_view name);
Pool default_pool(const PoolKind& kind);
// The names joined by commas, as in a keyring and in the input of the check value.
std::string pool_text(const PoolKind& kind, const Pool& pool);

}  // namespace caas
