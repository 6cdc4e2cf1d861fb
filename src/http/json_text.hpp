// JSON as the text of an answer: an answer is put together of literals, of text without anything to escape, and of
// this.
#pragma once
#include <string>
#include <string_view>

namespace caas::http {

// A JSON string. The text is UTF-8, or std::exception is thrown.
std::string json_string(std::string_view text);

}  // namespace caas::http
