// `caas table check`, `residue` and `doctor`: reports of the server as tables or JSON.
#include "table_options.hpp"

#include "doctor_nodes.hpp"
#include "progress_bar.hpp"
#include "table_status.hpp"
#include "text_table.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace caas::cli {

namespace {

// All characters beyond ASCII are escaped, so that JSON on a terminal does no harm either.
void print_rows(const Json& rows) { std::cout << rows.dump(2, ' ', true) << '\n'; }

// Plaintext beside its protected value is none where the table is to keep it.
bool has_findings(const Json& row) {
    for (const char* column : {"unprotected", "unopenable", "wrong_index", "wrong_shape"}) {
        if (number_of(field(row, column)) != 0) return true;
    }
    return field(row, "keeps_plaintext") != true && number_of(field(row, "plaintext")) != 0;
}

// "1: 12, 2: 34"
std::string generations_text(const Json& generations) {
    std::string text;
    if (!generations.is_object()) return text;
    for (const auto& [generation, values] : generations.items()) {
        text += (text.empty() ? "" : ", ") + generation + ": " + amount_text(number_of(values));
    }
    return text;
}

void print_check(const Json& rows) {
    TextTable table({"RELATION", "COLUMN", "KIND", ">ROWS", ">NULL", ">PROTECTED", ">PLAINTEXT", ">UNPROTECTED",
                     ">UNOPENABLE", ">WRONG INDEX", ">WRONG SHAPE", "GENERATIONS"});
    bool exact = true;
    double bad_share = 0;
    for (const Json& row : rows) {
        std::vector<std::string> cells = {cell_of(field(row, "relation")), cell_of(field(row, "column_name")),
                                          cell_of(field(row, "kind"))};
        for (const char* column :
             {"rows", "nulls", "protected", "plaintext", "unprotected", "unopenable", "wrong_index", "wrong_shape"}) {
            cells.push_back(field(row, column).is_null() ? "" : amount_text(number_of(field(row, column))));
        }
        cells.push_back(generations_text(field(row, "generations")));
        table.add(cells);
        exact = exact && field(row, "exact") == true;
        if (field(row, "bad_share_at_most").is_number())
            bad_share = std::max(bad_share, field(row, "bad_share_at_most").get<double>());
    }
    std::cout << (table.empty() ? "No column is protected.\n" : table.text());
    if (!exact) {
        std::cout << "These are figures of a sample: at most " << std::ceil(bad_share * 1e6) / 1e4
                  << " % of a column's rows are not protected well.\n";
    }
}

void print_report(const Json& rows, const std::vector<std::string>& headings, const std::vector<const char*>& columns,
                  const char* without_rows) {
    TextTable table(headings);
    for (const Json& row : rows) {
        std::vector<std::string> cells;
        cells.reserve(columns.size());
        for (const char* column : columns) cells.push_back(cell_of(field(row, column)));
        table.add(cells);
    }
    std::cout << (table.empty() ? std::string(without_rows) + "\n" : table.text());
}

}  // namespace

int table_check(const TableOptions& options) {
    Database database = Database::connect(options.connection);
    const Relation relation = database.find(options.table);
    Database session = database.with_key(read_api_key(options.connection), false);
    require_key(session);
    const std::string query =
        "SELECT c.*, EXISTS (SELECT FROM " + session.schema() +
        "caas_columns d WHERE d.relation = c.relation AND d.target_column = c.column_name"
        " AND ('keep' = ANY (d.options) OR d.declared_by = 'generated column')) AS keeps_plaintext FROM " +
        session.schema() + "caas_check($1::oid::regclass, $2::double precision) c";
    const Json rows = session.rows(query, {relation.oid, std::to_string(options.sample)});
    if (options.json) {
        print_rows(rows);
    } else {
        print_check(rows);
    }
    return std::any_of(rows.begin(), rows.end(), has_findings) ? kExitNo : kExitOk;
}

int table_residue(const TableOptions& options) {
    Database database = Database::connect(options.connection);
    const Relation relation = database.find(options.table);
    const Json rows =
        database.rows("SELECT * FROM " + database.schema() + "caas_residue($1::oid::regclass)", {relation.oid});
    if (options.json) {
        print_rows(rows);
    } else {
        print_report(rows, {">STEP", "OBJECT", "WHAT", "COMMAND"}, {"step", "object", "what", "command"},
                     "Nothing is known to be left.");
    }
    return kExitOk;
}

int table_doctor(const TableOptions& options) {
    Database database = Database::connect(options.connection);
    Json rows = database.rows("SELECT * FROM " + database.schema() + "caas_doctor()");
    for (const Json& finding : findings_of_nodes(database, options.nodes)) rows.push_back(finding);
    if (options.json) {
        print_rows(rows);
    } else {
        print_report(rows, {"SEVERITY", "OBJECT", "FINDING", "REMEDY"}, {"severity", "object", "finding", "remedy"},
                     "Nothing was found.");
    }
    return std::any_of(rows.begin(), rows.end(), [](const Json& row) { return field(row, "severity") == "error"; })
               ? kExitNo
               : kExitOk;
}

}  // namespace caas::cli
