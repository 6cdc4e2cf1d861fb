// Normalises any bytes: what is no text is refused and leaves no byte behind; the normalised form of a text is a text,
// is its own normalised form, and is the same with just enough room; caas_uuid takes what may be an id.
#include "../../src/caas.h"

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

using Text = std::vector<std::uint8_t>;

void require(bool condition) {
    if (!condition) std::abort();
}

// Asks for the length first, then gives exactly that room.
Text normalized(caas_normalization kind, const Text& text) {
    std::size_t length = 99;
    const caas_status asked = caas_normalize(kind, text.data(), text.size(), nullptr, 0, &length, nullptr);
    require(asked == (length == 0 ? CAAS_OK : CAAS_ERR_OUTPUT_SIZE));
    Text out(length + 1, 0xAA);
    std::size_t again = 99;
    require(caas_normalize(kind, text.data(), text.size(), out.data(), length, &again, nullptr) == CAAS_OK);
    require(again == length && out.back() == 0xAA);
    out.pop_back();
    require(caas_text_check(out.data(), out.size()) == CAAS_OK);
    return out;
}

void check_refusal(caas_normalization kind, const Text& bytes) {
    Text out(bytes.size() + 1, 0xAA);
    std::size_t length = 99;
    require(caas_normalize(kind, bytes.data(), bytes.size(), out.data(), bytes.size(), &length, nullptr) ==
            CAAS_ERR_TEXT);
    require(length == 0 && out.back() == 0xAA);
    for (std::size_t i = 0; i < bytes.size(); i++) require(out[i] == 0);
}

void check_uuid(const Text& id, bool is_text) {
    std::uint8_t uuid[CAAS_UUID_BYTES];
    const caas_status status = caas_user_uuid("users", 5, id.data(), id.size(), uuid, nullptr);
    const bool fits = !id.empty() && id.size() <= CAAS_NAME_MAX_BYTES;
    require(status == (!fits ? CAAS_ERR_USER_ID : is_text ? CAAS_OK : CAAS_ERR_TEXT));
    require((uuid[6] >> 4) == (status == CAAS_OK ? 5 : 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Text input(data, data + size);
    const bool is_text = caas_text_check(input.data(), input.size()) == CAAS_OK;
    check_uuid(input, is_text);
    for (const caas_normalization kind : {CAAS_NORMALIZE_NONE, CAAS_NORMALIZE_CASEFOLD, CAAS_NORMALIZE_DIGITS}) {
        if (!is_text) {
            check_refusal(kind, input);
            continue;
        }
        const Text once = normalized(kind, input);
        require(normalized(kind, once) == once);
    }
    return 0;
}
