// `caas table status`, and what else shows rows of the server's reports.
#include "table_status.hpp"

#include "progress_bar.hpp"
#include "table_options.hpp"
#include "terminal_text.hpp"
#include "text_table.hpp"

#include <langinfo.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <iostream>

namespace caas::cli {

namespace {

std::string text_in(const Json& row, const char* name) { return cell_of(field(row, name)); }

// "ok", or what is wrong.
std::string state_of_column(const Json& row) {
    std::string problem = text_in(row, "problem");
    if (!problem.empty()) return problem;
    return field(row, "enabled") == false ? "disabled" : "ok";
}

std::vector<std::string> column_lines(const Json& columns) {
    TextTable table({"RELATION", "COLUMN", "KIND", "ID", "FROM", "DECLARED BY", "DECLARATION"});
    for (const Json& row : columns) {
        const std::string space = text_in(row, "id_namespace");
        table.add({text_in(row, "relation"), text_in(row, "target_column"), text_in(row, "kind"),
                   text_in(row, "id_column") + (space.empty() ? "" : "@" + space),
                   field(row, "in_place") == true ? "in place" : text_in(row, "source_column"),
                   text_in(row, "declared_by"), state_of_column(row)});
    }
    if (table.empty()) return {"No column is protected."};
    return table.lines();
}

std::string seconds_text(const Json& seconds) {
    return seconds.is_number() ? duration_text(seconds.get<double>()) : "";
}

// bar_columns: those of each job's bar, or 0 for none.
std::vector<std::string> job_lines(const Json& jobs, std::size_t bar_columns) {
    const bool bars = bar_columns > 0;
    TextTable table(
        {"JOB", "RELATION", ">PART", "STATE", bars ? "PROGRESS" : ">DONE", ">ROWS", ">ROWS/S", ">LEFT", ">CONFLICTS"});
    for (const Json& row : jobs) {
        const double fraction = fraction_of(row);
        const bool running = field(row, "state") == "running";
        const std::string bar =
            bars ? progress_bar(fraction, bar_columns, terminal_has_blocks()) + " " + percent_text(fraction)
                 : percent_text(fraction);
        table.add({text_in(row, "job"), text_in(row, "relation"), text_in(row, "part") + "/" + text_in(row, "parts"),
                   text_in(row, "state"), bar, amount_text(number_of(field(row, "rows_done"))),
                   running ? amount_text(number_of(field(row, "rows_per_second"))) : "",
                   running ? seconds_text(field(row, "seconds_left")) : "",
                   amount_text(number_of(field(row, "conflicts")))});
    }
    return table.empty() ? std::vector<std::string>() : table.lines();
}

// The figures matter more than the bars, and the last ones are the conflicts.
std::vector<std::string> job_lines_within(const Json& jobs, std::size_t columns) {
    constexpr std::size_t kBarColumns = 20;
    std::vector<std::string> lines = job_lines(jobs, kBarColumns);
    std::size_t widest = 0;
    for (const std::string& line : lines) widest = std::max(widest, columns_of(line));
    if (widest <= columns) return lines;
    return job_lines(jobs, bar_within(kBarColumns, static_cast<std::ptrdiff_t>(kBarColumns + columns) -
                                                       static_cast<std::ptrdiff_t>(widest)));
}

std::vector<std::string> with_columns(const TableStatus& status, const std::vector<std::string>& jobs) {
    std::vector<std::string> lines = column_lines(status.columns);
    if (!jobs.empty()) lines.emplace_back();
    lines.insert(lines.end(), jobs.begin(), jobs.end());
    return lines;
}

}  // namespace

std::string cell_of(const Json& value) {
    if (value.is_null()) return "";
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::int64_t number_of(const Json& value) {
    constexpr double kMost = 9e18;
    if (value.is_number_integer()) return value.get<std::int64_t>();
    if (!value.is_number() || std::isnan(value.get<double>())) return 0;
    return static_cast<std::int64_t>(std::clamp(value.get<double>(), -kMost, kMost));
}

double fraction_of(const Json& job) {
    if (field(job, "state") == "done") return 1;
    const auto blocks = static_cast<double>(number_of(field(job, "blocks")));
    if (blocks <= 0) return 0;
    constexpr double kAlmost = 0.999;  // only a job that says so is done
    return std::min(static_cast<double>(number_of(field(job, "blocks_done"))) / blocks, kAlmost);
}

bool terminal_has_blocks() {
    static const bool utf8 =
        std::setlocale(LC_CTYPE, "") != nullptr && std::string_view(nl_langinfo(CODESET)) == "UTF-8";
    return utf8;
}

Json job_rows(const std::string& schema, const RowsOfQuery& rows) {
    if (rows("SELECT pg_is_in_recovery() AS standby")[0]["standby"].get<bool>()) return Json::array();
    return rows("SELECT *, extract(epoch FROM updated_at) AS updated_epoch FROM " + schema +
                "caas_progress ORDER BY started_at, job, relation::text, part");
}

TableStatus read_table_status(const std::string& schema, const RowsOfQuery& rows) {
    return {rows("SELECT * FROM " + schema + "caas_columns ORDER BY relation::text, target_column, kind"),
            job_rows(schema, rows)};
}

std::vector<std::string> status_lines(const TableStatus& status) {
    return with_columns(status, job_lines(status.jobs, 0));
}

std::vector<std::string> status_lines_within(const TableStatus& status, std::size_t columns) {
    return with_columns(status, job_lines_within(status.jobs, columns));
}

int table_status(const TableOptions& options) {
    Database database = Database::connect(options.connection);
    if (options.watch) return watch_table_status(database);
    const TableStatus status =
        read_table_status(database.schema(), [&](const std::string& query) { return database.rows(query); });
    if (options.json) {
        std::cout << Json({{"columns", status.columns}, {"jobs", status.jobs}}).dump(2, ' ', true) << '\n';
        return kExitOk;
    }
    for (const std::string& line : status_lines(status)) std::cout << line << '\n';
    return kExitOk;
}

}  // namespace caas::cli
