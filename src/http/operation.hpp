// The operations: their fields, their answers, and how they are computed by the core.
#pragma once
#include "api_keys.hpp"
#include "fields.hpp"

#include <string>
#include <variant>

namespace caas::http {

// The object to answer with, as JSON text, or why there is none.
using Outcome = std::variant<std::string, Failure>;

struct OperationRule {
    Operation operation;
    const char* name;  // in /batch and in the file of API keys; its path is the same behind a slash
    const char* path;
    const char* summary;
    FieldSet required;  // besides apiKey
    FieldSet optional;
    Outcome (*run)(caas_engine* engine, const Fields& fields);
};

// By number of Operation.
extern const std::array<OperationRule, kOperationCount> operation_rules;

// nullptr when there is none of this name.
const OperationRule* operation_named(std::string_view name);

// Checks the fields (apiKey besides those of the rule where it may stand) and computes.
Outcome perform(const OperationRule& rule, caas_engine* engine, const Fields& fields, bool with_key);

}  // namespace caas::http
