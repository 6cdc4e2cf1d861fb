#include "handler.hpp"

#include "json_text.hpp"
#include "openapi.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <array>

namespace caas::http {

namespace {

// What one thread does for one client before it turns to the others.
constexpr std::size_t kMaxBatchValues = 10000;

// simdjson's own size() ends at 2^24 - 1.
std::size_t count_of(simdjson::dom::array array) {
    return static_cast<std::size_t>(std::distance(array.begin(), array.end()));
}

bool same_word(std::string_view a, std::string_view b) {
    return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

// Parameters such as charset are allowed: JSON is UTF-8, whatever they say.
bool is_json(std::string_view content_type) {
    content_type = content_type.substr(0, content_type.find(';'));
    while (!content_type.empty() && (content_type.back() == ' ' || content_type.back() == '\t')) {
        content_type.remove_suffix(1);
    }
    return same_word(content_type, "application/json");
}

// The key of "Bearer KEY" (RFC 6750), or nothing.
std::string_view bearer(std::string_view authorization) {
    constexpr std::string_view kScheme = "Bearer ";
    if (authorization.size() < kScheme.size() || !same_word(authorization.substr(0, kScheme.size()), kScheme))
        return {};
    authorization.remove_prefix(kScheme.size());
    authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
    return authorization;
}

}  // namespace

std::string error_text(const Rejection& rejection) {
    const Problem& about = problem(rejection.problem);
    std::string message = about.message;
    if (rejection.field != nullptr) message = std::string(rejection.field) + ": " + message;
    return R"({"error":{"code":")" + std::string(about.code) + R"(","message":)" + json_string(message) + "}}";
}

Answer Handler::refusal(const Rejection& rejection, const Route* route) {
    Answer answer;
    answer.status = problem(rejection.problem).status;
    answer.body = error_text(rejection);
    answer.retry_after = rejection.retry_after;
    answer.route = route;
    if (rejection.problem == ProblemId::method_not_allowed) answer.allow = route->allow();
    return answer;
}

std::optional<Answer> Handler::refuse(const Head& head) const {
    const Route* route = head.route;
    if (route == nullptr) return refusal({ProblemId::not_found});
    const bool has_method = route->is_post() ? head.method == "POST" : head.method == "GET" || head.method == "HEAD";
    if (!has_method) return refusal({ProblemId::method_not_allowed}, route);
    const bool readable = !route->is_post() || (is_json(head.content_type) && !head.encoded);
    if (!readable) return refusal({ProblemId::unsupported_media_type}, route);
    return std::nullopt;
}

Answer Handler::handle(const Head& head, std::string& body) {
    try {
        if (auto refused = refuse(head)) return std::move(*refused);
        Answer answer = head.route->is_post() ? post(head, body) : get(*head.route);
        answer.route = head.route;
        return answer;
    } catch (const std::exception&) {  // memory ran out, or OpenSSL failed
        return refusal({ProblemId::internal}, head.route);
    }
}

Answer Handler::get(const Route& route) const {
    Answer answer;
    if (route.kind == RouteKind::metrics) {
        answer.body = metrics_.text();
        answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    } else if (route.kind == RouteKind::description) {
        answer.body = openapi_text();
    } else {
        Reply reply = health(route);
        if (const auto* rejection = std::get_if<Rejection>(&reply)) return refusal(*rejection);
        answer.body = std::move(std::get<std::string>(reply));
    }
    return answer;
}

Reply Handler::health(const Route& route) const {
    if (!state_.engine) return Rejection{ProblemId::no_keyring};
    if (!state_.api_keys) return Rejection{ProblemId::no_api_keys};
    caas_keyring_info info{};
    caas_engine_keyring(state_.engine.get(), &info);
    return route.answer.object({"ok", caas_library_version(), std::to_string(info.active)});
}

std::optional<Rejection> Handler::admit(const Head& head, const Fields& fields, const Client*& client) {
    if (!state_.api_keys) return Rejection{ProblemId::no_api_keys};
    const std::string_view key = fields.has(Field::api_key) ? fields.text(Field::api_key) : bearer(head.authorization);
    client = key.empty() ? nullptr : state_.api_keys->find(key);
    if (client != nullptr) return std::nullopt;
    metrics_.authentication_failure();
    return Rejection{ProblemId::invalid_api_key};
}

std::optional<Rejection> Handler::permit(const Client& client, const Route& operation, std::size_t requests) {
    if (!client.may(operation)) return Rejection{ProblemId::not_permitted};
    if (const unsigned seconds = limiter_.wait_for(client.name, requests)) {
        return Rejection{ProblemId::rate_limited, nullptr, seconds};
    }
    if (!state_.engine) return Rejection{ProblemId::no_keyring};
    return std::nullopt;
}

Answer Handler::post(const Head& head, std::string& body) {
    Document document(parser_, body);
    if (auto rejection = document.rejection()) return refusal(*rejection);
    const Fields fields(document.object());
    const Client* client = nullptr;
    Reply reply;
    if (auto rejection = admit(head, fields, client)) {
        reply = *rejection;
    } else if (head.route->kind == RouteKind::batch) {
        reply = batch(*client, fields);
    } else {
        const auto rejected = permit(*client, *head.route, 1);
        reply = rejected ? Reply(*rejected) : perform(*head.route, state_.engine.get(), fields, true);
        if (std::holds_alternative<std::string>(reply)) metrics_.values(*head.route, 1);
    }
    Answer answer;
    if (const auto* rejection = std::get_if<Rejection>(&reply)) {
        answer = refusal(*rejection);
    } else {
        answer.body = std::move(std::get<std::string>(reply));
    }
    if (client != nullptr) answer.client = client->name;
    return answer;
}

// How many values each request of a batch counts for.
std::size_t Handler::values_each(const Route& operation) const {
    if (operation.tries == Tries::one) return 1;
    caas_keyring_info info{};
    if (state_.engine) caas_engine_keyring(state_.engine.get(), &info);
    const auto generations = static_cast<std::size_t>(info.count);
    return operation.tries == Tries::every_generation ? std::max<std::size_t>(generations, 1) : generations + 1;
}

Reply Handler::batch(const Client& client, const Fields& fields) {
    if (auto rejection = fields.check({Field::operation, Field::requests}, {Field::api_key})) return *rejection;
    const Route* operation = operation_named(fields.text(Field::operation));
    if (operation == nullptr) return Rejection{ProblemId::invalid_operation, rule_of(Field::operation).name};
    const std::size_t count = count_of(fields.array());
    if (count * values_each(*operation) > kMaxBatchValues) return Rejection{ProblemId::batch_too_large};
    if (auto rejection = permit(client, *operation, std::max<std::size_t>(count, 1))) return *rejection;
    std::size_t computed = 0;
    std::string answers = R"({"answers":[)";
    for (const simdjson::dom::element request : fields.array()) {
        simdjson::dom::object object;
        Reply reply = Rejection{ProblemId::not_an_object};
        if (request.get_object().get(object) == simdjson::SUCCESS) {
            reply = perform(*operation, state_.engine.get(), Fields(object), false);
        }
        if (const auto* rejection = std::get_if<Rejection>(&reply)) {
            answers += error_text(*rejection);
        } else {
            answers += std::get<std::string>(reply);
            computed++;
        }
        answers += ',';
    }
    metrics_.values(*operation, computed);
    if (answers.back() == ',') answers.pop_back();
    answers += "]}";
    return answers;
}

}  // namespace caas::http
