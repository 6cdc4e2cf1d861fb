// `caas table backfill`, `rotate` and `cutover`: each part of the job in a session of its own, and one session that
// looks how far they are. The server's procedures end a transaction with each batch, so a job can be stopped at any
// moment.
#include "job_view.hpp"
#include "signal_queue.hpp"
#include "table_options.hpp"
#include "terminal_text.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <set>

namespace caas::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPollEvery = std::chrono::milliseconds(500);

struct Argument {
    const char* name;
    const char* type;
    std::optional<std::string> value;
};

// The arguments of the procedure for part `part` of `parts`.
std::vector<Argument> arguments_of(const Relation& relation, const TableOptions& options, int part, int parts) {
    std::vector<Argument> arguments = {{"relation", "pg_catalog.oid::pg_catalog.regclass", relation.oid}};
    if (!options.columns.empty()) arguments.push_back({"source", "pg_catalog.name", options.columns.front()});
    const auto add = [&arguments](const char* name, int value) {
        arguments.push_back({name, "pg_catalog.int4", std::to_string(value)});
    };
    add("part", part);
    add("parts", parts);
    add("batch_ms", options.batch_ms);
    add("pause_ms", options.pause_ms);
    add("lock_timeout_ms", options.lock_timeout_ms);
    const auto& lag = options.max_lag_bytes;
    arguments.push_back({"max_lag_bytes", "pg_catalog.int8", lag ? std::optional(std::to_string(*lag)) : std::nullopt});
    return arguments;
}

// A statement with its parameters.
struct Query {
    std::string text;
    Parameters parameters;
};

Query call_of(const std::string& procedure, const std::vector<Argument>& arguments) {
    Query call;
    for (const Argument& argument : arguments) {
        call.parameters.push_back(argument.value);
        call.text += (call.text.empty() ? "" : ", ") + std::string(argument.name) + " => $" +
                     std::to_string(call.parameters.size()) + "::" + argument.type;
    }
    call.text = "CALL " + procedure + "(" + call.text + ")";
    return call;
}

struct Worker {
    Database session;
    bool running = true;
    bool cancelled = false;
};

class TableJob {
public:
    TableJob(std::string job, const TableOptions& options)
        : job_(std::move(job)),
          options_(options),
          control_(Database::connect(options.connection)),
          relation_(control_.find(options.table)),
          view_(make_job_view(job_, printable(relation_.name), options.json)) {}

    int run();

private:
    void open_workers();
    void print_call(int part, int parts) const;
    void dry_run() const;
    void start();
    void send_call(Worker& worker, int part, int parts);
    void finish_parts();
    void loop();
    void wait_for_news();
    void read_worker(Worker& worker);
    void finish_worker(Worker& worker, const PGresult* result);
    void ask_for_progress();
    void read_progress();
    void take_progress(Json parts);
    void measure();
    void lose_progress(const ProgramError& error);
    void stop(int signal);
    void cancel_workers();
    int end();
    bool any_running() const;
    std::string procedure() const { return control_.schema() + "caas_" + job_; }
    Query progress_query() const;

    std::string job_;
    const TableOptions& options_;
    Database control_;
    Relation relation_;
    std::unique_ptr<JobView> view_;
    std::vector<Worker> workers_;
    std::set<std::string> said_;  // notices: each session has the same one of the table's size
    std::string started_at_;      // by the server's clock
    Clock::time_point started_;
    double first_fraction_ = -1;  // what an earlier run has done
    double total_bytes_ = 0;      // of the table, its partitions and its children
    std::optional<SignalQueue> signals_;
    Clock::time_point next_poll_;
    bool asked_ = false;    // the progress was asked for and has not come
    bool watching_ = true;  // false when the session that asks for progress is lost
    int stopped_by_ = 0;    // the signal
    JobProgress progress_;
    std::optional<DatabaseError> failure_;  // of the first worker that failed
};

void TableJob::open_workers() {
    const std::optional<SecretText> key = read_api_key(options_.connection);
    for (int part = 1; part <= options_.jobs; part++) {
        workers_.push_back({control_.with_key(key, true)});
        Database& session = workers_.back().session;
        if (part == 1) require_key(session);
        session.send_notices_to([this](const std::string& severity, const std::string& message) {
            if (severity != "NOTICE" || said_.insert(message).second) view_->message(severity, message);
        });
    }
}

void TableJob::print_call(int part, int parts) const {
    std::string values;
    for (const Argument& argument : arguments_of(relation_, options_, part, parts)) {
        const std::string_view name = argument.name;
        std::string value = argument.value.value_or("NULL");
        if (name == "relation") value = control_.literal(relation_.name);
        if (name == "source") value = control_.literal(value);
        values += (values.empty() ? "" : ", ") + std::string(name) + " => " + value;
    }
    std::cout << printable("CALL " + procedure() + "(" + values + ");") << '\n';
}

void TableJob::dry_run() const {
    for (int part = 1; part <= options_.jobs; part++) print_call(part, options_.jobs);
    if (options_.jobs > 1) print_call(1, 1);
    if (options_.vacuum) std::cout << printable("VACUUM " + relation_.name + ";") << '\n';
}

void TableJob::measure() {
    const Json row = control_.rows(R"sql(
        WITH RECURSIVE tables AS (
            SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN tables t ON i.inhparent = t.oid)
        SELECT clock_timestamp() AS now, coalesce(sum(pg_relation_size(c.oid)), 0) AS bytes
        FROM tables JOIN pg_class c USING (oid) WHERE c.relkind = 'r')sql",
                                   {relation_.oid})[0];
    started_at_ = row["now"].get<std::string>();
    started_ = Clock::now();
    total_bytes_ = row["bytes"].get<double>();
}

void TableJob::start() {
    measure();
    signals_.emplace();
    view_->start(options_.jobs);
    int part = 0;
    for (Worker& worker : workers_) {
        send_call(worker, ++part, options_.jobs);
    }
    next_poll_ = Clock::now() + kPollEvery;
}

void TableJob::send_call(Worker& worker, int part, int parts) {
    const Query call = call_of(procedure(), arguments_of(relation_, options_, part, parts));
    worker.session.send(call.text, call.parameters);
}

// A writer can move a row from a part that is still to come into one that has ended, so one session goes through the
// whole table at the end. It finds little to do; a cutover adds its constraint here.
void TableJob::finish_parts() {
    if (options_.jobs == 1 || failure_ || stopped_by_ != 0) return;
    Worker& worker = workers_.front();
    worker.running = true;
    send_call(worker, 1, 1);
    loop();
}

bool TableJob::any_running() const {
    return std::any_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.running; });
}

// The rows of our sessions while they run, and of what has ended since we began.
Query TableJob::progress_query() const {
    std::string pids = "{";
    for (const Worker& worker : workers_) {
        pids += (pids.size() > 1 ? "," : "") + std::to_string(PQbackendPID(worker.session.handle()));
    }
    return {
        "WITH RECURSIVE tables AS (SELECT $4::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i"
        " JOIN tables t ON i.inhparent = t.oid)"
        " SELECT p.*, pg_relation_size(p.relation) AS bytes FROM " +
            control_.schema() +
            "caas_progress p WHERE p.job = $1 AND (p.pid = ANY ($2::integer[]) OR (p.updated_at >= $3::timestamptz"
            " AND p.parts = $5::integer AND p.relation IN (SELECT t.oid FROM tables t)))"
            " ORDER BY p.relation::text, p.part",
        {job_, pids + "}", started_at_, relation_.oid, std::to_string(options_.jobs)}};
}

// The time left is that of all tables, while the server knows that of each part.
void TableJob::take_progress(Json parts) {
    progress_ = add_up(std::move(parts), total_bytes_, options_.jobs);
    if (first_fraction_ < 0 && !progress_.parts.empty()) first_fraction_ = progress_.fraction;
    const double done = progress_.fraction - first_fraction_;
    const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
    if (done > 0) progress_.seconds_left = seconds * (1 - progress_.fraction) / done;
}

void TableJob::lose_progress(const ProgramError& error) {
    watching_ = false;
    view_->message("WARNING", "the progress cannot be shown: " + std::string(error.what()));
}

void TableJob::ask_for_progress() {
    if (!watching_ || asked_ || stopped_by_ != 0 || Clock::now() < next_poll_) return;
    next_poll_ = Clock::now() + kPollEvery;
    const Query query = progress_query();
    try {
        control_.send(Database::query_of_rows(query.text), query.parameters);
        asked_ = true;
    } catch (const ProgramError& error) {
        lose_progress(error);
    }
}

void TableJob::read_progress() {
    PGconn* session = control_.handle();
    const bool alive = PQconsumeInput(session) == 1;
    if (alive && PQisBusy(session) != 0) return;
    const ResultPtr result(PQgetResult(session));
    while (ResultPtr(PQgetResult(session)) != nullptr) continue;
    asked_ = false;
    try {
        take_progress(rows_of(session, result.get()));
        view_->progress(progress_);
    } catch (const ProgramError& error) {
        lose_progress(error);
    }
}

void TableJob::finish_worker(Worker& worker, const PGresult* result) {
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
    DatabaseError error = database_error(worker.session.handle(), result);
    if (worker.cancelled && error.sqlstate() == "57014") return;
    if (!failure_) {
        failure_ = std::move(error);
        cancel_workers();  // what one part cannot do, such as getting a lock, another would fail to do later
    }
}

void TableJob::read_worker(Worker& worker) {
    PGconn* session = worker.session.handle();
    if (PQconsumeInput(session) == 1 && PQisBusy(session) != 0) return;
    worker.running = false;
    const ResultPtr result(PQgetResult(session));
    finish_worker(worker, result.get());
    while (ResultPtr(PQgetResult(session)) != nullptr) continue;
}

void TableJob::cancel_workers() {
    std::array<char, 256> reason{};
    for (Worker& worker : workers_) {
        if (!worker.running || worker.cancelled) continue;
        worker.cancelled = true;
        PGcancel* cancel = PQgetCancel(worker.session.handle());
        if (cancel == nullptr || PQcancel(cancel, reason.data(), static_cast<int>(reason.size())) == 0) {
            view_->message("WARNING", "a session cannot be told to stop: " + printable(reason.data()));
        }
        PQfreeCancel(cancel);
    }
}

void TableJob::stop(int signal) {
    stopped_by_ = signal;
    signals_->release();  // a second Ctrl-C ends the program at once
    view_->message("NOTICE", "stopping: the running batches end or are rolled back; once more ends at once");
    cancel_workers();
}

void TableJob::wait_for_news() {
    std::vector<pollfd> waited = {{signals_->fd(), POLLIN, 0}};
    std::vector<Worker*> running;
    for (Worker& worker : workers_) {
        if (!worker.running) continue;
        running.push_back(&worker);
        waited.push_back({PQsocket(worker.session.handle()), POLLIN, 0});
    }
    if (asked_) waited.push_back({PQsocket(control_.handle()), POLLIN, 0});
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next_poll_ - Clock::now()).count();
    const bool waits_for_poll = watching_ && !asked_ && stopped_by_ == 0;
    const int timeout = waits_for_poll ? static_cast<int>(std::max<std::int64_t>(left, 0) + 1) : -1;
    if (poll(waited.data(), waited.size(), timeout) < 0) {
        if (errno == EINTR) return;
        throw program_error("the sessions cannot be waited for");
    }
    if (waited[0].revents != 0 && stopped_by_ == 0) {
        const int signal = signals_->take();
        if (signal != 0) stop(signal);
    }
    for (std::size_t i = 0; i < running.size(); i++) {
        if (waited[i + 1].revents != 0) read_worker(*running[i]);
    }
    if (asked_ && waited.back().revents != 0) read_progress();
}

void TableJob::loop() {
    while (any_running()) {
        ask_for_progress();
        wait_for_news();
        if (!std::cout && !failure_) {  // nobody reads the progress any more
            failure_ = DatabaseError("standard output cannot be written", "");
            cancel_workers();
        }
    }
}

int TableJob::end() {
    while (asked_) {
        const ResultPtr result(PQgetResult(control_.handle()));
        asked_ = result != nullptr;
    }
    if (watching_) {
        try {
            const Query query = progress_query();
            take_progress(control_.rows(query.text, query.parameters));
        } catch (const ProgramError& error) {
            lose_progress(error);
        }
    }
    const bool interrupted = stopped_by_ != 0;
    if (!failure_ && !interrupted) progress_.fraction = 1;
    view_->end(failure_ ? "failed" : interrupted ? "interrupted" : "done", progress_);
    if (failure_) {
        throw DatabaseError(std::string(failure_->what()) + "\nWhat was done stays; the same command resumes the job.",
                            failure_->sqlstate());
    }
    if (interrupted) {
        note("what was done stays; run the same command again: it resumes");
        return exit_code_of_signal(stopped_by_);
    }
    if (options_.vacuum) control_.run("VACUUM " + relation_.name);
    if (progress_.conflicts == 0) return kExitOk;
    warn("rows in conflict with a constraint were left as they are: SELECT * FROM " + control_.schema() +
         "caas_conflicts");
    return kExitNo;
}

int TableJob::run() {
    if (options_.dry_run) {
        dry_run();
        return kExitOk;
    }
    open_workers();
    start();
    loop();
    finish_parts();
    signals_->release();
    return end();
}

}  // namespace

int table_backfill(const TableOptions& options) { return TableJob("backfill", options).run(); }

int table_rotate(const TableOptions& options) { return TableJob("rotate", options).run(); }

int table_cutover(const TableOptions& options) { return TableJob("cutover", options).run(); }

}  // namespace caas::cli
