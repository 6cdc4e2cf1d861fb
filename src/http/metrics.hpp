// The counters of /metrics, for Prometheus. No label holds anything of a request but its route.
#pragma once
#include "answer.hpp"
#include "routes.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace caas::http {

// Metrics is shared by all threads.
class Metrics {
public:
    struct OfRequest {
        prometheus::Counter* count;
        prometheus::Histogram* duration;
    };

    Metrics();

    // The counters of a route (nullptr: of requests without one) and a status. They live as long as this object.
    OfRequest of_request(const Route* route, unsigned code);
    void authentication_failure() { authentication_failures_->Increment(); }
    void values(const Route& operation, std::size_t count) {
        values_[index_of(operation)]->Increment(static_cast<double>(count));
    }
    void connections(long change) { connections_->Increment(static_cast<double>(change)); }
    void closed_for_others() { closed_for_others_->Increment(); }
    void log_lines_dropped(std::size_t lines) { log_lines_dropped_->Increment(static_cast<double>(lines)); }
    void reloaded(bool well) { (well ? reloads_well_ : reloads_badly_)->Increment(); }
    void active_generation(int number) { active_generation_->Set(number); }

    // The text format of Prometheus.
    std::string text() const;

private:
    prometheus::Registry registry_;
    prometheus::Family<prometheus::Counter>& requests_;
    prometheus::Family<prometheus::Histogram>& durations_;
    std::vector<prometheus::Counter*> values_;  // one a route; nullptr for those that are no operations
    prometheus::Counter* authentication_failures_;
    prometheus::Counter* reloads_well_;
    prometheus::Counter* reloads_badly_;
    prometheus::Counter* closed_for_others_;
    prometheus::Counter* log_lines_dropped_;
    prometheus::Gauge* connections_;
    prometheus::Gauge* active_generation_;
};

// RequestMetrics belongs to one thread. It looks each counter up once: Prometheus's own look-up takes a lock.
class RequestMetrics {
public:
    explicit RequestMetrics(Metrics& metrics) : metrics_(metrics) {}
    // route is nullptr for a request without one.
    void add(const Route* route, unsigned code, Microseconds taken);

private:
    Metrics& metrics_;
    std::map<std::pair<const Route*, unsigned>, Metrics::OfRequest> found_;
};

}  // namespace caas::http
