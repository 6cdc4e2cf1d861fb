#include "metrics.hpp"

#include "../caas.h"

#include <prometheus/text_serializer.h>

namespace caas::http {

namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

// Upper bounds, in seconds.
prometheus::Histogram::BucketBoundaries durations() {
    return {0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1};
}

}  // namespace

Metrics::Metrics()
    : requests_(BuildCounter()
                    .Name("caas_http_requests_total")
                    .Help("Requests answered, by route and HTTP status.")
                    .Register(registry_)),
      durations_(BuildHistogram()
                     .Name("caas_http_request_duration_seconds")
                     .Help("From a request's last byte to its answer being ready.")
                     .Register(registry_)),
      authentication_failures_(&BuildCounter()
                                    .Name("caas_authentication_failures_total")
                                    .Help("Requests without an accepted API key.")
                                    .Register(registry_)
                                    .Add({})) {
    auto& values = BuildCounter()
                       .Name("caas_values_total")
                       .Help("Values computed, by operation; each of a batch counts.")
                       .Register(registry_);
    for (const Route& route : routes) {
        const bool is_operation = route.kind == RouteKind::operation;
        values_.push_back(is_operation ? &values.Add({{"operation", route.name}}) : nullptr);
    }
    auto& reloads = BuildCounter().Name("caas_reloads_total").Help("Reloads, by result.").Register(registry_);
    reloads_well_ = &reloads.Add({{"result", "success"}});
    reloads_badly_ = &reloads.Add({{"result", "failure"}});
    closed_for_others_ = &BuildCounter()
                              .Name("caas_connections_closed_total")
                              .Help("Connections closed because of --max-connections or its share of an address.")
                              .Register(registry_)
                              .Add({});
    log_lines_dropped_ = &BuildCounter()
                              .Name("caas_log_lines_dropped_total")
                              .Help("Lines of the access log and messages that could not be written.")
                              .Register(registry_)
                              .Add({});
    connections_ = &BuildGauge().Name("caas_connections").Help("Open connections.").Register(registry_).Add({});
    active_generation_ = &BuildGauge()
                              .Name("caas_active_generation")
                              .Help("The keyring's active generation; 0 without a keyring.")
                              .Register(registry_)
                              .Add({});
    BuildGauge()
        .Name("caas_build_info")
        .Help("The version, as a label.")
        .Register(registry_)
        .Add({{"version", caas_library_version()}})
        .Set(1);
}

Metrics::OfRequest Metrics::of_request(const Route* route, unsigned code) {
    const char* path = route != nullptr ? route->path : "other";
    return {&requests_.Add({{"route", path}, {"code", std::to_string(code)}}),
            &durations_.Add({{"route", path}}, durations())};
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

void RequestMetrics::add(const Route* route, unsigned code, Microseconds taken) {
    auto found = found_.find({route, code});
    if (found == found_.end()) {
        found = found_.emplace(std::pair(route, code), metrics_.of_request(route, code)).first;
    }
    found->second.count->Increment();
    found->second.duration->Observe(std::chrono::duration<double>(taken).count());
}

}  // namespace caas::http
