// The protected columns and jobs of a database as tables.
#pragma once
#include "database.hpp"

#include <functional>
#include <string>
#include <vector>

namespace caas::cli {

struct TableStatus {
    Json columns;  // rows of caas_columns
    Json jobs;     // rows of caas_progress
};

using RowsOfQuery = std::function<Json(const std::string& query)>;

// The rows of caas_progress; none on a standby, which has not the tables behind it.
Json job_rows(const std::string& schema, const RowsOfQuery& rows);
TableStatus read_table_status(const std::string& schema, const RowsOfQuery& rows);
// The lines that show it.
std::vector<std::string> status_lines(const TableStatus& status);
// The same for a terminal of that many columns, with a bar for each job where there is room for it beside the figures.
std::vector<std::string> status_lines_within(const TableStatus& status, std::size_t columns);
// Shows it until q or Ctrl-C.
int watch_table_status(Database& database);

// The fraction of its work that a part of a job has done; 0 where it is not known.
double fraction_of(const Json& job);
// A cell: empty for null, "yes" or "no", a text, or JSON.
std::string cell_of(const Json& value);
// The number, or 0 for null.
std::int64_t number_of(const Json& value);
// True when output goes to a terminal that shows UTF-8.
bool terminal_has_blocks();

}  // namespace caas::cli
