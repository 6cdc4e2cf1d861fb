// The commands of `caas table`, behind their command lines.
#pragma once
#include "database.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace caas::cli {

struct TableOptions {
    ConnectionOptions connection;
    std::string table;
    std::string id;                    // protect
    std::vector<std::string> columns;  // protect; cutover: the one column
    std::vector<std::string> nodes;    // doctor: the connections of other servers
    int jobs = 1;
    int batch_ms = 50;
    int pause_ms = 0;
    int lock_timeout_ms = 10000;
    std::optional<std::int64_t> max_lag_bytes;
    double sample = 100;
    bool vacuum = false;
    bool dry_run = false;
    bool yes = false;
    bool json = false;
    bool watch = false;
};

int table_protect(const TableOptions& options);
int table_backfill(const TableOptions& options);
int table_rotate(const TableOptions& options);
int table_cutover(const TableOptions& options);
int table_check(const TableOptions& options);
int table_residue(const TableOptions& options);
int table_status(const TableOptions& options);
int table_doctor(const TableOptions& options);

}  // namespace caas::cli
