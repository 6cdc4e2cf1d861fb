// The running server, asked and changed through psql by a superuser. Each call opens a new session.
#pragma once
#include "setup_target.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caas::cli {

// A line of the server's configuration files.
struct ConfigLine {
    std::string file;
    int line;
    std::string name;  // lower case; empty for a syntax error
    std::string value;
    bool applied;  // no later line overrides it
    std::string error;
};

// A setting of a role or database that overrides session_preload_libraries of the configuration files.
struct PreloadOverride {
    std::string role;      // empty: every role
    std::string database;  // empty: every database
    std::string value;
};

struct InstalledExtension {
    std::string version;
    std::string schema;
};

struct ServerState {
    std::string version;
    std::string system_identifier;
    std::string config_file;
    std::string shared_preload;
    bool standby;
    std::vector<std::string> command_line;  // the settings of ours that the server's command line sets
    std::vector<ConfigLine> lines;          // those about caas, preloading and the log of statements, and all errors
    std::vector<PreloadOverride> overrides;
    std::optional<InstalledExtension> extension;
    bool schema_exists;
    std::vector<std::string>
        schema_creators;  // may add functions to the schema; superusers and the database's owner left out
};

// All functions throw ProgramError with the server's own message.
class SetupServer {
public:
    SetupServer(const SetupTarget& target, const SetupOptions& options);

    // Fails when the role is no superuser or another server answers.
    void check_connection() const;
    // Fails when the server cannot load the library.
    void check_library() const;
    // schema is the one in which the extension would be created.
    ServerState state(const std::string& schema) const;
    std::vector<ConfigLine> config_lines() const;
    void reload() const;
    // session_preload_libraries and the settings of caas; the latter only when the session has loaded the library.
    std::map<std::string, std::string> settings_of_new_session() const;
    // A new session has a setting from this configuration file.
    bool session_uses(const std::string& file) const;
    // Creates the extension, and the schema where it is missing. With only_try it rolls back.
    void create_extension(const std::string& schema, bool only_try) const;
    // Drops the extension unless other objects depend on it; then it returns the server's list of them. With only_try
    // it rolls back.
    std::string drop_extension(bool only_try) const;
    // Other databases that have the extension.
    std::vector<std::string> other_databases() const;
    // caas_status() of a session with this API key (none when empty): names and values of its columns.
    std::vector<std::pair<std::string, std::string>> status(const std::string& schema, std::string_view key) const;

private:
    std::string connection(const std::string& database) const;
    std::string run(const std::string& database, std::string_view script,
                    const std::map<std::string, std::string>& variables) const;

    const SetupTarget& target_;
    std::string database_;
    std::string superuser_;
};

}  // namespace caas::cli
