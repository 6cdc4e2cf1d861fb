#include "database.hpp"

#include "input.hpp"
#include "terminal_text.hpp"

#include <openssl/crypto.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace caas::cli {

namespace {

constexpr const char* kSafePath = "pg_catalog, pg_temp";

std::string field_of(const PGresult* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text != nullptr ? text : "";
}

// The detail of a violated constraint and of a datum that cannot be read shows what is stored.
bool shows_data(const std::string& sqlstate) { return sqlstate.rfind("22", 0) == 0 || sqlstate.rfind("23", 0) == 0; }

std::string message_of(const PGresult* result) {
    std::string message = printable_lines(field_of(result, PG_DIAG_MESSAGE_PRIMARY));
    const std::string detail = field_of(result, PG_DIAG_MESSAGE_DETAIL);
    const std::string hint = field_of(result, PG_DIAG_MESSAGE_HINT);
    if (!detail.empty() && !shows_data(field_of(result, PG_DIAG_SQLSTATE))) {
        message += "\nDetail: " + printable_lines(detail);
    }
    if (!hint.empty()) message += "\nHint: " + printable_lines(hint);
    return message;
}

void to_standard_error(const std::string& severity, const std::string& message) {
    if (severity == "WARNING") {
        warn(message);
    } else {
        note(message);
    }
}

void receive_notice(void* sink, const PGresult* result) {
    const std::string severity = field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    try {
        (*static_cast<Database::NoticeSink*>(sink))(severity, message_of(result));
    } catch (const std::exception&) {  // libpq is C: nothing may be thrown through it
        return;
    }
}

std::string without_line_ends(std::string text) {
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
}

// A backslash before blanks and backslashes, as the server reads its options.
void append_option(std::string& options, const char* name, std::string_view value) {
    options.append(options.empty() ? "-c " : " -c ").append(name).append("=");
    for (const char c : value) {
        if (c == '\\' || std::strchr(" \t\n\r\v\f", c) != nullptr) options += '\\';
        options += c;
    }
}

}  // namespace

DatabaseError database_error(PGconn* session, const PGresult* result) {
    const std::string sqlstate = result != nullptr ? field_of(result, PG_DIAG_SQLSTATE) : "";
    std::string message = result != nullptr ? message_of(result) : "";
    if (message.empty()) message = printable_lines(without_line_ends(PQerrorMessage(session)));
    return {message.empty() ? "the server gave no answer" : message, sqlstate};
}

void Database::open(const std::vector<const char*>& keywords, const std::vector<const char*>& values, bool expand) {
    notices_ = std::make_unique<NoticeSink>(to_standard_error);
    session_.reset(PQconnectdbParams(keywords.data(), values.data(), expand ? 1 : 0));
    if (session_ == nullptr) throw std::bad_alloc();
}

void Database::enter() {
    if (PQstatus(session_.get()) != CONNECTION_OK) {
        throw DatabaseError(printable_lines(without_line_ends(PQerrorMessage(session_.get()))), "");
    }
    PQsetNoticeReceiver(session_.get(), receive_notice, notices_.get());
    user_path_ = rows("SELECT pg_catalog.current_setting('search_path') AS path")[0]["path"].get<std::string>();
    set_search_path(kSafePath);
    try {  // where the server's system allows it, a statement ends when the program has gone
        run("SELECT pg_catalog.set_config('client_connection_check_interval', '10s', false)");
    } catch (const DatabaseError&) {
        return;
    }
}

void Database::set_search_path(const std::string& path) {
    run("SELECT pg_catalog.set_config('search_path', $1, false)", {path});
}

Database Database::connect(const ConnectionOptions& options) {
    const auto text = [](const std::optional<std::string>& value) { return value ? value->c_str() : nullptr; };
    // psql's order: what a connection string in the place of the name says wins.
    std::vector<const char*> keywords = {
        "host", "port", "user", "dbname", "client_encoding", "fallback_application_name"};
    std::vector<const char*> values = {
        text(options.host), text(options.port), text(options.user), text(options.database), "UTF8", "caas"};
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    Database database;
    database.open(keywords, values, true);
    if (PQconnectionNeedsPassword(database.session_.get()) != 0 && isatty(STDIN_FILENO) != 0) {
        const SecretText password = ask_secret("Password: ");
        const std::string ended(password.expose());  // cleansed when it is freed, as all memory of the program
        keywords.insert(keywords.begin() + 3, "password");
        values.insert(values.begin() + 3, ended.c_str());
        database.open(keywords, values, true);
    }
    database.enter();
    database.find_extension();
    return database;
}

// The key is sent in the connection options, as clients do: a server that logs statements logs their parameters too.
Database Database::with_key(const std::optional<SecretText>& key, bool user_path) const {
    Database session = beside(name(), key);
    session.schema_ = schema_;
    if (user_path) session.set_search_path(session.user_path_);
    return session;
}

std::optional<Database> Database::other(const std::string& database) const {
    Database session = beside(database, std::nullopt);
    if (!session.has_extension()) return std::nullopt;
    session.find_extension();
    return session;
}

Database Database::beside(const std::string& database, const std::optional<SecretText>& key) const {
    const ConninfoPtr given(PQconninfo(session_.get()));
    if (given == nullptr) throw std::bad_alloc();
    SecretText options(4096);
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (const PQconninfoOption* one = given.get(); one->keyword != nullptr; one++) {
        const std::string_view keyword = one->keyword;
        if (keyword == "options" && one->val != nullptr) options.expose_mutable() += one->val;
        if (keyword == "options" || keyword == "host" || keyword == "hostaddr" || keyword == "port") continue;
        if (keyword == "dbname" || one->val == nullptr || *one->val == '\0') continue;
        keywords.push_back(one->keyword);
        values.push_back(one->val);
    }
    if (key) append_option(options.expose_mutable(), "caas.api_key", key->expose());
    // A connection string can name several servers: further sessions go to the one that answered.
    const char* address = PQhostaddr(session_.get());
    for (const auto& [keyword, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"dbname", database.c_str()},
             {"host", PQhost(session_.get())},
             {"hostaddr", address != nullptr && *address != '\0' ? address : nullptr},
             {"port", PQport(session_.get())},
             {"options", options.expose().data()},
             {nullptr, nullptr}}) {
        if (keyword != nullptr && value == nullptr) continue;
        keywords.push_back(keyword);
        values.push_back(value);
    }
    Database session;
    session.open(keywords, values, false);
    session.enter();
    return session;
}

bool Database::has_extension() { return !rows("SELECT 1 AS found FROM pg_extension WHERE extname = 'caas'").empty(); }

void Database::find_extension() {
    const Json found = rows(R"sql(
        SELECT quote_ident(n.nspname) || '.' AS schema, e.extversion AS version,
            to_regclass(quote_ident(n.nspname) || '.caas_columns') IS NOT NULL AS has_tables
        FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'caas')sql");
    if (found.empty()) {
        throw program_error("database " + printable(name()) +
                            " has no extension caas; 'caas setup' or CREATE EXTENSION caas makes it");
    }
    if (!found[0]["has_tables"].get<bool>()) {
        throw program_error("the extension caas in database " + printable(name()) + " is of version " +
                            printable(found[0]["version"].get<std::string>()) +
                            ", which knows no tables; ALTER EXTENSION caas UPDATE");
    }
    schema_ = found[0]["schema"].get<std::string>();
}

Relation Database::find(const std::string& table) {
    set_search_path(user_path_);
    const std::string oid =
        rows("SELECT $1::pg_catalog.regclass::pg_catalog.oid::pg_catalog.text AS oid", {table})[0]["oid"]
            .get<std::string>();
    set_search_path(kSafePath);
    return {oid, rows("SELECT $1::oid::regclass::text AS name", {oid})[0]["name"].get<std::string>()};
}

std::string Database::query_of_rows(const std::string& query) {
    return "SELECT pg_catalog.row_to_json(q) FROM (" + query + ") AS q";
}

Json rows_of(PGconn* session, const PGresult* result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK) throw database_error(session, result);
    Json rows = Json::array();
    for (int row = 0; row < PQntuples(result); row++) {
        rows.push_back(Json::parse(PQgetvalue(result, row, 0), nullptr, false));
        if (rows.back().is_discarded()) throw program_error("the server's answer is not understood");
    }
    return rows;
}

const Json& field(const Json& row, const char* name) {
    static const Json missing;
    const auto found = row.find(name);
    return found != row.end() ? *found : missing;
}

Json Database::rows(const std::string& query, const Parameters& parameters) {
    send(query_of_rows(query), parameters);
    const ResultPtr result(PQgetResult(session_.get()));
    while (ResultPtr(PQgetResult(session_.get())) != nullptr) continue;
    return rows_of(session_.get(), result.get());
}

void Database::run(const std::string& statement, const Parameters& parameters) {
    send(statement, parameters);
    const ResultPtr result(PQgetResult(session_.get()));
    while (ResultPtr(PQgetResult(session_.get())) != nullptr) continue;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw database_error(session_.get(), result.get());
}

void Database::send(const std::string& statement, const Parameters& parameters) {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
    if (PQsendQueryParams(session_.get(), statement.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                          nullptr, nullptr, 0) != 1) {
        throw database_error(session_.get(), nullptr);
    }
}

std::string Database::literal(const std::string& text) const {
    struct MemoryDeleter {
        void operator()(char* memory) const { PQfreemem(memory); }
    };
    const std::unique_ptr<char, MemoryDeleter> literal(PQescapeLiteral(session_.get(), text.data(), text.size()));
    if (literal == nullptr) throw database_error(session_.get(), nullptr);
    return literal.get();
}

void Database::send_notices_to(NoticeSink sink) { *notices_ = std::move(sink); }

}  // namespace caas::cli
