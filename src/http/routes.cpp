#include "routes.hpp"

#include "json_text.hpp"
#include "operation.hpp"

#include <openssl/crypto.h>
#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace caas::http {

namespace {

using enum Field;

constexpr auto table = std::to_array<Route>({
    {.path = "/encrypt",
     .kind = RouteKind::operation,
     .name = "encrypt",
     .summary = "A keyed one-way digest of a user's data",
     .of_user = true,
     .required = {sensitive_data},
     .optional = {encoding, generation},
     .answer = {{"encrypted_data", AnswerType::hex}},
     .run = encrypt},
    {.path = "/verify",
     .kind = RouteKind::operation,
     .name = "verify",
     .summary = "Whether a digest is that of a user's data",
     .of_user = true,
     .required = {sensitive_data, encrypted_data},
     .optional = {encoding},
     .answer = {{"valid", AnswerType::boolean}, {"generation", AnswerType::integer_or_null}},
     .problems = {ProblemId::too_much_work},
     .run = verify,
     .tries = Tries::every_generation},
    {.path = "/seal",
     .kind = RouteKind::operation,
     .name = "seal",
     .summary = "Data sealed for a user and a context",
     .of_user = true,
     .required = {sensitive_data},
     .optional = {context, encoding},
     .answer = {{"sealed_data", AnswerType::base64}},
     .run = seal},
    {.path = "/open",
     .kind = RouteKind::operation,
     .name = "open",
     .summary = "The data of a sealed value",
     .of_user = true,
     .required = {sealed_data},
     .optional = {context, encoding},
     .answer = {{"sensitive_data", AnswerType::text}},
     .problems = {ProblemId::not_text},
     .run = open},
    {.path = "/reseal",
     .kind = RouteKind::operation,
     .name = "reseal",
     .summary = "A sealed value, sealed again under the active generation",
     .of_user = true,
     .required = {sealed_data},
     .optional = {context},
     .answer = {{"sealed_data", AnswerType::base64}},
     .run = reseal},
    {.path = "/blind-index",
     .kind = RouteKind::operation,
     .name = "blind-index",
     .summary = "A blind index to find rows by",
     .required = {sensitive_data},
     .optional = {context, length, encoding, normalize},
     .answer = {{"blind_index", AnswerType::base64_or_null}, {"candidates", AnswerType::base64_list}},
     .problems = {ProblemId::too_much_work},
     .run = blind_index,
     .tries = Tries::every_generation},
    {.path = "/hash-password",
     .kind = RouteKind::operation,
     .name = "hash-password",
     .summary = "A password hash to store",
     .of_user = true,
     .required = {password},
     .answer = {{"password_hash", AnswerType::text}},
     .problems = {ProblemId::passwords_busy},
     .hash = hash_password},
    {.path = "/verify-password",
     .kind = RouteKind::operation,
     .name = "verify-password",
     .summary = "Whether a password is that of a stored hash, and whether the hash is to be renewed",
     .of_user = true,
     .required = {password, password_hash},
     .answer = {{"valid", AnswerType::boolean}, {"outdated", AnswerType::boolean}},
     .problems = {ProblemId::passwords_busy},
     .hash = verify_password},
    {.path = "/batch",
     .kind = RouteKind::batch,
     .name = "batch",
     .summary = "Many requests of one operation; each has its own answer or error",
     .required = {operation, requests},
     .problems = {ProblemId::batch_too_large}},
    {.path = "/health",
     .kind = RouteKind::health,
     .name = "health",
     .summary = "Whether the service can answer",
     .answer = {{"status", AnswerType::text},
                {"version", AnswerType::text},
                {"active_generation", AnswerType::integer}},
     .problems = {ProblemId::no_keyring, ProblemId::no_api_keys}},
    {.path = "/metrics", .kind = RouteKind::metrics, .name = "metrics", .summary = "Counters for Prometheus"},
    {.path = "/openapi.json", .kind = RouteKind::description, .name = "openapi", .summary = "This description"},
});

// The path of a target, or nothing when it is neither a path nor a URL with a host.
std::string_view path_of(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!boost::beast::iequals({target.data(), std::min(target.size(), scheme.size())},
                                   {scheme.data(), scheme.size()}))
            continue;
        target.remove_prefix(scheme.size());
        const std::size_t host = std::min(target.find_first_of("/?#"), target.size());
        if (host == 0) return {};
        target.remove_prefix(host);
        break;
    }
    return target.substr(0, target.find('?'));
}

void append_value(std::string& object, AnswerType type, std::string_view value) {
    switch (type) {
        case AnswerType::base64_or_null:
        case AnswerType::base64_list:
            if (value.empty()) {
                object += type == AnswerType::base64_list ? "[]" : "null";
            } else if (type == AnswerType::base64_list) {
                object.append("[\"").append(value).append("\"]");
            } else {
                object.append("\"").append(value).append("\"");
            }
            break;
        case AnswerType::hex:
        case AnswerType::base64:
            object.append("\"").append(value).append("\"");
            break;
        case AnswerType::text: {
            std::string quoted = json_string(value);
            object += quoted;
            OPENSSL_cleanse(quoted.data(), quoted.size());  // a short string lies on the stack
            break;
        }
        default:
            object += value;
    }
}

}  // namespace

const std::span<const Route> routes = table;

std::size_t index_of(const Route& route) { return static_cast<std::size_t>(&route - routes.data()); }

const Route* route_at(std::string_view target) {
    const std::string_view path = path_of(target);
    for (const Route& route : table) {
        if (path == route.path) return &route;
    }
    return nullptr;
}

const Route* operation_named(std::string_view name) {
    for (const Route& route : table) {
        if (route.kind == RouteKind::operation && name == route.name) return &route;
    }
    return nullptr;
}

std::optional<Rejection> check_fields(const Route& route, const Fields& fields, bool may_have_key) {
    FieldSet required = route.required;
    FieldSet optional = route.all_optional();
    if (may_have_key) optional.add(api_key);
    if (!route.of_user) return fields.check(required, optional);
    const bool by_uuid = fields.has(user_uuid);
    const bool by_id = fields.has(user_id) || fields.has(user_namespace);
    if (!by_id) {
        required.add(user_uuid);
    } else if (!by_uuid) {
        required.add({user_id, user_namespace});
    }
    if (auto rejection = fields.check(required, optional)) return rejection;
    if (by_uuid && by_id) return Rejection{ProblemId::ambiguous_user};
    return std::nullopt;
}

Reply perform(const Route& route, caas_engine* engine, const Fields& fields, bool may_have_key) {
    if (auto rejection = check_fields(route, fields, may_have_key)) return *rejection;
    return route.run({engine, fields, route.answer});
}

std::string AnswerShape::object(std::initializer_list<std::string_view> values) const {
    constexpr std::size_t kRoomForNames = 64;
    std::size_t size = kRoomForNames;
    for (const std::string_view value : values) size += value.size();
    std::string object;
    object.reserve(size);
    const AnswerField* field = fields_.data();
    for (const std::string_view value : values) {
        object.append(object.empty() ? "{\"" : ",\"").append(field->name).append("\":");
        append_value(object, field->type, value);
        field++;
    }
    object += '}';
    return object;
}

}  // namespace caas::http
