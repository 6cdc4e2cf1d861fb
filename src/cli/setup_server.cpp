#include "setup_server.hpp"

#include "command.hpp"
#include "setup_program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace caas::cli {

namespace {

using Json = nlohmann::ordered_json;

// A database's owner may set its search_path; without this option their functions could run with a superuser's rights.
constexpr const char* kSafeOptions = "-c search_path=pg_catalog,pg_temp";

constexpr std::string_view kConfigLines = R"sql(
    SELECT coalesce(json_agg(json_build_object('file', sourcefile, 'line', sourceline, 'name', lower(name),
               'value', setting, 'applied', applied, 'error', error) ORDER BY seqno), '[]')
    FROM pg_file_settings
    WHERE name IS NULL OR error IS NOT NULL OR lower(name) IN ('session_preload_libraries', 'log_min_error_statement')
        OR lower(name) LIKE 'caas.%'
)sql";

constexpr std::string_view kState = R"sql(
    SELECT json_build_object(
        'version', current_setting('server_version'),
        'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
        'config_file', current_setting('config_file'),
        'shared_preload', current_setting('shared_preload_libraries'),
        'standby', pg_is_in_recovery(),
        'command_line', (SELECT coalesce(json_agg(name), '[]') FROM pg_settings
            WHERE source IN ('command line', 'environment variable')
                AND name IN ('session_preload_libraries', 'caas.keyring_file', 'caas.api_key_digests')),
        'overrides', (SELECT coalesce(json_agg(json_build_object('role', coalesce(rolname, ''),
                'database', coalesce(datname, ''), 'value', split_part(entry, '=', 2))), '[]')
            FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS entry
                LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase
            WHERE split_part(entry, '=', 1) = 'session_preload_libraries'
                AND (setdatabase = 0 OR datname = current_database())),
        'extension', (SELECT json_build_object('version', extversion, 'schema', nspname)
            FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'caas'),
        'schema_exists', EXISTS (SELECT FROM pg_namespace WHERE nspname = :'schema'),
        'schema_creators', (SELECT coalesce(json_agg(DISTINCT coalesce(rolname, 'PUBLIC')), '[]')
            FROM pg_namespace CROSS JOIN aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS acl
                LEFT JOIN pg_roles r ON r.oid = acl.grantee
            WHERE nspname = :'schema' AND privilege_type = 'CREATE' AND coalesce(rolsuper, false) = false
                AND coalesce(rolname, '') <> 'pg_database_owner'
                AND acl.grantee <> (SELECT datdba FROM pg_database WHERE datname = current_database())));
)sql";

// "'VALUE'" of a connection string.
std::string connection_value(const std::string& value) {
    std::string quoted = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "'";
}

// psql's words around a message of the server are of no use to somebody who has not called psql.
std::string server_message(const std::string& text) {
    std::string message;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        for (const char* prefix : {"psql:<stdin>:", "psql: "}) {
            if (line.rfind(prefix, 0) != 0) continue;
            const std::size_t space = line.find(' ');
            line = line.substr(std::min(space, line.size() - 1) + 1);
        }
        for (const char* prefix : {"error: ", "ERROR:  ", "FATAL:  "}) {
            if (line.rfind(prefix, 0) == 0) line = line.substr(std::string_view(prefix).size());
        }
        if (!line.empty()) message += (message.empty() ? "" : "\n") + line;
    }
    return message.empty() ? "psql failed without a message" : message;
}

Json parse(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) throw program_error("the server's answer is not understood");
    return json;
}

std::string text_of(const Json& value) {
    if (value.is_null()) return "";
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<std::string> texts_of(const Json& array) {
    std::vector<std::string> texts;
    for (const Json& value : array) texts.push_back(text_of(value));
    return texts;
}

std::vector<ConfigLine> lines_of(const Json& array) {
    std::vector<ConfigLine> lines;
    for (const Json& line : array) {
        lines.push_back({text_of(line["file"]), line["line"].is_number() ? line["line"].get<int>() : 0,
                         text_of(line["name"]), text_of(line["value"]), line["applied"].get<bool>(),
                         text_of(line["error"])});
    }
    return lines;
}

std::vector<PreloadOverride> overrides_of(const Json& array) {
    std::vector<PreloadOverride> overrides;
    for (const Json& entry : array) {
        overrides.push_back({text_of(entry["role"]), text_of(entry["database"]), text_of(entry["value"])});
    }
    return overrides;
}

}  // namespace

SetupServer::SetupServer(const SetupTarget& target, const SetupOptions& options)
    : target_(target), database_(options.database), superuser_(options.superuser.value_or(target.owner.name)) {}

std::string SetupServer::connection(const std::string& database) const {
    return "host=" + connection_value(target_.socket_folder) + " port=" + std::to_string(target_.port) +
           " user=" + connection_value(superuser_) + " dbname=" + connection_value(database) +
           " connect_timeout=30 client_encoding=UTF8 application_name='caas setup' options=" +
           connection_value(kSafeOptions);
}

std::string SetupServer::run(const std::string& database, std::string_view script,
                             const std::map<std::string, std::string>& variables) const {
    std::vector<std::string> arguments = {target_.psql, "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1"};
    for (const auto& [name, value] : variables) {
        arguments.emplace_back("-v");
        arguments.emplace_back(name).append("=").append(value);
    }
    arguments.insert(arguments.end(), {"-d", connection(database)});
    const char* path = std::getenv("PATH");
    const std::vector<std::string> environment = {"LC_ALL=C", "HOME=" + target_.owner.home,
                                                  std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin")};
    const ProgramEnd end = run_program(arguments, environment, script);
    if (end.exit_code != 0) throw program_error(server_message(end.err));
    return end.out;
}

void SetupServer::check_connection() const {
    const std::string folder = run(database_, R"sql(
        SELECT CASE WHEN rolsuper THEN current_setting('data_directory') ELSE '' END
        FROM pg_roles WHERE rolname = current_user;)sql",
                                   {});
    const std::string trimmed = folder.substr(0, folder.find('\n'));
    if (trimmed.empty()) {
        throw program_error("role " + superuser_ + " is no superuser of the database; name one by --superuser");
    }
    std::error_code error;
    if (!std::filesystem::equivalent(trimmed, target_.data_directory, error) || error) {
        throw program_error("the server that answers in " + target_.socket_folder + " at port " +
                            std::to_string(target_.port) + " is another: its data directory is " + trimmed);
    }
}

void SetupServer::check_library() const {
    try {
        (void)run(database_, "LOAD 'caas';", {});
    } catch (const ProgramError& error) {
        throw program_error("the server cannot load the library of caas: " + std::string(error.what()));
    }
}

ServerState SetupServer::state(const std::string& schema) const {
    const Json json = parse(run(database_, kState, {{"schema", schema}}));
    ServerState state{};
    state.version = text_of(json["version"]);
    state.system_identifier = text_of(json["system_identifier"]);
    state.config_file = text_of(json["config_file"]);
    state.shared_preload = text_of(json["shared_preload"]);
    state.standby = json["standby"].get<bool>();
    state.command_line = texts_of(json["command_line"]);
    state.lines = config_lines();
    state.overrides = overrides_of(json["overrides"]);
    if (!json["extension"].is_null()) {
        state.extension = {text_of(json["extension"]["version"]), text_of(json["extension"]["schema"])};
    }
    state.schema_exists = json["schema_exists"].get<bool>();
    state.schema_creators = texts_of(json["schema_creators"]);
    return state;
}

std::vector<ConfigLine> SetupServer::config_lines() const { return lines_of(parse(run(database_, kConfigLines, {}))); }

void SetupServer::reload() const { (void)run(database_, "SELECT pg_reload_conf();", {}); }

std::map<std::string, std::string> SetupServer::settings_of_new_session() const {
    const Json json = parse(run(database_, R"sql(
        SELECT coalesce(json_object_agg(name, setting), '{}') FROM pg_settings
        WHERE name IN ('session_preload_libraries', 'caas.keyring_file', 'caas.api_key_digests');)sql",
                                {}));
    std::map<std::string, std::string> settings;
    for (const auto& [name, value] : json.items()) settings[name] = text_of(value);
    return settings;
}

bool SetupServer::session_uses(const std::string& file) const {
    return !run(database_, "SELECT 1 FROM pg_settings WHERE sourcefile = :'file' LIMIT 1;", {{"file", file}}).empty();
}

// USAGE lets every role name the functions of the new schema; EXECUTE is still granted function by function.
void SetupServer::create_extension(const std::string& schema, bool only_try) const {
    constexpr std::string_view kScript = R"sql(
        SET lock_timeout = '60s';
        BEGIN;
        SELECT NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = :'schema') AS missing \gset
        \if :missing
            CREATE SCHEMA :"schema";
            GRANT USAGE ON SCHEMA :"schema" TO PUBLIC;
        \endif
        CREATE EXTENSION caas SCHEMA :"schema";
    )sql";
    (void)run(database_, std::string(kScript) + (only_try ? "ROLLBACK;" : "COMMIT;"), {{"schema", schema}});
}

std::string SetupServer::drop_extension(bool only_try) const {
    try {
        (void)run(database_,
                  std::string("SET lock_timeout = '60s'; SET lc_messages = 'C'; BEGIN; DROP EXTENSION caas; ") +
                      (only_try ? "ROLLBACK;" : "COMMIT;"),
                  {});
        return "";
    } catch (const ProgramError& error) {
        const std::string message = error.what();
        const std::size_t detail = message.find("\nDETAIL:  ");
        if (message.find("other objects depend on it") == std::string::npos || detail == std::string::npos) throw;
        const std::size_t begin = detail + std::string_view("\nDETAIL:  ").size();
        return message.substr(begin, message.find("\nHINT: ", begin) - begin);
    }
}

std::vector<std::string> SetupServer::other_databases() const {
    const Json names = parse(run(database_, R"sql(
        SELECT coalesce(json_agg(datname ORDER BY datname), '[]') FROM pg_database
        WHERE datallowconn AND datname <> current_database();)sql",
                                 {}));
    std::vector<std::string> having;
    for (const std::string& name : texts_of(names)) {
        const std::string found = run(name, "SELECT 1 FROM pg_extension WHERE extname = 'caas';", {});
        if (!found.empty()) having.push_back(name);
    }
    return having;
}

// The key is sent in the connection options, as clients do, because a statement could be logged. psql reads it from
// standard input, so its command line and environment never hold it.
std::vector<std::pair<std::string, std::string>> SetupServer::status(const std::string& schema,
                                                                     std::string_view key) const {
    std::string script;
    if (!key.empty()) {
        script.append("\\connect -reuse-previous=on \"options='").append(kSafeOptions);
        script.append(" -c caas.api_key=").append(key).append("'\"\n");
    }
    script += "SELECT row_to_json(s) FROM :\"schema\".caas_status() s;";
    const Json row = parse(run(database_, script, {{"schema", schema}}));
    std::vector<std::pair<std::string, std::string>> columns;
    for (const auto& [name, value] : row.items()) columns.emplace_back(name, text_of(value));
    return columns;
}

}  // namespace caas::cli
