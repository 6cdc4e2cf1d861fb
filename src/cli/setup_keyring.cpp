#include "setup_keyring.hpp"

#include "../core/cipher_pool.hpp"
#include "../core/digest_pool.hpp"
#include "../core/password_pool.hpp"
#include "command.hpp"
#include "keyring_edit.hpp"
#include "keyring_file.hpp"
#include "keyring_report.hpp"
#include "setup_config.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace caas::cli {

namespace {

namespace fs = std::filesystem;

bool file_exists(const std::string& path) {
    struct stat status = {};
    if (stat(path.c_str(), &status) == 0) return true;
    if (errno != ENOENT) throw errno_error(path, "the keyring cannot be examined");
    return false;
}

std::string default_path(const SetupTarget& target, const ServerState& state) {
    const std::string name = target.keyring_name.empty() ? state.system_identifier : target.keyring_name;
    return target.owner.home + "/caas/" + name + ".keyring";
}

// An installed extension means that an earlier keyring may exist. Values made under it would not verify under a new
// one.
std::string unconfigured_path(const SetupOptions& options, const SetupTarget& target, const ServerState& state) {
    std::string path = options.keyring.value_or(default_path(target, state));
    if (state.extension && !file_exists(path)) {
        throw program_error(
            "the database has the extension already, but the server's settings name no keyring and " + path +
            " does not exist: name the keyring that was used by --keyring FILE; if there never was one, "
            "make it by 'caas keyring init " +
            path + "' as the server's user");
    }
    return path;
}

void check_place(const std::string& path, const SetupTarget& target) {
    const bool control = std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < ' ' || c == 127; });
    if (path.empty() || path[0] != '/' || control) throw usage_error("--keyring: it is not an absolute path");
    std::error_code error;
    const std::string resolved = fs::weakly_canonical(path, error).string();
    if (error) throw program_error(path + ": the folder of the keyring cannot be examined: " + error.message());
    if (resolved.rfind(target.data_directory + "/", 0) == 0) {
        throw usage_error("the keyring " + path + " would be inside the data directory " + target.data_directory +
                          ", and so in every base backup: name another place by --keyring");
    }
}

// Users who can write in the folder could remove the keyring.
void check_folder(const std::string& folder) {
    struct stat status = {};
    if (stat(folder.c_str(), &status) != 0) {
        if (errno != ENOENT) throw errno_error(folder, "the folder of the keyring cannot be examined");
        return;
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        throw program_error(folder + ": others than the owner can write in the folder of the keyring: chmod go-w it");
    }
}

}  // namespace

KeyringPlan plan_keyring(const SetupOptions& options, const SetupTarget& target, const ServerState& state) {
    const ConfigLine* line = effective_line(state, "caas.keyring_file");
    const bool configured = line != nullptr && !line->value.empty();
    KeyringPlan plan{};
    plan.path = configured ? line->value : unconfigured_path(options, target, state);
    check_place(plan.path, target);
    plan.exists = file_exists(plan.path);
    if (!configured) {
        if (!plan.exists) check_folder(fs::path(plan.path).parent_path().string());
        return plan;
    }
    const std::string where = line->file + ", line " + std::to_string(line->line);
    if (options.keyring && *options.keyring != plan.path) {
        throw program_error("the server has another keyring, " + plan.path + " (" + where +
                            "): what was made under it would not verify under " + *options.keyring);
    }
    if (!plan.exists) {
        throw program_error("the keyring " + plan.path + " that " + where +
                            " names does not exist: put it back from its backup; a new one would not verify what was "
                            "made under it");
    }
    return plan;
}

std::string make_or_check_keyring(const KeyringPlan& plan) {
    if (plan.exists) {
        const Engine engine = load_engine(plan.path);
        const Keyring& keyring = *engine.keyring();
        warn_about_keyring(plan.path, keyring.warnings());
        return check_value_of(keyring.active());
    }
    const std::string folder = fs::path(plan.path).parent_path().string();
    if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
        throw errno_error(folder, "the folder of the keyring cannot be made by the server's user");
    }
    const Generation first =
        make_generation(1, true, {default_pool(digest_pool), default_pool(cipher_pool), default_pool(password_pool)});
    const Keyring made = create_keyring(plan.path, new_keyring_text(first));
    return check_value_of(made.active());
}

}  // namespace caas::cli
