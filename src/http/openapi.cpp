#include "openapi.hpp"

#include "operation.hpp"

#include <set>

namespace caas::http {

namespace {

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
        case Field::operation:
            schema.update({{"type", "string"}, {"enum", Json::array()}});
            for (const OperationRule& operation : operation_rules) schema["enum"].push_back(operation.name);
            break;
        case Field::requests:
            schema.update(array_of({{"type", "object"}}));
            break;
        default:
            schema["type"] = "string";
    }
    return schema;
}

Json request_schema(FieldSet required, FieldSet optional) {
    optional.add(Field::api_key);
    Json schema = {{"type", "object"},
                   {"additionalProperties", false},
                   {"properties", Json::object()},
                   {"required", Json::array()}};
    for (std::size_t i = 0; i < kFieldCount; i++) {
        const auto field = static_cast<Field>(i);
        if (!required.has(field) && !optional.has(field)) continue;
        schema["properties"][rule_of(field).name] = schema_of(field);
        if (required.has(field)) {
            schema["required"].push_back(rule_of(field).name);
        } else {
            schema["properties"][rule_of(field).name]["nullable"] = true;
        }
    }
    return schema;
}

Json answer_schema(Operation operation) {
    switch (operation) {
        case Operation::encrypt:
            return object_of({{"encrypted_data", text()}});
        case Operation::verify:
            return object_of(
                {{"valid", {{"type", "boolean"}}}, {"generation", {{"type", "integer"}, {"nullable", true}}}});
        case Operation::seal:
            return object_of({{"sealed_data", text()}});
        case Operation::open:
            return object_of({{"sensitive_data", text()}});
        case Operation::blind_index:
            return object_of({{"blind_index", text()}, {"candidates", array_of(text())}});
    }
    return {};
}

// Every status that a problem has, in the order of their numbers.
std::set<unsigned> failure_statuses() {
    std::set<unsigned> statuses;
    for (const Problem* problem : kProblems) statuses.insert(problem->status);
    return statuses;
}

Json responses(Json success, const std::set<unsigned>& failures) {
    Json all = {{"200", {{"description", "The answer"}, {"content", std::move(success)}}}};
    for (const unsigned status : failures) {
        all[std::to_string(status)] = {{"description", "An error"}, {"content", content(reference("Error"))}};
    }
    return all;
}

Json post(const char* summary, Json request, Json answer) {
    return {{"post",
             {{"summary", summary},
              {"security", Json::array({Json::object(), {{"bearer", Json::array()}}})},
              {"requestBody", {{"required", true}, {"content", content(std::move(request))}}},
              {"responses", responses(content(std::move(answer)), failure_statuses())}}}};
}

Json get(const char* summary, Json success, const std::set<unsigned>& failures) {
    return {{"get", {{"summary", summary}, {"responses", responses(std::move(success), failures)}}}};
}

Json paths() {
    Json all = Json::object();
    Json any = Json::array({reference("Error")});
    for (const OperationRule& rule : operation_rules) {
        all[rule.path] =
            post(rule.summary, request_schema(rule.required, rule.optional), answer_schema(rule.operation));
        any.push_back(answer_schema(rule.operation));
    }
    all["/batch"] = post("Many requests of one operation; each has its own answer or error",
                         request_schema({Field::operation, Field::requests}, {}),
                         object_of({{"answers", array_of({{"oneOf", std::move(any)}})}}));
    all["/health"] =
        get("Whether the service can answer",
            content(object_of({{"status", text()}, {"version", text()}, {"active_generation", {{"type", "integer"}}}})),
            {405, 503});
    all["/metrics"] = get("Counters for Prometheus", {{"text/plain", {{"schema", text()}}}}, {405});
    all["/openapi.json"] = get("This description", content({{"type", "object"}}), {405});
    return all;
}

Json document() {
    Json codes = Json::array();
    for (const Problem* problem : kProblems) codes.push_back(problem->code);
    const Json error =
        object_of({{"error", object_of({{"code", {{"type", "string"}, {"enum", codes}}}, {"message", text()}})}});
    return {{"openapi", "3.0.3"},
            {"info",
             {{"title", "caas"},
              {"version", caas_library_version()},
              {"description", "Per-user cryptography: what the SQL functions of the extension caas compute."}}},
            {"paths", paths()},
            {"components",
             {{"schemas", {{"Error", error}}},
              {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace

const std::string& openapi_text() {
    static const std::string made = document().dump(2) + "\n";
    return made;
}

}  // namespace caas::http
