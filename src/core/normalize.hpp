// Normalised texts for blind indexes, spec section 7. ICU knows the characters; what is done with them is here.
#pragma once
#include "core_only.hpp"

#include "secret.hpp"
#include "status.hpp"

#include <optional>
#include <string_view>

namespace caas {

// The normalisation of this name.
std::optional<caas_normalization> find_normalization(std::string_view name);

// Normalises a text and returns the length of the result; 0 means that nothing remains of the text. out receives the
// result when it has room for it, and else a part of it. Errors: CAAS_ERR_TEXT, CAAS_ERR_NO_MEMORY, CAAS_ERR_UNICODE.
Result<std::size_t> normalize(caas_normalization normalization, Bytes text, std::span<std::uint8_t> out);

}  // namespace caas
