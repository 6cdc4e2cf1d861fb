// The command lines of `caas table`.
#include "connection_options.hpp"
#include "register.hpp"
#include "table_options.hpp"

#include <limits>

namespace caas::cli {

namespace {

using TableCommand = Command<TableOptions>;

TableCommand add_table_command(CLI::App& group, Action& chosen, const char* name, const char* description,
                               int (*run)(const TableOptions&)) {
    auto command = add_command(group, chosen, name, description, run);
    add_connection_options(*command.line, command.options->connection);
    return command;
}

void add_table(const TableCommand& command) {
    command.line->add_option("TABLE", command.options->table, "The table, as SQL names it")->required()->type_name("");
}

void add_json_flag(const TableCommand& command, const char* description) {
    command.line->add_flag("--json", command.options->json, description);
}

template <typename Value>
CLI::Option* add_count(const TableCommand& command, const char* name, Value& value, const char* type,
                       const char* description, double least, double most) {
    return command.line->add_option(name, value, description)->type_name(type)->check(CLI::Range(least, most));
}

void add_job_options(const TableCommand& command) {
    TableOptions& options = *command.options;
    constexpr double kMostMs = 3600000;
    add_api_key_option(*command.line, options.connection);
    add_count(command, "--jobs", options.jobs, "N", "Sessions that work side by side", 1, 256)->capture_default_str();
    add_count(command, "--batch-ms", options.batch_ms, "MS", "How long one transaction works", 1, kMostMs)
        ->capture_default_str();
    add_count(command, "--pause-ms", options.pause_ms, "MS", "Pause after each transaction", 0, kMostMs)
        ->capture_default_str();
    add_count(command, "--lock-timeout-ms", options.lock_timeout_ms, "MS", "How long a lock is waited for", 0, kMostMs)
        ->capture_default_str();
    add_count(command, "--max-lag-bytes", options.max_lag_bytes, "BYTES",
              "Wait while a replica is further behind than this", 0, 1e15);
    command.line->add_flag("--vacuum", options.vacuum, "VACUUM the table when the job is done");
    command.line->add_flag("--dry-run", options.dry_run, "Print the statements that would run, and change nothing");
    add_json_flag(command, "Print one JSON object a line");
}

void add_jobs(CLI::App& group, Action& chosen) {
    const auto add = [&](const char* name, const char* description, int (*run)(const TableOptions&)) {
        auto command = add_table_command(group, chosen, name, description, run);
        add_table(command);
        add_job_options(command);
        return command;
    };
    add("backfill", "Protect the rows that are older than a table's protection", table_backfill);
    add("rotate", "Renew values of retired generations under the active one", table_rotate);
    const auto cutover = add("cutover", "Empty a plaintext column whose values are all protected", table_cutover);
    cutover.options->columns.resize(1);
    cutover.line->add_option("COLUMN", cutover.options->columns[0], "The plaintext column")->required()->type_name("");
}

void add_protect(CLI::App& group, Action& chosen) {
    const auto protect =
        add_table_command(group, chosen, "protect", "Plan the protection of columns, and carry it out", table_protect);
    add_table(protect);
    protect.line->add_option("ID", protect.options->id, "The column of the user's id, or id@namespace")
        ->required()
        ->type_name("");
    protect.line
        ->add_option("COLUMN", protect.options->columns, "Columns, as the trigger names them: email=email_digest")
        ->required()
        ->type_name("");
    protect.line->add_flag("--yes", protect.options->yes, "Do not ask");
    protect.line->add_flag("--dry-run", protect.options->dry_run, "Print the plan, and change nothing");
}

void add_table_reports(CLI::App& group, Action& chosen) {
    const auto check = add_table_command(group, chosen, "check",
                                         "Count what is protected, what is not and what cannot be opened", table_check);
    add_table(check);
    add_api_key_option(*check.line, check.options->connection);
    add_count(check, "--sample", check.options->sample, "PERCENT", "Look at this part of the table", 0.0001, 100)
        ->capture_default_str();
    add_json_flag(check, "Print JSON");

    const auto residue = add_table_command(group, chosen, "residue",
                                           "Show where plaintext may be left, and what removes it", table_residue);
    add_table(residue);
    add_json_flag(residue, "Print JSON");

    const auto status = add_table_command(group, chosen, "status",
                                          "Show the protected columns and the jobs of a database", table_status);
    add_json_flag(status, "Print JSON");
    status.line->add_flag("--watch", status.options->watch, "Show it anew every second until q or Ctrl-C")
        ->excludes("--json");

    const auto doctor =
        add_table_command(group, chosen, "doctor", "Look for mistakes in a database's set-up", table_doctor);
    add_json_flag(doctor, "Print JSON");
    doctor.line
        ->add_option("--node", doctor.options->nodes,
                     "Compare the keyring with that of this server, by a connection string; may be repeated")
        ->type_name("NAME")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

void add_table_commands(CLI::App& app, Action& chosen) {
    CLI::App* group = app.add_subcommand("table", "Protect the tables of a database, and see what is protected");
    group->require_subcommand(1);
    add_protect(*group, chosen);
    add_jobs(*group, chosen);
    add_table_reports(*group, chosen);
}

}  // namespace caas::cli
