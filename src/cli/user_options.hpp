// The options that name a user: --uuid, or --id and --namespace.
#pragma once
#include "../core/kdf.hpp"
#include "command.hpp"

#include <array>
#include <optional>
#include <string>

namespace caas::cli {

struct UserOptions {
    std::optional<std::string> uuid, id, name_space;
};

void add_user_options(CLI::App& line, UserOptions& user);
// The user's UUID. Refuses a user who is not named, or named twice.
std::array<std::uint8_t, kUuidBytes> uuid_of(const UserOptions& user);

}  // namespace caas::cli
