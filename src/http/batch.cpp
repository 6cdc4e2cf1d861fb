#include "batch.hpp"

#include "handler.hpp"

#include <chrono>

namespace caas::http {

namespace {

constexpr std::chrono::milliseconds kSlice{1};

// Reading the clock for each request would cost 2 % of a batch. A try takes about a microsecond.
constexpr std::size_t kTriesBetweenLooks = 32;

}  // namespace

Batch::Batch(Order order, Metrics& metrics) : order_(std::move(order)), metrics_(metrics) {
    order_.text->document().go_to_elements(Field::requests);
}

bool Batch::answer_next_request() {
    Fields fields;
    Reply reply = Rejection{ProblemId::not_an_object};
    if (order_.text->document().next_element(fields)) {
        reply = perform(*order_.operation, order_.engine.get(), fields, false);
    }
    if (answered_ > 0) answers_ += ',';
    answered_++;
    if (const auto* rejection = std::get_if<Rejection>(&reply)) {
        answers_ += error_text(*rejection);
        return false;
    }
    answers_ += std::get<std::string>(reply);
    return true;
}

bool Batch::work_until_deadline() {
    const auto deadline = std::chrono::steady_clock::now() + kSlice;
    std::size_t computed = 0;
    std::size_t tries = 0;
    bool late = false;
    while (answered_ < order_.requests && !late) {
        computed += answer_next_request() ? 1 : 0;
        tries += order_.tries;
        if (tries < kTriesBetweenLooks) continue;
        tries = 0;
        late = std::chrono::steady_clock::now() >= deadline;
    }
    metrics_.values(*order_.operation, computed);
    return answered_ == order_.requests;
}

std::optional<Answer> Batch::proceed() {
    Answer answer;
    try {
        if (!work_until_deadline()) return std::nullopt;
        answers_ += "]}";
        answer.body = std::move(answers_);
        answer.route = order_.route;
    } catch (const std::exception&) {  // memory ran out, or OpenSSL failed
        answer = Handler::refusal({ProblemId::internal}, order_.route);
    }
    answer.client = std::move(order_.client);
    return answer;
}

}  // namespace caas::http
