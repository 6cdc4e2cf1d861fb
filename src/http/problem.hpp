// What can be wrong with a request: the status, code and message of docs/http.md. None holds anything of the request.
#pragma once
#include "../caas.h"

namespace caas::http {

struct Problem {
    unsigned status;
    const char* code;
    const char* message;
};

namespace problem {

inline constexpr Problem kBadRequest{
    400, "bad_request", "this is not a request of HTTP/1.1 with one Host and a body that is clearly delimited"};
inline constexpr Problem kInvalidJson{400, "invalid_json", "the body is not JSON"};
inline constexpr Problem kInvalidUtf8{400, "invalid_utf8", "the body is not UTF-8"};
inline constexpr Problem kNotAnObject{400, "not_an_object", "a request is a JSON object"};
inline constexpr Problem kMissingField{400, "missing_field", "the field is missing"};
inline constexpr Problem kUnknownField{400, "unknown_field", "this path has no such field"};
inline constexpr Problem kDuplicateField{400, "duplicate_field", "the field is there twice"};
inline constexpr Problem kWrongType{400, "wrong_type", "the field has another type"};
inline constexpr Problem kInvalidUuid{400, "invalid_uuid",
                                      "it is not of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"};
inline constexpr Problem kInvalidText{400, "invalid_text",
                                      "text may not hold U+0000; \"encoding\": \"base64\" takes any bytes"};
inline constexpr Problem kInvalidBase64{400, "invalid_base64", "it is not standard base64 with padding"};
inline constexpr Problem kInvalidEncoding{400, "invalid_encoding", "it is \"text\" or \"base64\""};
inline constexpr Problem kInvalidContext{400, "invalid_context", "a context has at most 1024 bytes"};
inline constexpr Problem kInvalidLength{400, "invalid_length", "a blind index has 4 to 32 bytes"};
inline constexpr Problem kInvalidOperation{400, "invalid_operation",
                                           "it is encrypt, verify, seal, open or blind-index"};
inline constexpr Problem kUnknownGeneration{400, "unknown_generation", "the keyring has no such generation"};
inline constexpr Problem kMalformedValue{400, "malformed_value", "this is not a sealed value"};
inline constexpr Problem kCannotOpen{400, "cannot_open", "the value cannot be opened for this user and context"};
inline constexpr Problem kNotText{400, "not_text",
                                  "the value opens, but is not text; ask for \"encoding\": \"base64\""};
inline constexpr Problem kInvalidApiKey{
    401, "invalid_api_key", "no accepted API key; send the header Authorization: Bearer KEY, or the field apiKey"};
inline constexpr Problem kNotPermitted{403, "not_permitted",
                                       "this API key may not do this; the file of API keys says what it may"};
inline constexpr Problem kNotFound{404, "not_found", "there is no such path; /openapi.json describes all of them"};
inline constexpr Problem kMethodNotAllowed{405, "method_not_allowed",
                                           "the header Allow says which methods this path has"};
inline constexpr Problem kRequestTimeout{408, "request_timeout", "the request took too long to arrive"};
inline constexpr Problem kBodyTooLarge{413, "body_too_large", "the body is over the limit of this service, --max-body"};
inline constexpr Problem kBatchTooLarge{413, "batch_too_large", "a batch has at most 10000 values"};
inline constexpr Problem kUnsupportedMediaType{415, "unsupported_media_type",
                                               "send Content-Type: application/json, without a Content-Encoding"};
inline constexpr Problem kRateLimited{
    429, "rate_limited", "too many requests under this API key; the header Retry-After says how many seconds to wait"};
inline constexpr Problem kHeadersTooLarge{431, "headers_too_large", "the headers are over 8 KiB"};
inline constexpr Problem kInternal{500, "internal", "the service failed"};
inline constexpr Problem kNoKeyring{503, "no_keyring", "the keyring cannot be used; the log of the service says why"};
inline constexpr Problem kNoApiKeys{503, "no_api_keys", "the API keys cannot be used; the log of the service says why"};

}  // namespace problem

inline constexpr const Problem* kProblems[] = {
    &problem::kBadRequest,        &problem::kInvalidJson,      &problem::kInvalidUtf8,
    &problem::kNotAnObject,       &problem::kMissingField,     &problem::kUnknownField,
    &problem::kDuplicateField,    &problem::kWrongType,        &problem::kInvalidUuid,
    &problem::kInvalidText,       &problem::kInvalidBase64,    &problem::kInvalidEncoding,
    &problem::kInvalidContext,    &problem::kInvalidLength,    &problem::kInvalidOperation,
    &problem::kUnknownGeneration, &problem::kMalformedValue,   &problem::kCannotOpen,
    &problem::kNotText,           &problem::kInvalidApiKey,    &problem::kNotPermitted,
    &problem::kNotFound,          &problem::kMethodNotAllowed, &problem::kRequestTimeout,
    &problem::kBodyTooLarge,      &problem::kBatchTooLarge,    &problem::kUnsupportedMediaType,
    &problem::kRateLimited,       &problem::kHeadersTooLarge,  &problem::kInternal,
    &problem::kNoKeyring,         &problem::kNoApiKeys};

// Failure is a problem, and the field that it is about, if any.
struct Failure {
    const Problem* problem;
    const char* field = nullptr;  // a name of ours, static
    unsigned retry_after = 0;     // seconds, of kRateLimited
};

// The one table from the core's statuses to problems; nullptr for CAAS_OK.
const Problem* problem_of(caas_status status);

}  // namespace caas::http
