// The options that name a user, and `caas uuid`, which prints the UUID of a user whose id is not one.
#include "user_options.hpp"

#include "../core/text.hpp"
#include "../core/user_uuid.hpp"
#include "input.hpp"
#include "register.hpp"

#include <iostream>

namespace caas::cli {

namespace {

using UuidBytes = std::array<std::uint8_t, kUuidBytes>;

void add_id_options(CLI::App& line, UserOptions& user) {
    line.add_option("--id", user.id, "The user's id, an integer or a text, when it is not a UUID")->type_name("ID");
    line.add_option("--namespace", user.name_space, "The kind of the id, as in caas_uuid('users', id)")
        ->type_name("NAME");
}

UuidBytes uuid_of_id(const UserOptions& user) {
    if (!user.id) throw usage_error("--id is required with --namespace");
    if (!user.name_space) throw usage_error("--namespace is required with --id");
    UuidBytes uuid{};
    const Outcome made = user_uuid(as_bytes(*user.name_space), as_bytes(*user.id), uuid);
    if (made.ok()) return uuid;
    switch (made.error().status) {
        case CAAS_ERR_NAMESPACE:
            throw usage_error("--namespace: it is not 1 to 1024 bytes");
        case CAAS_ERR_USER_ID:
            throw usage_error("--id: it is not 1 to 1024 bytes");
        case CAAS_ERR_TEXT:
            throw usage_error("--id or --namespace: it is not valid UTF-8");
        default:
            throw program_error("SHA-1 is not available");
    }
}

// The text form of RFC 9562.
std::string uuid_text(const UuidBytes& uuid) {
    std::string text(2 * uuid.size(), '0');
    hex_encode(uuid, text.data());
    for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
    return text;
}

int print_uuid(const UserOptions& user) {
    if (!user.id) throw usage_error("--id is required");
    std::cout << uuid_text(uuid_of_id(user)) << '\n';
    return kExitOk;
}

}  // namespace

void add_user_options(CLI::App& line, UserOptions& user) {
    line.add_option("--uuid", user.uuid, "The user's UUID")->type_name("UUID");
    add_id_options(line, user);
}

UuidBytes uuid_of(const UserOptions& user) {
    const bool by_id = user.id || user.name_space;
    if (user.uuid && by_id) throw usage_error("--uuid names the user, so --id and --namespace cannot");
    if (!user.uuid && !by_id) throw usage_error("--uuid is required, or --id and --namespace");
    return user.uuid ? parse_uuid(*user.uuid) : uuid_of_id(user);
}

void add_uuid_command(CLI::App& app, Action& chosen) {
    const auto command = add_command(app, chosen, "uuid",
                                     "Print the UUID of a user whose id is not a UUID, as caas_uuid does", print_uuid);
    add_id_options(*command.line, *command.options);
}

}  // namespace caas::cli
