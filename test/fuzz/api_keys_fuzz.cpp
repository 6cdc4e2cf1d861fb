// Feeds the parser of the API key list. A refused list is empty and has a reason.
#include "../../src/caas.h"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    caas_api_key_list list;
    caas_error error = {};
    const caas_status status = caas_api_key_list_parse(text.c_str(), &list, &error);
    const bool sound = status == CAAS_OK
                           ? list.count >= 0 && list.count <= CAAS_API_KEYS_MAX
                           : status == CAAS_ERR_API_KEY_LIST && list.count == 0 && error.reason != nullptr &&
                                 error.line >= 1 && error.line <= CAAS_API_KEYS_MAX + 1;
    if (!sound) std::abort();
    return 0;
}
