// The figures of `caas report --metrics`, which a collector of text files, such as that of node_exporter, shows to
// Prometheus.
#include "report_data.hpp"
#include "table_status.hpp"
#include "terminal_text.hpp"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace caas::cli {

namespace {

using GaugeFamily = prometheus::Family<prometheus::Gauge>;
using Labels = prometheus::Labels;

GaugeFamily& gauges(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

std::string label(const Json& value) { return printable(cell_of(value)); }

// The number, or NaN where the server knows none.
double measured(const Json& value) { return value.is_number() ? value.get<double>() : std::nan(""); }

void add_columns(prometheus::Registry& registry, const Json& columns) {
    GaugeFamily& states = gauges(registry, "caas_column_ok",
                                 "1 for a protected column whose protection is enabled and without a problem, else 0.");
    for (const Json& row : columns) {
        const bool ok = field(row, "problem").is_null() && field(row, "enabled") == true;
        states
            .Add({{"relation", label(field(row, "relation"))},
                  {"column", label(field(row, "target_column"))},
                  {"kind", label(field(row, "kind"))}})
            .Set(ok ? 1 : 0);
    }
}

void add_generations(prometheus::Registry& registry, const Json& generations) {
    GaugeFamily& values =
        gauges(registry, "caas_values", "Stored values, by the generation of the keyring that made them.");
    GaugeFamily& conclusive = gauges(registry, "caas_values_conclusive",
                                     "1 when no transaction can add values of the generation any more, else 0.");
    for (const Json& row : generations) {
        Labels labels = {
            {"relation", label(field(row, "relation"))},
            {"column", label(field(row, "column_name"))},
            {"kind", label(field(row, "kind"))},
            {"generation", field(row, "generation").is_null() ? "unknown" : label(field(row, "generation"))},
            {"state", field(row, "state").is_null() ? "unknown" : label(field(row, "state"))}};
        if (field(row, "values").is_number()) values.Add(labels).Set(measured(field(row, "values")));
        conclusive.Add(labels).Set(field(row, "conclusive") == true ? 1 : 0);
    }
}

void add_jobs(prometheus::Registry& registry, const Json& jobs) {
    static constexpr std::array<std::array<const char*, 3>, 8> kFigures = {{
        {"caas_job_rows_done", "rows_done", "Rows that a part of a job has done."},
        {"caas_job_rows_estimated", "rows_estimated", "Rows of a part, by the planner's statistics."},
        {"caas_job_blocks_done", "blocks_done", "Blocks of the table that a part has been through."},
        {"caas_job_blocks", "blocks", "Blocks of the table that a part goes through."},
        {"caas_job_rows_per_second", "rows_per_second", "The rate of a part."},
        {"caas_job_seconds_left", "seconds_left", "The time that a part is expected to take."},
        {"caas_job_conflicts", "conflicts", "Rows that a part left as they are because of a constraint."},
        {"caas_job_updated_timestamp_seconds", "updated_epoch", "When a part last reported, as Unix time."},
    }};
    // The label is not "job", since Prometheus gives every series a label of that name.
    const auto labels_of = [](const Json& row) {
        return Labels{{"job_name", label(field(row, "job"))},
                      {"relation", label(field(row, "relation"))},
                      {"part", label(field(row, "part"))},
                      {"parts", label(field(row, "parts"))}};
    };
    for (const auto& [name, column, help] : kFigures) {
        GaugeFamily& family = gauges(registry, name, help);
        for (const Json& row : jobs) {
            if (field(row, column).is_number()) family.Add(labels_of(row)).Set(measured(field(row, column)));
        }
    }
    GaugeFamily& states = gauges(registry, "caas_job_state", "1 for the state that a part of a job is in, else 0.");
    for (const Json& row : jobs) {
        for (const char* state : {"running", "interrupted", "done"}) {
            Labels labels = labels_of(row);
            labels["state"] = state;
            states.Add(labels).Set(field(row, "state") == state ? 1 : 0);
        }
    }
}

void add_findings(prometheus::Registry& registry, const Json& findings) {
    GaugeFamily& family = gauges(registry, "caas_doctor_findings", "Findings of caas_doctor(), by severity.");
    for (const char* severity : {"error", "warning", "note"}) {
        const auto number = std::count_if(findings.begin(), findings.end(),
                                          [&](const Json& row) { return field(row, "severity") == severity; });
        family.Add({{"severity", severity}}).Set(static_cast<double>(number));
    }
}

}  // namespace

std::string report_metrics(const ReportData& data) {
    prometheus::Registry registry;
    add_columns(registry, data.columns);
    add_generations(registry, data.generations);
    add_jobs(registry, data.jobs);
    add_findings(registry, data.findings);
    gauges(registry, "caas_report_timestamp_seconds", "When these figures were collected, as Unix time.")
        .Add({})
        .SetToCurrentTime();
    std::vector<prometheus::MetricFamily> families = registry.Collect();
    for (prometheus::MetricFamily& family : families) {
        for (auto& metric : family.metric)
            metric.label.insert(metric.label.begin(), {"database", printable(data.database)});
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace caas::cli
