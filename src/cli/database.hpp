// Sessions of a database, by libpq.
#pragma once
#include "../core/keyring.hpp"
#include "command.hpp"

#include <libpq-fe.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace caas::cli {

// Keeps the order of the columns.
using Json = nlohmann::ordered_json;

// The options of a connection, as psql takes them. Each may be missing; libpq adds the environment and its files.
struct ConnectionOptions {
    std::optional<std::string> database;  // a name, a connection string or a URI
    std::optional<std::string> host, port, user;
    std::optional<std::string> api_key_file;
};

// An error of the server. Its text is printable and holds no detail that could show a stored value.
class DatabaseError : public ProgramError {
public:
    DatabaseError(const std::string& message, std::string sqlstate)
        : ProgramError(kExitFailed, message), sqlstate_(std::move(sqlstate)) {}
    const std::string& sqlstate() const { return sqlstate_; }

private:
    std::string sqlstate_;
};

struct ResultDeleter {
    void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ResultDeleter>;

struct ConninfoDeleter {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ConninfoPtr = std::unique_ptr<PQconninfoOption, ConninfoDeleter>;

using Parameters = std::vector<std::optional<std::string>>;

// A table of the database, and its name as SQL wants it, with its schema.
struct Relation {
    std::string oid;
    std::string name;
};

// A session. Names in its statements are found in pg_catalog alone, unless it was opened with user_path.
class Database {
public:
    // Asks for a password on a terminal when the server wants one that is not given otherwise.
    static Database connect(const ConnectionOptions& options);
    // A further session of the same server, role and database that shows the key; user_path leaves it the search_path
    // of its role, which the triggers of its tables may need. Without a key the server's settings may have one.
    Database with_key(const std::optional<SecretText>& key, bool user_path) const;
    // A session of another database of the same server, or none where that database has no extension caas.
    std::optional<Database> other(const std::string& database) const;

    // The extension's schema, quoted, with its dot. Throws where the extension is missing or too old.
    const std::string& schema() const { return schema_; }
    std::string name() const { return PQdb(session_.get()); }

    // Finds a table, view or index by its name as SQL writes it, by the search_path of the role.
    Relation find(const std::string& table);
    // The rows of a query, each an object.
    Json rows(const std::string& query, const Parameters& parameters = {});
    // Runs one statement, outside a transaction.
    void run(const std::string& statement, const Parameters& parameters = {});

    // The text as a literal of SQL.
    std::string literal(const std::string& text) const;

    // Sends a statement, whose result is read from the handle.
    void send(const std::string& statement, const Parameters& parameters);
    // The query whose result rows_of() reads.
    static std::string query_of_rows(const std::string& query);
    PGconn* handle() const { return session_.get(); }

    // Takes notices of this session, printable, with their severity. They go to standard error by default.
    using NoticeSink = std::function<void(const std::string& severity, const std::string& message)>;
    void send_notices_to(NoticeSink sink);

private:
    struct SessionDeleter {
        void operator()(PGconn* session) const { PQfinish(session); }
    };
    using SessionPtr = std::unique_ptr<PGconn, SessionDeleter>;

    Database() = default;
    // expand: a connection string may stand for the name of the database.
    void open(const std::vector<const char*>& keywords, const std::vector<const char*>& values, bool expand);
    void enter();
    bool has_extension();
    void find_extension();
    // A session of the same server and role.
    Database beside(const std::string& database, const std::optional<SecretText>& key) const;
    void set_search_path(const std::string& path);

    std::unique_ptr<NoticeSink> notices_;  // at an address that stays; outlives the session
    SessionPtr session_;
    std::string schema_;
    std::string user_path_;
};

// The rows of a result of query_of_rows(). Throws the error that it holds.
Json rows_of(PGconn* session, const PGresult* result);
// A column of a row; null where the server's version has none of this name.
const Json& field(const Json& row, const char* name);
// The error of a result, or of the session where there is no result.
DatabaseError database_error(PGconn* session, const PGresult* result);

// The API key of the environment (CAAS_API_KEY) or of --api-key-file.
std::optional<SecretText> read_api_key(const ConnectionOptions& options);
// Throws when the session has no key that the server accepts, or the server no keyring.
void require_key(Database& session);

}  // namespace caas::cli
