// The running server as `caas setup` sees it: through psql, as a superuser, in new sessions.
#pragma once
#include "setup_target.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caas::cli {

// A line of the server's configuration files.
struct ConfigLine {
    std::string file;
    int line;
    std::string name;  // lower case; empty for a syntax error
    std::string value;
    bool applied;  // it is the line that counts
    std::string error;
};

// A role or database whose sessions do not load what the configuration files say.
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
    std::vector<std::string> command_line;  // settings of ours that the server's command line fixes
    std::vector<ConfigLine> lines;          // those about session_preload_libraries and caas, and all errors
    std::vector<PreloadOverride> overrides;
    std::optional<InstalledExtension> extension;
    bool schema_exists;
    std::vector<std::string>
        schema_creators;  // may add functions to the schema; superusers and the database's owner left out
};

// The errors of all functions are ProgramErrors with the server's own message.
class SetupServer {
public:
    SetupServer(const SetupTarget& target, const SetupOptions& options);

    // Fails when the role is no superuser or another server answers.
    void check_connection() const;
    // Fails when the server cannot load the library.
    void check_library() const;
    // schema is where the extension would be created.
    ServerState state(const std::string& schema) const;
    std::vector<ConfigLine> config_lines() const;
    void reload() const;
    // The settings with these names in a new session, which shows those of caas only when it has loaded the library.
    std::map<std::string, std::string> settings_of_new_session() const;
    // A new session has a setting from this configuration file.
    bool session_uses(const std::string& file) const;
    // Creates the extension, and the schema where it is missing. With only_try it rolls back.
    void create_extension(const std::string& schema, bool only_try) const;
    // Drops the extension; the value tells what depends on it and kept it from being dropped. With only_try it rolls
    // back.
    std::string drop_extension(bool only_try) const;
    // Other databases that have the extension.
    std::vector<std::string> other_databases() const;
    // caas_status() in a new session that shows the key (none when empty): names and values in the order of the
    // columns.
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
