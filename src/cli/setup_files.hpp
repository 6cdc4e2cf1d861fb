// Small text files that `caas setup` reads and replaces.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace caas::cli {

// Nothing when there is no such file. Throws when it cannot be read, is no regular file or has more than 4 MiB.
std::optional<std::string> read_small_file(const std::string& path);

// Replaces the file atomically; it belongs to the user of this process.
void replace_file(const std::string& path, std::string_view content, unsigned mode);

}  // namespace caas::cli
