#include "answer_heads.hpp"

#include "problem.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>

#include <ctime>
#include <sstream>

namespace caas::http {

namespace {

namespace http = boost::beast::http;

// Clients decide about lengths, so the number of kept heads has a limit.
constexpr std::size_t kMostKept = 1024;

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7). Nothing if the clock fails: RFC 9110 allows no wrong date.
std::string date_text(std::time_t now) {
    tm parts{};
    std::string text(sizeof "Sun, 06 Nov 1994 08:49:37 GMT", '\0');
    const bool known = now >= 0 && gmtime_r(&now, &parts) != nullptr;
    // The program never sets a locale, so the names of days and months are English.
    text.resize(known ? std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts) : 0);
    return text;
}

std::string make_head(const Answer& answer, bool keep_alive, const std::string& date) {
    http::response<http::empty_body> response(static_cast<http::status>(answer.status), 11);
    if (!date.empty()) response.set(http::field::date, date);
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
    const std::time_t now = std::time(nullptr);
    if (now != second_) {  // the kept heads have the date of the last second
        made_.clear();
        date_ = date_text(now);
        second_ = now;
    }
    const Key key{answer.status, answer.body.size(), answer.content_type, answer.allow, answer.retry_after, keep_alive};
    const auto found = made_.find(key);
    if (found != made_.end()) return found->second;
    if (made_.size() >= kMostKept) made_.clear();
    return made_.emplace(key, std::make_shared<const std::string>(make_head(answer, keep_alive, date_))).first->second;
}

}  // namespace caas::http
