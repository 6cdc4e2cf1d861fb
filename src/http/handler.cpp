#include "handler.hpp"

#include "json_text.hpp"
#include "openapi.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace caas::http {

namespace {

constexpr const char* kBatch = "/batch";
constexpr const char* kHealth = "/health";
constexpr const char* kMetrics = "/metrics";
constexpr const char* kOpenApi = "/openapi.json";
constexpr std::array<const char*, 3> kGets = {kHealth, kMetrics, kOpenApi};

// What one thread does for one client before it turns to the others.
constexpr std::size_t kMaxBatchValues = 10000;

// simdjson's own size() ends at 2^24 - 1.
std::size_t count_of(simdjson::dom::array array) {
    return static_cast<std::size_t>(std::distance(array.begin(), array.end()));
}

bool is_get(std::string_view route) { return std::find(kGets.begin(), kGets.end(), route) != kGets.end(); }

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

// The path of a target in origin form, or in absolute form with a host (RFC 9112, section 3.2); otherwise nothing of
// ours.
std::string_view path_of(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!same_word(target.substr(0, scheme.size()), scheme)) continue;
        target.remove_prefix(scheme.size());
        const std::size_t host = std::min(target.find_first_of("/?#"), target.size());
        if (host == 0) return {};
        target.remove_prefix(host);
        break;
    }
    return target.substr(0, target.find('?'));
}

const OperationRule* operation_at(std::string_view path) {
    for (const OperationRule& rule : operation_rules) {
        if (path == rule.path) return &rule;
    }
    return nullptr;
}

}  // namespace

std::string error_text(const Failure& failure) {
    std::string message = failure.problem->message;
    if (failure.field != nullptr) message = std::string(failure.field) + ": " + message;
    return R"({"error":{"code":")" + std::string(failure.problem->code) + R"(","message":)" + json_string(message) +
           "}}";
}

Answer Handler::failed(const Failure& failure, const char* route) {
    Answer answer;
    answer.status = failure.problem->status;
    answer.body = error_text(failure);
    answer.retry_after = failure.retry_after;
    answer.route = route;
    return answer;
}

const char* Handler::route_of(std::string_view target) {
    const std::string_view path = path_of(target);
    if (path == kBatch) return kBatch;
    if (const auto found = std::find(kGets.begin(), kGets.end(), path); found != kGets.end()) return *found;
    const OperationRule* rule = operation_at(path);
    return rule != nullptr ? rule->path : nullptr;
}

std::optional<Answer> Handler::refuse(const Head& head) const {
    const char* route = route_of(head.target);
    if (route == nullptr) return failed({&problem::kNotFound});
    const bool get = is_get(route);
    if (get ? head.method != "GET" && head.method != "HEAD" : head.method != "POST") {
        Answer answer = failed({&problem::kMethodNotAllowed}, route);
        answer.allow = get ? "GET, HEAD" : "POST";
        return answer;
    }
    if (!get && (!is_json(head.content_type) || head.encoded)) return failed({&problem::kUnsupportedMediaType}, route);
    return std::nullopt;
}

Answer Handler::handle(const Head& head, std::string& body) {
    try {
        if (auto refusal = refuse(head)) return std::move(*refusal);
        const char* route = route_of(head.target);
        Answer answer = is_get(route) ? get(route) : post(route, head, body);
        answer.route = route;
        return answer;
    } catch (const std::exception&) {  // out of memory, or what its text must not tell
        return failed({&problem::kInternal}, route_of(head.target));
    }
}

Answer Handler::get(std::string_view path) const {
    if (path == kHealth) return health();
    Answer answer;
    if (path == kMetrics) {
        answer.body = metrics_.text();
        answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    } else {
        answer.body = openapi_text();
    }
    return answer;
}

Answer Handler::health() const {
    if (!state_.engine) return failed({&problem::kNoKeyring});
    if (!state_.api_keys) return failed({&problem::kNoApiKeys});
    caas_keyring_info info{};
    caas_engine_keyring(state_.engine.get(), &info);
    Answer answer;
    answer.body = R"({"status":"ok","version":)" + json_string(caas_library_version()) + R"(,"active_generation":)" +
                  std::to_string(info.active) + "}";
    return answer;
}

std::optional<Failure> Handler::admit(const Head& head, const Fields& fields, const Client*& client) {
    if (!state_.api_keys) return Failure{&problem::kNoApiKeys};
    const std::string_view key = fields.has(Field::api_key) ? fields.text(Field::api_key) : bearer(head.authorization);
    client = key.empty() ? nullptr : state_.api_keys->find(key);
    if (client != nullptr) return std::nullopt;
    metrics_.authentication_failure();
    return Failure{&problem::kInvalidApiKey};
}

std::optional<Failure> Handler::permit(const Client& client, const OperationRule& rule, std::size_t requests) {
    if (!client.may(rule.operation)) return Failure{&problem::kNotPermitted};
    if (const unsigned seconds = limiter_.wait_for(client.name, requests)) {
        return Failure{&problem::kRateLimited, nullptr, seconds};
    }
    if (!state_.engine) return Failure{&problem::kNoKeyring};
    return std::nullopt;
}

Answer Handler::post(const char* path, const Head& head, std::string& body) {
    Document document(parser_, body);
    if (auto failure = document.failure()) return failed(*failure);
    const Fields fields(document.object());
    const Client* client = nullptr;
    Outcome outcome;
    if (auto failure = admit(head, fields, client)) {
        outcome = *failure;
    } else if (const OperationRule* rule = operation_at(path)) {
        const auto refusal = permit(*client, *rule, 1);
        outcome = refusal ? Outcome(*refusal) : perform(*rule, state_.engine.get(), fields, true);
        if (std::holds_alternative<std::string>(outcome)) metrics_.values(rule->operation, 1);
    } else {
        outcome = batch(*client, fields);
    }
    Answer answer;
    if (const auto* failure = std::get_if<Failure>(&outcome)) {
        answer = failed(*failure);
    } else {
        answer.body = std::move(std::get<std::string>(outcome));
    }
    if (client != nullptr) answer.client = client->name;
    return answer;
}

// A blind index is computed once for the active generation and once for each.
std::size_t Handler::values_each(const OperationRule& rule) const {
    if (rule.operation != Operation::blind_index) return 1;
    caas_keyring_info info{};
    if (state_.engine) caas_engine_keyring(state_.engine.get(), &info);
    return 1 + static_cast<std::size_t>(info.count);
}

Outcome Handler::batch(const Client& client, const Fields& fields) {
    if (auto failure = fields.check({Field::operation, Field::requests}, {Field::api_key})) return *failure;
    const OperationRule* rule = operation_named(fields.text(Field::operation));
    if (rule == nullptr) return Failure{&problem::kInvalidOperation, rule_of(Field::operation).name};
    const std::size_t count = count_of(fields.array());
    if (count * values_each(*rule) > kMaxBatchValues) return Failure{&problem::kBatchTooLarge};
    if (auto failure = permit(client, *rule, std::max<std::size_t>(count, 1))) return *failure;
    std::size_t computed = 0;
    std::string answers = R"({"answers":[)";
    for (const simdjson::dom::element request : fields.array()) {
        simdjson::dom::object object;
        Outcome outcome = Failure{&problem::kNotAnObject};
        if (request.get_object().get(object) == simdjson::SUCCESS) {
            outcome = perform(*rule, state_.engine.get(), Fields(object), false);
        }
        if (const auto* failure = std::get_if<Failure>(&outcome)) {
            answers += error_text(*failure);
        } else {
            answers += std::get<std::string>(outcome);
            computed++;
        }
        answers += ',';
    }
    metrics_.values(rule->operation, computed);
    if (answers.back() == ',') answers.pop_back();
    answers += "]}";
    return answers;
}

}  // namespace caas::http
