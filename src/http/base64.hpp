// Base64 of RFC 4648 section 4, with padding.
#pragma once
#include <string>
#include <string_view>

namespace caas::http {

std::string base64_encode(std::string_view bytes);

// False for everything but the one text that base64_encode makes of some bytes.
bool base64_decode(std::string_view text, std::string& bytes);

}  // namespace caas::http
