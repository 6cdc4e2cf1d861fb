// Base64 of RFC 4648 section 4, with padding.
#pragma once
#include <string>
#include <string_view>

namespace caas::http {

std::string base64_encode(std::string_view bytes);

// Accepts only what base64_encode can return: one text for each sequence of bytes. False for any other text.
bool base64_decode(std::string_view text, std::string& bytes);

}  // namespace caas::http
