// `caas report`: a database's protected columns for a person, and for Prometheus.
#include "connection_options.hpp"
#include "new_file.hpp"
#include "register.hpp"
#include "report_data.hpp"
#include "table_status.hpp"

#include <sys/stat.h>

#include <iostream>

namespace caas::cli {

namespace {

struct ReportOptions {
    ConnectionOptions connection;
    std::optional<std::string> html, metrics;
};

// A file is replaced as a whole: a collector that reads it meanwhile sees the old one. "-" is standard output.
void write_report(const std::string& path, const std::string& text) {
    if (path == "-") {
        std::cout << text;
        return;
    }
    const mode_t mask = umask(0);
    (void)umask(mask);
    const Folder folder(path, Folder::Link::follow);
    const auto there = folder.examine();
    if (there && !S_ISREG(there->st_mode))
        throw program_error(path + ": it is not a regular file; - is standard output");
    NewFile file = NewFile::beside(folder);
    if (fchmod(file.fd(), (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) & ~mask) != 0) {
        throw errno_error(path, "the mode of the new file cannot be set");
    }
    file.write(text);
    file.replace();
}

int report(const ReportOptions& options) {
    if (!options.html && !options.metrics) throw usage_error("--html or --metrics is required");
    Database database = Database::connect(options.connection);
    const ReportData data = read_report(database);
    if (options.html) write_report(*options.html, report_html(data));
    if (options.metrics) write_report(options.metrics->empty() ? "-" : *options.metrics, report_metrics(data));
    return kExitOk;
}

}  // namespace

ReportData read_report(Database& database) {
    const std::string from = " FROM " + database.schema();
    ReportData data;
    data.database = database.name();
    data.time =
        database.rows("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"') AS time")[0]["time"]
            .get<std::string>();
    data.columns = database.rows("SELECT *" + from + "caas_columns ORDER BY relation::text, target_column, kind");
    data.generations =
        database.rows("SELECT *" + from + "caas_generations() ORDER BY relation::text, column_name, kind, generation");
    data.jobs = job_rows(database.schema(), [&database](const std::string& query) { return database.rows(query); });
    data.findings = database.rows("SELECT *" + from + "caas_doctor()");
    return data;
}

void add_report_command(CLI::App& app, Action& chosen) {
    const auto command = add_command(app, chosen, "report", "Write what is protected as a page or as metrics", report);
    add_connection_options(*command.line, command.options->connection);
    command.line->add_option("--html", command.options->html, "One page for a browser; - is standard output")
        ->type_name("FILE");
    command.line
        ->add_option("--metrics", command.options->metrics, "Prometheus' text format; without FILE, to standard output")
        ->type_name("FILE")
        ->expected(0, 1);
}

}  // namespace caas::cli
