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
    return field(step, name).is_string() ? printable_lines(field(step, name).get<std::string>()) : "";
}

// "-- 3, by hand: what for" and the statement.
void print_step(const Json& step) {
    std::string detail = text_of_step(step, "detail");
    for (std::size_t at = detail.find('\n'); at != std::string::npos; at = detail.find('\n', at + 1)) {
        detail.insert(at + 1, "--   ");
    }
    std::cout << "-- " << field(step, "step").dump() << ", " << text_of_step(step, "kind")
              << (detail.empty() ? "" : ": ") << detail << '\n';
    const std::string statement = text_of_step(step, "statement");
    if (!statement.empty()) std::cout << statement << (statement.back() == ';' ? "\n" : ";\n");
}

void print_plan(const Json& plan) {
    for (const Json& step : plan) print_step(step);
    std::cout << std::flush;
}

// Indexes and VACUUM cannot be left to a function, since they may run for long and in no transaction.
bool is_run_here(const Json& step) {
    static constexpr std::array<std::string_view, 5> kBeginnings = {"CREATE INDEX ", "CREATE UNIQUE INDEX ",
                                                                    "DROP INDEX ", "REINDEX ", "VACUUM "};
    if (!field(step, "statement").is_string()) return false;
    const auto statement = field(step, "statement").get<std::string>();
    return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                       [&](std::string_view beginning) { return statement.rfind(beginning, 0) == 0; });
}

// The steps by hand in two parts: those that run here, and those from the first that does not, such as the call of a
// job: what comes after a job may fail before it.
std::pair<Json, Json> split_by_hand(const Json& steps) {
    std::pair<Json, Json> parts = {Json::array(), Json::array()};
    for (const Json& step : steps) {
        if (field(step, "kind") != "by hand") continue;
        const bool here = parts.second.empty() && is_run_here(step);
        (here ? parts.first : parts.second).push_back(step);
    }
    return parts;
}

bool confirmed(const TableOptions& options) {
    if (options.yes) return true;
    if (isatty(STDIN_FILENO) == 0) throw usage_error("nothing was changed; repeat with --yes to carry the plan out");
    std::cerr << "Carry this out? [y/N] " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

void run_steps(Database& session, const Json& steps) {
    for (const Json& step : steps) {
        const auto statement = field(step, "statement").get<std::string>();
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
    const Json plan = protection_rows(database, "caas_protect_plan", relation, options);
    print_plan(plan);
    if (options.dry_run) return kExitOk;
    if (!confirmed(options)) {
        note("nothing was changed");
        return kExitNo;
    }
    const auto [here, left] = split_by_hand(protection_rows(database, "caas_protect", relation, options));
    run_steps(database, here);
    print_done(printable(relation.name) + " is protected" + (left.empty() ? "" : "; this is left, in this order:"));
    print_plan(left);
    return kExitOk;
}

}  // namespace caas::cli
