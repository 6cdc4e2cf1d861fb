#include "openapi.hpp"

#include "routes.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caas::http {

namespace {

using Json = nlohmann::ordered_json;

Json reference(const char* name) { return {{"$ref", std::string("#/components/schemas/") + name}}; }

Json content(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

Json text() { return {{"type", "string"}}; }

Json array_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

Json object_of(Json properties) {
    Json required = Json::array();
    for (const auto& property : properties.items()) required.push_back(property.key());
    return {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

Json schema_of(Field field) {
    const FieldRule& rule = rule_of(field);
    Json schema = {{"description", rule.description}};
    switch (field) {
        case Field::user_uuid:
            schema.update({{"type", "string"}, {"format", "uuid"}});
            break;
        case Field::user_id:
            schema["anyOf"] = Json::array({{{"type", "string"}, {"minLength", 1}}, {{"type", "integer"}}});
            break;
        case Field::user_namespace:
            schema.update({{"type", "string"}, {"minLength", 1}});
            break;
        case Field::password:
            schema.update({{"type", "string"}, {"format", "password"}});
            break;
        case Field::encoding:
            schema.update({{"type", "string"}, {"enum", {"text", "base64"}}});
            break;
        case Field::generation:
            schema.update({{"type", "integer"}, {"minimum", 1}});
            break;
        case Field::length:
            schema.update({{"type", "integer"},
                           {"minimum", CAAS_BLIND_INDEX_MIN_BYTES},
                           {"maximum", CAAS_BLIND_INDEX_MAX_BYTES}});
            break;
        case Field::normalize:
            schema.update({{"type", "string"}, {"enum", {"none", "casefold", "digits"}}});
            break;
        case Field::operation:
            schema.update({{"type", "string"}, {"enum", Json::array()}});
            for (const Route& route : routes) {
                if (route.run != nullptr) schema["enum"].push_back(route.name);
            }
            break;
        case Field::requests:
            schema.update(array_of({{"type", "object"}}));
            break;
        default:
            schema["type"] = "string";
    }
    return schema;
}

// A user is named by a UUID, or by an id and its namespace.
Json ways_to_name_a_user() {
    Json ways = Json::array();
    for (const auto& way : {std::vector{Field::user_uuid}, std::vector{Field::user_id, Field::user_namespace}}) {
        Json names = Json::array();
        for (const Field field : way) names.push_back(rule_of(field).name);
        ways.push_back({{"required", std::move(names)}});
    }
    return ways;
}

// An optional field may be null.
void allow_null(Json& schema) {
    if (schema.contains("anyOf")) {
        for (Json& type : schema["anyOf"]) type["nullable"] = true;
    } else {
        schema["nullable"] = true;
    }
    if (schema.contains("enum")) schema["enum"].push_back(nullptr);
}

Json request_schema(const Route& route, FieldSet optional) {
    Json schema = {{"type", "object"},
                   {"additionalProperties", false},
                   {"properties", Json::object()},
                   {"required", Json::array()}};
    for (std::size_t i = 0; i < kFieldCount; i++) {
        const auto field = static_cast<Field>(i);
        const bool required = route.required.has(field);
        if (!required && !optional.has(field)) continue;
        Json& property = schema["properties"][rule_of(field).name] = schema_of(field);
        if (required) {
            schema["required"].push_back(rule_of(field).name);
        } else {
            allow_null(property);
        }
    }
    if (route.of_user) schema["anyOf"] = ways_to_name_a_user();
    return schema;
}

Json schema_of(AnswerType type) {
    switch (type) {
        case AnswerType::hex:
            return {{"type", "string"}, {"pattern", "^([0-9a-f]{2})+$"}};
        case AnswerType::base64:
            return {{"type", "string"}, {"format", "byte"}};
        case AnswerType::base64_or_null:
            return {{"type", "string"}, {"format", "byte"}, {"nullable", true}};
        case AnswerType::base64_list:
            return array_of(schema_of(AnswerType::base64));
        case AnswerType::boolean:
            return {{"type", "boolean"}};
        case AnswerType::integer:
            return {{"type", "integer"}};
        case AnswerType::integer_or_null:
            return {{"type", "integer"}, {"nullable", true}};
        case AnswerType::text:
            return text();
    }
    return {};
}

Json answer_schema(const Route& route) {
    Json properties = Json::object();
    for (const AnswerField& field : route.answer.fields()) properties[field.name] = schema_of(field.type);
    return object_of(std::move(properties));
}

// The name of a route as that of a type: "BlindIndex" for "blind-index".
std::string type_name(const Route& route) {
    std::string name;
    bool capital = true;
    for (const char c : std::string_view(route.name)) {
        if (c != '-') name += capital ? static_cast<char>(c - 'a' + 'A') : c;
        capital = c == '-';
    }
    return name;
}

Json reference_to(const Route& route, const char* part) { return reference((type_name(route) + part).c_str()); }

// The problems that every route can have, and those of every POST.
constexpr ProblemSet kOfEveryRoute = {ProblemId::bad_request,    ProblemId::request_timeout,
                                      ProblemId::body_too_large, ProblemId::headers_too_large,
                                      ProblemId::internal,       ProblemId::busy};
constexpr ProblemSet kOfEveryPost = {ProblemId::invalid_json,
                                     ProblemId::invalid_utf8,
                                     ProblemId::not_an_object,
                                     ProblemId::missing_field,
                                     ProblemId::unknown_field,
                                     ProblemId::duplicate_field,
                                     ProblemId::wrong_type,
                                     ProblemId::invalid_text,
                                     ProblemId::invalid_api_key,
                                     ProblemId::not_permitted,
                                     ProblemId::unsupported_media_type,
                                     ProblemId::rate_limited,
                                     ProblemId::no_keyring,
                                     ProblemId::no_api_keys};

ProblemSet problems_of(const Route& route) {
    ProblemSet all = kOfEveryRoute;
    all.add(route.problems);
    if (route.is_post()) all.add(kOfEveryPost);
    for (std::size_t i = 0; i < kFieldCount; i++) {
        const auto field = static_cast<Field>(i);
        if (route.required.has(field) || route.all_optional().has(field)) all.add(rule_of(field).problems);
    }
    return all;
}

Json header(const char* description) { return {{"description", description}, {"schema", text()}}; }

Json error_response(unsigned status) {
    Json response = {{"description", ""}, {"content", content(reference("Error"))}};
    if (status == problem(ProblemId::rate_limited).status || status == problem(ProblemId::busy).status) {
        response["headers"] = {{"Retry-After", header("Seconds to wait")}};
    }
    if (status == problem(ProblemId::invalid_api_key).status) {
        response["headers"] = {{"WWW-Authenticate", header("Bearer")}};
    }
    return response;
}

// The answers of a route: its success, and for each status the codes that it can have.
Json responses(const Route& route, Json success) {
    const ProblemSet possible = problems_of(route);
    Json all = {{"200", {{"description", "The answer"}, {"content", std::move(success)}}}};
    for (const Problem& one : problems) {
        if (!possible.has(one.id)) continue;
        Json& response = all[std::to_string(one.status)];
        if (response.is_null()) response = error_response(one.status);
        auto& codes = response["description"].get_ref<std::string&>();
        codes += std::string(codes.empty() ? "" : ", ") + one.code;
    }
    return all;
}

Json post(const Route& route) {
    return {{"post",
             {{"operationId", route.name},
              {"summary", route.summary},
              {"description", "The key comes in the header Authorization, or in the field apiKey."},
              {"security", Json::array({{{"bearer", Json::array()}}, Json::object()})},
              {"requestBody", {{"required", true}, {"content", content(reference_to(route, "Request"))}}},
              {"responses", responses(route, content(reference_to(route, "Answer")))}}}};
}

Json get(const Route& route) {
    Json success = content({{"type", "object"}});
    if (route.kind == RouteKind::health) success = content(answer_schema(route));
    if (route.kind == RouteKind::metrics) success = {{"text/plain", {{"schema", text()}}}};
    return {{"get",
             {{"operationId", route.name},
              {"summary", route.summary},
              {"security", Json::array()},
              {"responses", responses(route, std::move(success))}}}};
}

Json paths() {
    Json all = Json::object();
    for (const Route& route : routes) all[route.path] = route.is_post() ? post(route) : get(route);
    return all;
}

Json error_schema() {
    Json codes = Json::array();
    for (const Problem& one : problems) codes.push_back(one.code);
    Json error = object_of({{"code", {{"type", "string"}, {"enum", codes}}}, {"message", text()}});
    return object_of({{"error", std::move(error)}});
}

Json schemas() {
    Json all = {{"Error", error_schema()}};
    Json items = Json::array();
    Json answers = Json::array({reference("Error")});
    for (const Route& route : routes) {
        if (!route.is_post()) continue;
        FieldSet optional = route.all_optional();
        optional.add(Field::api_key);
        all[type_name(route) + "Request"] = request_schema(route, optional);
        if (route.kind != RouteKind::operation) continue;
        all[type_name(route) + "Answer"] = answer_schema(route);
        if (route.run == nullptr) continue;
        all[type_name(route) + "Item"] = request_schema(route, route.all_optional());
        items.push_back(reference_to(route, "Item"));
        answers.push_back(reference_to(route, "Answer"));
    }
    all["BatchRequest"]["properties"]["requests"]["items"] = {{"anyOf", std::move(items)}};
    all["BatchAnswer"] = object_of({{"answers", array_of({{"anyOf", std::move(answers)}})}});
    return all;
}

Json document() {
    return {{"openapi", "3.0.3"},
            {"info",
             {{"title", "caas"},
              {"version", caas_library_version()},
              {"description", "Per-user cryptography: what the SQL functions of the extension caas compute."},
              {"license", {{"name", "PostgreSQL"}, {"url", "https://www.postgresql.org/about/licence/"}}}}},
            {"servers", Json::array({{{"url", "/"}}})},
            {"paths", paths()},
            {"components",
             {{"schemas", schemas()}, {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace

const std::string& openapi_text() {
    static const std::string description = document().dump(2) + "\n";
    return description;
}

}  // namespace caas::http
