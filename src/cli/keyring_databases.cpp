#include "keyring_databases.hpp"

#include "database.hpp"
#include "keyring_file.hpp"
#include "keyring_report.hpp"
#include "progress_bar.hpp"
#include "table_status.hpp"
#include "terminal_text.hpp"

#include <map>
#include <set>

namespace caas::cli {

namespace {

using Problems = std::set<std::string>;            // each is said once
using Findings = std::map<std::string, Problems>;  // by the name of the database

// A server that has another secret under this number tells nothing about this keyring.
void compare_keyrings(Database& database, const KeyringOptions& options, Problems& problems) {
    const Keyring keyring = load_keyring(options.file);
    const Generation* const generation = keyring.find(options.number);
    if (generation == nullptr) return;  // which the command will say
    const Json rows =
        database.rows("SELECT check_value FROM " + database.schema() + "caas_keyring() WHERE generation = $1::integer",
                      {std::to_string(options.number)});
    if (rows.empty()) {
        problems.insert("its server's keyring has no generation " + std::to_string(options.number));
    } else if (rows[0]["check_value"] != check_value_of(*generation)) {
        problems.insert("its server has another keyring: the check values differ");
    }
}

std::string column_of(const Json& row) {
    return printable(cell_of(field(row, "relation")) + "." + cell_of(field(row, "column_name")));
}

void find_values(Database& database, int number, Problems& problems) {
    const Json rows = database.rows("SELECT * FROM " + database.schema() + "caas_generations()");
    if (rows.empty()) problems.insert("no value is declared there, so nothing tells");
    for (const Json& row : rows) {
        if (field(row, "generation") == number && number_of(field(row, "values")) > 0) {
            problems.insert(column_of(row) + " has " + amount_text(number_of(field(row, "values"))) + " values of it");
        } else if (field(row, "conclusive") != true) {
            const std::string remark = printable(cell_of(field(row, "remark")));
            problems.insert(column_of(row) + ": not conclusive" + (remark.empty() ? "" : ": " + remark));
        }
    }
}

void ask(Database& database, const KeyringOptions& options, Findings& findings) {
    Problems& problems = findings[printable(database.name())];
    try {
        compare_keyrings(database, options, problems);
        find_values(database, options.number, problems);
    } catch (const DatabaseError& error) {
        problems.insert(error.what());
    }
}

// The keyring is that of the whole server, so values of a generation can be in each of its databases.
void ask_other(const Database& named, const std::string& name, const KeyringOptions& options, Findings& findings) {
    try {
        std::optional<Database> database = named.other(name);
        if (database) ask(*database, options, findings);
    } catch (const ProgramError& error) {
        findings[printable(name)].insert(error.what());
    }
}

// A connection string may hold a password, so a message names the database alone.
void ask_server(const std::string& connection, const KeyringOptions& options, Findings& findings) {
    Database named =
        Database::connect({.database = connection, .host = {}, .port = {}, .user = {}, .api_key_file = {}});
    ask(named, options, findings);
    const Json others = named.rows(R"sql(
        SELECT datname AS name, datallowconn AS open FROM pg_database
        WHERE datname <> current_database() AND (datallowconn OR NOT datistemplate) ORDER BY datname)sql");
    for (const Json& other : others) {
        const std::string name = other["name"];
        if (other["open"].get<bool>()) {
            ask_other(named, name, options, findings);
        } else {
            findings[printable(name)].insert("it allows no connections, so nothing tells");
        }
    }
}

}  // namespace

void require_no_values(const KeyringOptions& options) {
    const bool forced = options.force_generation.has_value();
    if (forced && *options.force_generation != options.number) {
        throw usage_error("--force-generation names another generation than the command");
    }
    std::string found;
    for (const std::string& connection : options.databases) {
        Findings findings;
        ask_server(connection, options, findings);
        for (const auto& [name, problems] : findings) {
            for (const std::string& problem : problems)
                found.append("\ndatabase ").append(name).append(": ").append(problem);
        }
    }
    if (found.empty()) return;
    const std::string message = "generation " + std::to_string(options.number) + " may still be needed:" + found;
    if (!forced) {
        throw program_error(options.file + ": " + message + "\nNothing was changed; --force-generation " +
                            std::to_string(options.number) + " does it nevertheless");
    }
    warn(message);
}

}  // namespace caas::cli
