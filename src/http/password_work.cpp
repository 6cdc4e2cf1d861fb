#include "password_work.hpp"

#include "handler.hpp"

namespace caas::http {

void PasswordWork::compute(std::size_t thread) {
    try {
        reply_ = order_.route->hash({order_.engines->at(thread).get(), order_.input, order_.route->answer});
    } catch (const std::exception&) {  // memory ran out: the reply stays what it was
    }
    std::string().swap(order_.input.password);  // frees, and thereby cleanses it
    order_.engines.reset();
    computed_.store(true, std::memory_order_release);
}

Answer PasswordWork::answer() {
    Answer answer;
    if (auto* text = std::get_if<std::string>(&reply_)) {
        answer.body = std::move(*text);
        answer.route = order_.route;
        metrics_.values(*order_.route, 1);
    } else {
        answer = Handler::refusal(std::get<Rejection>(reply_), order_.route);
    }
    answer.client = std::move(order_.client);
    return answer;
}

Answer PasswordWork::refusal() const {
    constexpr unsigned kSeconds = 1;
    Answer answer = Handler::refusal({ProblemId::passwords_busy, nullptr, kSeconds}, order_.route);
    answer.client = order_.client;
    return answer;
}

}  // namespace caas::http
