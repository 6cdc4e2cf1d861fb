#include "openapi.hpp"

#include "operation.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <string_view>

namespace caas::http {

namespace {

using Json = nlohmann::ordered_json;

Json reference(const char* name) { return {{"$ref", std::string("#/components/schemas/") + name}}; }

Json content(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

Json text() { return {{"type", "string"}}; }

Json hex() { return {{"type", "string"}, {"pattern", "^([0-9a-f]{2})+$"}}; }

Json base64() { return {{"type", "string"}, {"format", "byte"}}; }

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
            Json& property = schema["properties"][rule_of(field).name];
            property["nullable"] = true;
            if (property.contains("enum")) property["enum"].push_back(nullptr);
        }
    }
    return schema;
}

Json answer_schema(Operation operation) {
    switch (operation) {
        case Operation::encrypt:
            return object_of({{"encrypted_data", hex()}});
        case Operation::verify:
            return object_of(
                {{"valid", {{"type", "boolean"}}}, {"generation", {{"type", "integer"}, {"nullable", true}}}});
        case Operation::seal:
            return object_of({{"sealed_data", base64()}});
        case Operation::open:
            return object_of({{"sensitive_data", text()}});
        case Operation::blind_index:
            return object_of({{"blind_index", base64()}, {"candidates", array_of(base64())}});
    }
    return {};
}

// "BlindIndex" of "blind-index"
std::string type_name(std::string_view operation) {
    std::string name;
    bool capital = true;
    for (const char c : operation) {
        if (c != '-') name += capital ? static_cast<char>(c - 'a' + 'A') : c;
        capital = c == '-';
    }
    return name;
}

Json reference_to(const OperationRule& rule, const char* what) {
    return reference((type_name(rule.name) + what).c_str());
}

// The statuses of problems and their codes.
std::map<unsigned, std::string> failures() {
    std::map<unsigned, std::string> codes;
    for (const Problem* problem : kProblems) {
        std::string& text = codes[problem->status];
        text += std::string(text.empty() ? "" : ", ") + problem->code;
    }
    return codes;
}

Json header(const char* description) { return {{"description", description}, {"schema", text()}}; }

Json failure_response(unsigned status, const std::string& codes) {
    Json response = {{"description", codes}, {"content", content(reference("Error"))}};
    if (status == problem::kMethodNotAllowed.status)
        response["headers"] = {{"Allow", header("The methods of this path")}};
    if (status == problem::kRateLimited.status) response["headers"] = {{"Retry-After", header("Seconds to wait")}};
    if (status == problem::kInvalidApiKey.status) response["headers"] = {{"WWW-Authenticate", header("Bearer")}};
    return response;
}

// Answers of a path; of the failures those that it can have.
Json responses(Json success, bool with_key, bool can_be_unready) {
    Json all = {{"200", {{"description", "The answer"}, {"content", std::move(success)}}}};
    for (const auto& [status, codes] : failures()) {
        const bool of_connection = status == problem::kBadRequest.status || status == problem::kRequestTimeout.status ||
                                   status == problem::kBodyTooLarge.status ||
                                   status == problem::kHeadersTooLarge.status || status == problem::kInternal.status;
        const bool unready = status == problem::kNoKeyring.status;
        // 404 is for other paths, 405 for other methods.
        if (status == problem::kNotFound.status || status == problem::kMethodNotAllowed.status) continue;
        if (!with_key && !of_connection && !(unready && can_be_unready)) continue;
        all[std::to_string(status)] = failure_response(status, codes);
    }
    return all;
}

Json post(const std::string& id, const char* summary, Json request, Json answer) {
    return {{"post",
             {{"operationId", id},
              {"summary", summary},
              {"description", "The key comes in the header Authorization, or in the field apiKey."},
              {"security", Json::array({{{"bearer", Json::array()}}, Json::object()})},
              {"requestBody", {{"required", true}, {"content", content(std::move(request))}}},
              {"responses", responses(content(std::move(answer)), true, true)}}}};
}

Json get(const char* id, const char* summary, Json success, bool can_be_unready) {
    return {{"get",
             {{"operationId", id},
              {"summary", summary},
              {"security", Json::array()},
              {"responses", responses(std::move(success), false, can_be_unready)}}}};
}

Json paths() {
    Json all = Json::object();
    for (const OperationRule& rule : operation_rules) {
        all[rule.path] = post(rule.name, rule.summary, reference_to(rule, "Request"), reference_to(rule, "Answer"));
    }
    all["/batch"] = post("batch", "Many requests of one operation; each has its own answer or error",
                         reference("BatchRequest"), reference("BatchAnswer"));
    Json health = object_of({{"status", {{"type", "string"}, {"enum", {"ok"}}}},
                             {"version", text()},
                             {"active_generation", {{"type", "integer"}}}});
    all["/health"] = get("health", "Whether the service can answer", content(std::move(health)), true);
    all["/metrics"] = get("metrics", "Counters for Prometheus", {{"text/plain", {{"schema", text()}}}}, false);
    all["/openapi.json"] = get("openapi", "This description", content({{"type", "object"}}), false);
    return all;
}

Json schemas() {
    Json codes = Json::array();
    for (const Problem* problem : kProblems) codes.push_back(problem->code);
    Json all = {
        {"Error",
         object_of({{"error", object_of({{"code", {{"type", "string"}, {"enum", codes}}}, {"message", text()}})}})}};
    Json items = Json::array();
    Json answers = Json::array({reference("Error")});
    for (const OperationRule& rule : operation_rules) {
        FieldSet optional = rule.optional;
        all[type_name(rule.name) + "Item"] = request_schema(rule.required, optional);
        optional.add(Field::api_key);
        all[type_name(rule.name) + "Request"] = request_schema(rule.required, optional);
        all[type_name(rule.name) + "Answer"] = answer_schema(rule.operation);
        items.push_back(reference_to(rule, "Item"));
        answers.push_back(reference_to(rule, "Answer"));
    }
    all["BatchRequest"] = request_schema({Field::operation, Field::requests}, {Field::api_key});
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
    static const std::string made = document().dump(2) + "\n";
    return made;
}

}  // namespace caas::http
