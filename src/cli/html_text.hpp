// Texts in HTML.
#pragma once
#include <string>
#include <string_view>

namespace caas::cli {

// The text for the content of an element and for a quoted attribute.
std::string html_escaped(std::string_view text);

}  // namespace caas::cli
