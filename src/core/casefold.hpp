// toNFKC_Casefold(NFD(text)) of Unicode 15.0, definition D147, as spec section 7 uses it.
#pragma once
#include "core_only.hpp"

#include "status.hpp"
#include "unicode.hpp"

namespace caas {

// text is valid. Errors: CAAS_ERR_UNICODE.
Outcome casefold(Bytes text, TextWriter& writer);

}  // namespace caas
