#include "answer_heads.hpp"

#include "problem.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>

#include <sstream>

namespace caas::http {

namespace {

namespace http = boost::beast::http;

// Clients choose the lengths of answers, so that the number of kept heads needs a bound.
constexpr std::size_t kMostKept = 1024;

std::string make_head(const Answer& answer, bool keep_alive) {
    http::response<http::empty_body> response(static_cast<http::status>(answer.status), 11);
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(keep_alive);
    response.content_length(answer.body.size());
    if (answer.allow != nullptr) response.set(http::field::allow, answer.allow);
    if (answer.retry_after != 0) response.set(http::field::retry_after, std::to_string(answer.retry_after));
    if (answer.status == problem(ProblemId::invalid_api_key).status)
        response.set(http::field::www_authenticate, "Bearer");
    std::ostringstream text;
    text << response.base();
    return text.str();
}

}  // namespace

std::shared_ptr<const std::string> AnswerHeads::of(const Answer& answer, bool keep_alive) {
    const Key key{answer.status, answer.body.size(), answer.content_type, answer.allow, answer.retry_after, keep_alive};
    const auto found = made_.find(key);
    if (found != made_.end()) return found->second;
    if (made_.size() >= kMostKept) made_.clear();
    return made_.emplace(key, std::make_shared<const std::string>(make_head(answer, keep_alive))).first->second;
}

}  // namespace caas::http
