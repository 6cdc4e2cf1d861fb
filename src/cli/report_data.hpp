// The data that `caas report` shows of a database. They hold no value and no key.
#pragma once
#include "database.hpp"

namespace caas::cli {

struct ReportData {
    std::string database;
    std::string time;  // of the server, in UTC
    Json columns;      // rows of caas_columns
    Json generations;  // rows of caas_generations()
    Json jobs;         // rows of caas_progress
    Json findings;     // rows of caas_doctor()
};

ReportData read_report(Database& database);

// One page without any resource of elsewhere.
std::string report_html(const ReportData& data);
// The text format of Prometheus.
std::string report_metrics(const ReportData& data);

}  // namespace caas::cli
