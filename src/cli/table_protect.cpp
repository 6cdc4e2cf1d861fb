// `caas table protect`: the server makes the plan and runs what a function can run; the rest runs here, one statement
// after the other, because it cannot run in a transaction.
#include "table_options.hpp"
#include "terminal_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>

namespace caas::cli {

namespace {

// "{"a","b"}" of the server's array type.
std::string text_array(const std::vector<std::string>& texts) {
    std::string array = "{";
    for (const std::string& text : texts) {
        array += array.size() > 1 ? ",\"" : "\"";
        for (const char c : text) {
            if (c == '"' || c == '\\') array += '\\';
            array += c;
        }
        array += '"';
    }
    return array + "}";
}

Json protection_rows(Database& session, const char* function, const Relation& relation, const TableOptions& options) {
    return session.rows(
        "SELECT * FROM " + session.schema() + function + "($1::oid::regclass, $2::text, VARIADIC $3::text[])",
        {relation.oid, options.id, text_array(options.columns)});
}

std::string text_of_step(const Json& step, const char* name) {
    return step[name].is_string() ? printable_lines(step[name].get<std::string>()) : "";
}

// "-- 3, by hand: what for" and the statement.
void print_step(const Json& step) {
    std::string detail = text_of_step(step, "detail");
    for (std::size_t at = detail.find('\n'); at != std::string::npos; at = detail.find('\n', at + 1)) {
        detail.insert(at + 1, "--   ");
    }
    std::cout << "-- " << step["step"].dump() << ", " << text_of_step(step, "kind") << (detail.empty() ? "" : ": ")
              << detail << '\n';
    const std::string statement = text_of_step(step, "statement");
    if (!statement.empty()) std::cout << statement << (statement.back() == ';' ? "\n" : ";\n");
}

void print_plan(const Json& plan) {
    for (const Json& step : plan) print_step(step);
    std::cout << std::flush;
}

// What the program runs by itself; the rest, such as a job of hours, is for the user.
bool runs_here(const Json& step) {
    static constexpr std::array<std::string_view, 6> kBeginnings = {"CREATE INDEX CONCURRENTLY ",
                                                                    "CREATE UNIQUE INDEX CONCURRENTLY ",
                                                                    "DROP INDEX CONCURRENTLY ",
                                                                    "REINDEX ",
                                                                    "VACUUM ",
                                                                    "ALTER TABLE "};
    if (step["kind"] != "by hand" || !step["statement"].is_string()) return false;
    const auto statement = step["statement"].get<std::string>();
    return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                       [&](std::string_view beginning) { return statement.rfind(beginning, 0) == 0; });
}

bool confirmed(const TableOptions& options) {
    if (options.yes) return true;
    if (isatty(STDIN_FILENO) == 0) throw usage_error("nothing was changed; repeat with --yes to carry the plan out");
    std::cerr << "Carry this out? [y/N] " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

void run_by_hand(Database& session, const Json& steps) {
    for (const Json& step : steps) {
        if (!runs_here(step)) continue;
        const auto statement = step["statement"].get<std::string>();
        std::cout << printable_lines(statement) << std::endl;
        try {
            session.run(statement);
        } catch (const DatabaseError& error) {
            throw DatabaseError(std::string(error.what()) +
                                    "\nThe steps before this one are done; an index that failed is there, marked "
                                    "invalid: drop it, then run the rest of the plan.",
                                error.sqlstate());
        }
    }
}

}  // namespace

int table_protect(const TableOptions& options) {
    Database database = Database::connect(options.connection);
    const Relation relation = database.find(options.table);
    Database session = database.with_key(read_api_key(options.connection), false);
    const Json plan = protection_rows(session, "caas_protect_plan", relation, options);
    print_plan(plan);
    if (options.dry_run) return kExitOk;
    if (!confirmed(options)) {
        note("nothing was changed");
        return kExitNo;
    }
    const Json done = protection_rows(session, "caas_protect", relation, options);
    run_by_hand(session, done);
    const bool more = std::any_of(done.begin(), done.end(),
                                  [](const Json& step) { return step["kind"] == "by hand" && !runs_here(step); });
    print_done(
        printable(relation.name) + " is protected" +
        (more ? "; what is left by hand is in the plan" : "; 'caas table backfill' protects the rows that are there"));
    return kExitOk;
}

}  // namespace caas::cli
