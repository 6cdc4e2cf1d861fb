// The steps of `caas setup`, in order. All refusals come before the first change. A later failure restores the settings
// and keeps the keyring.
#include "setup.hpp"

#include "../caas.h"
#include "../program/descriptor.hpp"
#include "command.hpp"
#include "new_api_key.hpp"
#include "setup_config.hpp"
#include "setup_keyring.hpp"
#include "setup_server.hpp"
#include "setup_target.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>
#include <vector>

namespace caas::cli {

namespace {

using program::Descriptor;

constexpr auto kReloadPause = std::chrono::milliseconds(100);
constexpr auto kReloadPatience = std::chrono::seconds(60);

// Standard output is for the key alone.
void report(const std::string& done, const std::string& what) { std::cerr << done << ": " << what << '\n'; }

std::string made(const SetupOptions& options) { return options.dry_run ? "would make" : "made"; }

// One setup of a server at a time. Only the server's user can open the data directory.
Descriptor lock(const SetupTarget& target) {
    Descriptor folder(open(target.data_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) throw errno_error(target.data_directory, "the data directory cannot be opened");
    if (flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
        throw program_error("another 'caas setup' is at work on " + target.described);
    }
    return folder;
}

// ---- API keys ----

struct ApiKeyPlan {
    std::string digests;  // the whole list
    bool known;           // an entry of this name was there
    std::optional<SecretText> key;
};

bool has_entry(const std::string& digests, const std::string& name) {
    for (std::size_t at = 0; at < digests.size();) {
        const std::size_t end = std::min(digests.find(',', at), digests.size());
        const std::size_t begin = std::min(digests.find_first_not_of(" \t", at), end);
        if (digests.compare(begin, std::min(end - begin, name.size() + 1), name + ":") == 0) return true;
        at = end + 1;
    }
    return false;
}

ApiKeyPlan plan_api_key(const SetupOptions& options, const ServerState& state) {
    const ConfigLine* line = effective_line(state, "caas.api_key_digests");
    ApiKeyPlan plan{line != nullptr ? line->value : "", false, std::nullopt};
    plan.known = has_entry(plan.digests, options.name);
    if (!plan.known || options.new_key) {
        plan.key.emplace(make_api_key());
        plan.digests += (plan.digests.empty() ? "" : ",") + api_key_entry(plan.key->expose(), options.name);
    }
    caas_api_key_list list{};
    caas_error error{};
    if (caas_api_key_list_parse(plan.digests.c_str(), &list, &error) != CAAS_OK) {
        throw program_error("caas.api_key_digests would not be accepted, entry " + std::to_string(error.line) + ": " +
                            (error.reason != nullptr ? error.reason : "out of memory"));
    }
    return plan;
}

void report_api_key(const SetupOptions& options, const ApiKeyPlan& plan) {
    if (plan.key) {
        report(made(options), "API key " + options.name + (plan.known ? ", beside the one there is" : ""));
    } else {
        report("kept", "API key " + options.name + "; it was shown when it was made (--new-key makes a further one)");
    }
}

// ---- Configuration ----

// A new session has loaded the library and shows these values.
bool settings_are_live(const SetupServer& server, const std::string& keyring, const std::string& digests) {
    const auto settings = server.settings_of_new_session();
    const auto has = [&](const char* name, const std::string& value) {
        const auto found = settings.find(name);
        return found != settings.end() && found->second == value;
    };
    return has("caas.keyring_file", keyring) && has("caas.api_key_digests", digests);
}

template <typename Condition>
void reload_until(const SetupServer& server, Condition condition) {
    server.reload();
    const auto end = std::chrono::steady_clock::now() + kReloadPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            throw program_error("the server has not taken the new settings over within a minute; see its log");
        }
        std::this_thread::sleep_for(kReloadPause);
    }
}

// pg_file_settings parses the files anew without applying them, so errors show before the reload.
void check_written_settings(const SetupServer& server, const ConfigPlace& place) {
    for (const ConfigLine& line : server.config_lines()) {
        const std::string where = line.file + ", line " + std::to_string(line.line);
        if (!line.error.empty() && line.name.empty()) throw program_error(where + ": " + line.error);
        const bool ours = is_same_file(line.file, place.file);
        if (ours && !line.error.empty()) throw program_error(where + ": " + line.name + ": " + line.error);
        if (ours && !line.applied) {
            throw program_error(line.name + " is set again in a file that is read after " + place.file +
                                ": take it away there, or move it before the include");
        }
    }
}

void refuse_errors(const ServerState& state) {
    for (const ConfigLine& line : state.lines) {
        if (line.name.empty() && !line.error.empty()) {
            throw program_error(line.file + ", line " + std::to_string(line.line) + ": " + line.error +
                                ": mend the configuration first, no reload succeeds with it");
        }
    }
}

// Settings of a role or database win over the configuration files; their sessions would not load caas.
void check_overrides(const SetupOptions& options, const SetupTarget& target, const ServerState& state) {
    const std::string superuser = options.superuser.value_or(target.owner.name);
    for (const PreloadOverride& entry : state.overrides) {
        if (entry.value.find("caas") != std::string::npos) continue;
        const std::string where = (entry.role.empty() ? "" : " of role " + entry.role) +
                                  (entry.database.empty() ? "" : " of database " + entry.database);
        if (entry.role.empty() || entry.role == superuser) {
            throw program_error("a setting" + where +
                                " overrides session_preload_libraries: add caas to it there (ALTER " +
                                (entry.role.empty() ? "DATABASE" : "ROLE") + " .. SET)");
        }
        warn("a setting" + where + " overrides session_preload_libraries; its sessions load caas at their first call");
    }
}

// ---- Setting up ----

struct SetupPlan {
    KeyringPlan keyring;
    ApiKeyPlan api_key;
    ConfigPlace place;
    ConfigChange change;
    std::string schema;
};

SetupPlan plan_setup(const SetupOptions& options, const SetupTarget& target, const SetupServer& server,
                     const ServerState& state) {
    if (state.standby) {
        throw program_error(
            target.described +
            " is a standby, which takes the extension over from its primary: run 'caas setup' there, then "
            "copy the keyring and caas.conf from there to here and reload");
    }
    refuse_errors(state);
    check_overrides(options, target, state);
    const std::string schema = options.schema.value_or("public");
    if (!state.extension) server.create_extension(schema, true);
    KeyringPlan keyring = plan_keyring(options, target, state);
    ApiKeyPlan api_key = plan_api_key(options, state);
    const ConfigPlace place = find_config_place(state.config_file);
    ConfigChange change(place, wanted_settings(state, place, keyring.path, api_key.digests));
    return {std::move(keyring), std::move(api_key), place, std::move(change),
            state.extension ? state.extension->schema : schema};
}

void report_extension(const SetupOptions& options, const ServerState& state, const std::string& schema) {
    const std::string what = "extension caas in database " + options.database + ", schema " + schema;
    report(state.extension ? "kept" : made(options), what);
    if (state.extension && options.schema && *options.schema != schema) {
        note("--schema " + *options.schema + " was not followed: ALTER EXTENSION caas SET SCHEMA moves the extension");
    }
    for (const std::string& role : state.schema_creators) {
        warn("schema " + schema + ": " + (role == "PUBLIC" ? "everybody" : "role " + role) +
             " may create functions there, also of the names of caas; docs/setup.md says what to do");
    }
}

// Shows caas_status() and fails where caas is not ready.
void check_status(const SetupServer& server, const std::string& schema, const ApiKeyPlan& api_key) {
    const auto columns = server.status(schema, api_key.key ? api_key.key->expose() : "");
    std::string text;
    std::string problem = "caas_status() does not show a keyring";
    for (const auto& [name, value] : columns) {
        const bool of_session = name.rfind("api_key_", 0) == 0;  // where no key was made, the session shows none
        if (!of_session || api_key.key) text += (text.empty() ? "" : ", ") + name + " " + (value.empty() ? "-" : value);
        if (name == "keyring_loaded" && value == "true") problem.clear();
    }
    report("status", text);
    if (!problem.empty()) throw program_error(problem);
    for (const auto& [name, value] : columns) {
        if (api_key.key && name == "api_key_accepted" && value != "true") {
            throw program_error("caas_status() does not accept the new API key");
        }
    }
}

void print_key(const ApiKeyPlan& api_key) {
    if (!api_key.key) return;
    std::cout << api_key.key->expose() << std::endl;
    if (!std::cout) throw program_error("standard output cannot be written, so the key would be lost");
}

void activate(const SetupOptions& options, const SetupServer& server, const ServerState& state, SetupPlan& plan) {
    if (plan.change.changes_anything()) check_written_settings(server, plan.place);
    const auto live = [&] { return settings_are_live(server, plan.keyring.path, plan.api_key.digests); };
    if (plan.change.changes_anything() || !live()) reload_until(server, live);
    report(plan.change.changes_anything() ? "made" : "kept", "settings in " + plan.place.file + ", in use");
    if (!state.extension) server.create_extension(plan.schema, false);
    report_extension(options, state, plan.schema);
    check_status(server, plan.schema, plan.api_key);
    print_key(plan.api_key);
}

// Restores the settings: the digest of a key that was never printed must not stay configured.
void undo(const SetupServer& server, SetupPlan& plan, const ProgramError& error) {
    std::string state = "; the settings are as they were, what else was made stays, and the command can be run again";
    try {
        if (plan.change.changes_anything()) {
            plan.change.undo();
            server.reload();
        }
    } catch (const ProgramError& failed) {
        state = "; and " + plan.place.file + " could not be taken back: " + failed.what();
    }
    throw ProgramError(error.exit_code(), error.what() + state);
}

int set_up(const SetupOptions& options, const SetupTarget& target, const SetupServer& server) {
    server.check_library();
    const ServerState state = server.state(options.schema.value_or("public"));
    report("kept", "library of caas, installed for PostgreSQL " + state.version);
    SetupPlan plan = plan_setup(options, target, server, state);
    if (options.dry_run) {
        const std::string value = plan.keyring.exists ? ", check value " + make_or_check_keyring(plan.keyring) : "";
        report(plan.keyring.exists ? "kept" : "would make", "keyring " + plan.keyring.path + value);
        report_api_key(options, plan.api_key);
        report(plan.change.changes_anything() ? "would make" : "kept", "settings in " + plan.place.file);
        report_extension(options, state, plan.schema);
        return kExitOk;
    }
    const std::string value = make_or_check_keyring(plan.keyring);
    report(plan.keyring.exists ? "kept" : "made", "keyring " + plan.keyring.path + ", check value " + value);
    report_api_key(options, plan.api_key);
    try {
        plan.change.write();
        activate(options, server, state, plan);
    } catch (const ProgramError& error) {
        undo(server, plan, error);
    } catch (const std::exception&) {  // its text could hold anything
        undo(server, plan, program_error("unexpected failure"));
    }
    if (!plan.keyring.exists) {
        note("back " + plan.keyring.path + " up apart from the database: without it no digest can be verified again");
    }
    return kExitOk;
}

// ---- Taking it back ----

void remove_extension(const SetupOptions& options, const SetupServer& server, const ServerState& state) {
    const std::string what = "extension caas in database " + options.database;
    if (!state.extension) return report("kept", "no " + what);
    if (state.standby) return report("left", what + ": this is a standby");
    const std::string dependents = server.drop_extension(options.dry_run);
    if (dependents.empty()) return report(options.dry_run ? "would remove" : "removed", what);
    report("left", what + ", since other objects depend on it:\n" + dependents);
}

// Other databases need the settings: without them, every call there would be refused.
void remove_settings(const SetupOptions& options, const SetupServer& server, const ConfigPlace& place,
                     ConfigChange& change, bool needed) {
    const std::string what = "settings in " + place.file;
    if (!change.changes_anything()) return report("kept", "no file " + place.file);
    if (needed) return report("left", what + ", since other databases have the extension too");
    if (options.dry_run) return report("would remove", what);
    change.write();
    reload_until(server, [&] { return !server.session_uses(place.file); });
    report("removed", what);
}

void report_what_stays(const SetupTarget& target, const ServerState& state, const ConfigPlace& place,
                       const std::vector<std::string>& others) {
    for (const ConfigLine& line : state.lines) {
        if (line.name.rfind("caas.", 0) == 0 && !is_same_file(line.file, place.file)) {
            report("left", line.name + " in " + line.file + ", line " + std::to_string(line.line));
        }
    }
    for (const std::string& name : others) {
        report("left", "extension caas in database " + name);
    }
    const ConfigLine* keyring = effective_line(state, "caas.keyring_file");
    if (keyring != nullptr && !keyring->value.empty()) {
        report("left", "keyring " + keyring->value + "; to use it again: caas setup " + target.option + " --keyring " +
                           keyring->value + " ..");
    }
}

int take_back(const SetupOptions& options, const SetupTarget& target, const SetupServer& server) {
    const ServerState state = server.state(options.schema.value_or("public"));
    const ConfigPlace place = find_config_place(state.config_file);
    ConfigChange change = ConfigChange::removal(place);
    const std::vector<std::string> others = server.other_databases();
    remove_extension(options, server, state);
    remove_settings(options, server, place, change, !others.empty());
    report_what_stays(target, state, place, others);
    return kExitOk;
}

}  // namespace

int setup(const SetupOptions& options) {
    check_api_key_name(options.name);
    if (!options.cluster && !options.pgdata) throw usage_error("--cluster or --pgdata must say which server");
    // Killed in the middle, it would leave the digest of a key that was never printed. A Ctrl-C ends psql instead, and
    // its failure restores the settings.
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) (void)std::signal(number, SIG_IGN);
    const SetupTarget target = find_setup_target(options);
    const Descriptor locked = lock(target);
    const SetupServer server(target, options);
    server.check_connection();
    return options.remove ? take_back(options, target, server) : set_up(options, target, server);
}

}  // namespace caas::cli
