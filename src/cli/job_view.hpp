// The display of a running job: a line that is redrawn on a terminal, a line every few seconds elsewhere, or JSON.
#pragma once
#include "database.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace caas::cli {

// The parts of a job added up.
struct JobProgress {
    Json parts = Json::array();  // rows of caas_progress, with the size of the table as bytes
    std::int64_t rows_done = 0;
    std::int64_t rows_estimated = 0;
    std::int64_t conflicts = 0;
    double fraction = 0;
    double rows_per_second = 0;
    double seconds_left = -1;  // unknown
};

// total_bytes is the size of all tables of the job, each of which is done in `sessions` parts.
JobProgress add_up(Json parts, double total_bytes, int sessions);

class JobView {
public:
    JobView() = default;
    JobView(const JobView&) = delete;
    JobView& operator=(const JobView&) = delete;
    virtual ~JobView() = default;
    virtual void start(int parts) = 0;
    virtual void progress(const JobProgress& progress) = 0;
    // A notice of the server or a message of the program, on standard error.
    virtual void message(const std::string& severity, const std::string& text) = 0;
    // state: "done", "interrupted" or "failed".
    virtual void end(const char* state, const JobProgress& progress) = 0;
};

// job is "backfill", "rotate" or "cutover", relation its printable name.
std::unique_ptr<JobView> make_job_view(const std::string& job, const std::string& relation, bool json);

}  // namespace caas::cli
