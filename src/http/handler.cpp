#include "handler.hpp"

#include "json_text.hpp"
#include "openapi.hpp"
#include "operation.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace caas::http {

namespace {

constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// The bounds of one request. A unit of work is a value, or a further KiB of the body, under one generation: it takes
// about a microsecond.
constexpr std::size_t kMaxBatchValues = 10000;
constexpr std::size_t kMaxWork = 100000;
constexpr std::size_t kUnitBytes = 1024;

bool same_word(std::string_view a, std::string_view b) {
    return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

// Parameters such as charset are ignored: JSON is UTF-8, whatever they say.
bool is_json(std::string_view content_type) {
    content_type = content_type.substr(0, content_type.find(';'));
    while (!content_type.empty() && (content_type.back() == ' ' || content_type.back() == '\t')) {
        content_type.remove_suffix(1);
    }
    return same_word(content_type, "application/json");
}

// The key of "Bearer KEY" (RFC 6750), which may be empty; nullopt for another scheme.
std::optional<std::string_view> bearer_key(std::string_view authorization) {
    constexpr std::string_view kScheme = "Bearer";
    const std::size_t end = std::min(authorization.find(' '), authorization.size());
    if (!same_word(authorization.substr(0, end), kScheme)) return std::nullopt;
    authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', end), authorization.size()));
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

std::optional<Rejection> Handler::check(const Head& head, const Client*& client) const {
    if (head.route == nullptr) return Rejection{ProblemId::not_found};
    const bool is_post = head.route->is_post();
    const bool has_method = is_post ? head.method == "POST" : head.method == "GET" || head.method == "HEAD";
    if (!has_method) return Rejection{ProblemId::method_not_allowed};
    if (!is_post) return std::nullopt;
    if (!is_json(head.content_type) || head.encoded) return Rejection{ProblemId::unsupported_media_type};
    const auto key = bearer_key(head.authorization);
    return key ? find_client(*key, client) : std::nullopt;
}

std::optional<Answer> Handler::refuse(const Head& head) const {
    const Client* client = nullptr;
    const auto rejection = check(head, client);
    return rejection ? std::optional(refusal(*rejection, head.route)) : std::nullopt;
}

std::optional<Rejection> Handler::find_client(std::string_view key, const Client*& client) const {
    client = nullptr;
    if (!state_.api_keys) return Rejection{ProblemId::no_api_keys};
    if (!key.empty()) client = state_.api_keys->find(key);
    if (client != nullptr) return std::nullopt;
    metrics_.authentication_failure();
    return Rejection{ProblemId::invalid_api_key};
}

// Without a key in the head nothing of the body is read before its own key has been accepted.
std::optional<Rejection> Handler::read(Document& document, Fields& fields, const Client*& client) const {
    if (document.rejection()) return document.rejection();
    const bool has_key_in_head = client != nullptr;
    if (!has_key_in_head) {
        const std::string_view key = document.find_text(Field::api_key);
        if (document.rejection()) return document.rejection();
        if (auto rejection = find_client(key, client)) return rejection;
    }
    if (auto rejection = document.read(fields)) return rejection;
    const bool has_both = has_key_in_head && fields.has(Field::api_key);
    return has_both ? find_client(fields.text(Field::api_key), client) : std::nullopt;
}

std::optional<Rejection> Handler::permit(const Client& client, const Route& operation, std::size_t requests) {
    if (!client.may(operation)) return Rejection{ProblemId::not_permitted};
    if (const unsigned seconds = limiter_.wait_for(client.name, requests)) {
        return Rejection{ProblemId::rate_limited, nullptr, seconds};
    }
    if (!state_.engine) return Rejection{ProblemId::no_keyring};
    return std::nullopt;
}

// The operation computes each value under at most this many generations.
std::size_t Handler::tries_of(const Route& operation) const {
    if (operation.tries == Tries::one || !state_.engine) return 1;
    caas_keyring_info info{};
    caas_engine_keyring(state_.engine.get(), &info);
    return static_cast<std::size_t>(info.count);
}

Work Handler::handle(const Head& head, std::string& body) {
    const Client* client = nullptr;
    Answer answer;
    try {
        Reply reply;
        if (auto rejection = check(head, client)) {
            reply = *rejection;
        } else if (head.route->kind == RouteKind::batch) {
            return begin_batch(*head.route, body, client);
        } else if (head.route->hash != nullptr) {
            return begin_password(*head.route, body, client);
        } else {
            reply = head.route->is_post() ? post(*head.route, body, client) : get(*head.route);
        }
        if (const auto* rejection = std::get_if<Rejection>(&reply)) {
            answer = refusal(*rejection, head.route);
        } else {
            answer.body = std::move(std::get<std::string>(reply));
            answer.route = head.route;
            if (head.route->kind == RouteKind::metrics) answer.content_type = kMetricsType;
        }
        if (client != nullptr) answer.client = client->name;
    } catch (const std::exception&) {  // memory ran out, or OpenSSL failed
        answer = refusal({ProblemId::internal}, head.route);
    }
    return answer;
}

Reply Handler::get(const Route& route) const {
    if (route.kind == RouteKind::metrics) return metrics_.text();
    if (route.kind == RouteKind::description) return openapi_text();
    return health(route);
}

Reply Handler::health(const Route& route) const {
    if (!state_.engine) return Rejection{ProblemId::no_keyring};
    if (!state_.api_keys) return Rejection{ProblemId::no_api_keys};
    caas_keyring_info info{};
    caas_engine_keyring(state_.engine.get(), &info);
    return route.answer.object({"ok", caas_library_version(), std::to_string(info.active)});
}

Reply Handler::post(const Route& route, std::string& body, const Client*& client) {
    Document document(parser_, body);
    Fields fields;
    if (auto rejection = read(document, fields, client)) return *rejection;
    if (auto rejection = permit(*client, route, 1)) return *rejection;
    if (route.tries != Tries::one && (1 + body.size() / kUnitBytes) * tries_of(route) > kMaxWork) {
        return Rejection{ProblemId::too_much_work};
    }
    Reply reply = perform(route, state_.engine.get(), fields, true);
    if (std::holds_alternative<std::string>(reply)) metrics_.values(route, 1);
    return reply;
}

Work Handler::begin_password(const Route& route, std::string& body, const Client*& client) {
    PasswordWork::Order order{.route = &route, .input = {}, .engines = state_.password_engines, .client = {}};
    const auto rejection = order_password(order, body, client);
    if (client != nullptr) order.client = client->name;
    if (!rejection) return std::make_shared<PasswordWork>(std::move(order), metrics_);
    Answer answer = refusal(*rejection, &route);
    answer.client = std::move(order.client);
    return answer;
}

std::optional<Rejection> Handler::order_password(PasswordWork::Order& order, std::string& body, const Client*& client) {
    Document document(parser_, body);
    Fields fields;
    if (auto rejection = read(document, fields, client)) return rejection;
    if (auto rejection = permit(*client, *order.route, 1)) return rejection;
    if (auto rejection = check_fields(*order.route, fields, true)) return rejection;
    return read_password(fields, order.input);
}

Work Handler::begin_batch(const Route& route, std::string& body, const Client*& client) {
    Batch::Order order;
    order.text = std::make_unique<BatchText>(std::move(body));
    order.route = &route;
    if (auto rejection = order_batch(order, client)) {
        Answer answer = refusal(*rejection, &route);
        if (client != nullptr) answer.client = client->name;
        return answer;
    }
    auto batch = std::make_unique<Batch>(std::move(order), metrics_);
    if (auto answer = batch->proceed()) return std::move(*answer);
    return batch;
}

std::optional<Rejection> Handler::order_batch(Batch::Order& order, const Client*& client) {
    Fields fields;
    if (auto rejection = read(order.text->document(), fields, client)) return rejection;
    if (auto rejection = fields.check(order.route->required, {Field::api_key})) return rejection;
    order.operation = operation_named(fields.text(Field::operation));
    if (order.operation == nullptr || order.operation->run == nullptr) {
        return Rejection{ProblemId::invalid_operation, rule_of(Field::operation).name};
    }
    order.requests = fields.elements();
    order.tries = tries_of(*order.operation);
    const std::size_t work = (order.requests + order.text->size() / kUnitBytes) * order.tries;
    if (order.requests > kMaxBatchValues || work > kMaxWork) return Rejection{ProblemId::batch_too_large};
    order.engine = state_.engine;
    order.client = client->name;
    return permit(*client, *order.operation, std::max<std::size_t>(order.requests, 1));
}

}  // namespace caas::http
