#include "job_view.hpp"

#include "progress_bar.hpp"
#include "table_status.hpp"
#include "terminal_text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

namespace caas::cli {

namespace {

using Clock = std::chrono::steady_clock;

void say_on_standard_error(const std::string& severity, const std::string& text) {
    if (severity == "WARNING") {
        warn(text);
    } else {
        note(text);
    }
}

// "43 %, 12,345 rows, 2,000 rows/s, 3 min 20 s left, 2 conflicts"
std::string figures_of(const JobProgress& progress) {
    std::string text = percent_text(progress.fraction) + ", " + amount_text(progress.rows_done) + " rows";
    if (progress.rows_per_second > 0) {
        text += ", " + amount_text(static_cast<std::int64_t>(std::min(progress.rows_per_second, 1e15))) + " rows/s";
    }
    if (progress.seconds_left >= 0) text += ", " + duration_text(progress.seconds_left) + " left";
    if (progress.conflicts > 0) text += ", " + amount_text(progress.conflicts) + " conflicts";
    return text;
}

class TextView : public JobView {
public:
    explicit TextView(std::string title) : title_(std::move(title)) {}
    void start(int parts) override {
        note(title_ + " in " + std::to_string(parts) + (parts == 1 ? " session" : " sessions"));
    }
    void message(const std::string& severity, const std::string& text) override {
        say_on_standard_error(severity, text);
    }
    void end(const char* state, const JobProgress& progress) override {
        std::cout << title_ << ": " << state << ", " << amount_text(progress.rows_done) << " rows, "
                  << amount_text(progress.conflicts) << " conflicts\n";
    }

protected:
    const std::string& title() const { return title_; }

private:
    std::string title_;
};

class LinesView : public TextView {
public:
    using TextView::TextView;
    void progress(const JobProgress& progress) override {
        constexpr auto kEvery = std::chrono::seconds(5);
        const auto now = Clock::now();
        if (now - last_ < kEvery) return;
        last_ = now;
        std::cerr << title() << ": " << figures_of(progress) << '\n';
    }

private:
    Clock::time_point last_ = Clock::now();
};

class TerminalView : public TextView {
public:
    using TextView::TextView;
    void progress(const JobProgress& progress) override {
        winsize size = {};
        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) size.ws_col = 80;
        const std::string figures = figures_of(progress);
        const std::size_t others = columns_of(title() + "  " + figures);
        bar_columns_ = bar_within(bar_columns_, std::ptrdiff_t{size.ws_col} - 1 - static_cast<std::ptrdiff_t>(others));
        const std::string bar =
            bar_columns_ > 0 ? progress_bar(progress.fraction, bar_columns_, terminal_has_blocks()) + " " : "";
        std::cerr << '\r' << clipped(title() + " " + bar + figures, size.ws_col - 1U) << "\x1b[K" << std::flush;
        drawn_ = true;
    }
    void message(const std::string& severity, const std::string& text) override {
        clear();
        TextView::message(severity, text);
    }
    void end(const char* state, const JobProgress& progress) override {
        clear();
        TextView::end(state, progress);
    }

private:
    void clear() {
        if (drawn_) std::cerr << "\r\x1b[K" << std::flush;
        drawn_ = false;
    }
    std::size_t bar_columns_ = 24;  // it may become shorter, and then stays so
    bool drawn_ = false;
};

// One object a line, for programs.
class JsonView : public JobView {
public:
    JsonView(std::string job, std::string relation) : job_(std::move(job)), relation_(std::move(relation)) {}
    void start(int parts) override {
        Json line = event("start");
        line["parts"] = parts;
        print(line);
    }
    void progress(const JobProgress& progress) override {
        Json line = event("progress");
        add_figures(line, progress);
        line["parts"] = progress.parts;
        print(line);
    }
    void message(const std::string& severity, const std::string& text) override {
        say_on_standard_error(severity, text);
    }
    void end(const char* state, const JobProgress& progress) override {
        Json line = event("end");
        line["state"] = state;
        add_figures(line, progress);
        print(line);
    }

private:
    Json event(const char* name) const { return {{"event", name}, {"job", job_}, {"relation", relation_}}; }
    static void add_figures(Json& line, const JobProgress& progress) {
        line["fraction"] = progress.fraction;
        line["rows_done"] = progress.rows_done;
        line["rows_estimated"] = progress.rows_estimated;
        line["rows_per_second"] = progress.rows_per_second;
        line["seconds_left"] = progress.seconds_left >= 0 ? Json(progress.seconds_left) : Json(nullptr);
        line["conflicts"] = progress.conflicts;
    }
    static void print(const Json& line) { std::cout << line.dump(-1, ' ', true) << std::endl; }

    std::string job_, relation_;
};

double real_of(const Json& value, double otherwise) {
    return value.is_number() && std::isfinite(value.get<double>()) ? value.get<double>() : otherwise;
}

// How much of its table a part has been through. A further pass looks only at what was written meanwhile.
double fraction_of_table(const Json& part) {
    constexpr double kNearly = 0.99;
    return field(part, "state") != "done" && number_of(field(part, "pass")) > 1 ? kNearly : fraction_of(part);
}

}  // namespace

JobProgress add_up(Json parts, double total_bytes, int sessions) {
    JobProgress sum;
    double bytes_done = 0;
    double bytes = 0;
    for (const Json& part : parts) {
        sum.rows_done += number_of(field(part, "rows_done"));
        sum.rows_estimated += number_of(field(part, "rows_estimated"));
        sum.conflicts += number_of(field(part, "conflicts"));
        const double weight = std::max(real_of(field(part, "bytes"), 0), 1.0) / sessions;
        bytes_done += weight * fraction_of_table(part);
        bytes += weight;
        if (field(part, "state") != "running") continue;
        sum.rows_per_second += real_of(field(part, "rows_per_second"), 0);
    }
    bytes = std::max(bytes, total_bytes);
    sum.fraction = bytes > 0 ? bytes_done / bytes : 0;
    sum.parts = std::move(parts);
    return sum;
}

std::unique_ptr<JobView> make_job_view(const std::string& job, const std::string& relation, bool json) {
    if (json) return std::make_unique<JsonView>(job, relation);
    const std::string title = job + " of " + relation;
    if (isatty(STDERR_FILENO) != 0) return std::make_unique<TerminalView>(title);
    return std::make_unique<LinesView>(title);
}

}  // namespace caas::cli
