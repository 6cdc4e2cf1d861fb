// What can be wrong with a request: the status, code and message of each error in docs/http.md. A message never holds
// anything of the request.
#pragma once
#include "../caas.h"
#include "enum_set.hpp"

#include <array>
#include <cstddef>

namespace caas::http {

enum class ProblemId : std::uint8_t {
    bad_request,
    invalid_json,
    invalid_utf8,
    not_an_object,
    missing_field,
    unknown_field,
    duplicate_field,
    wrong_type,
    invalid_uuid,
    invalid_user_id,
    invalid_namespace,
    ambiguous_user,
    invalid_text,
    invalid_base64,
    invalid_encoding,
    invalid_context,
    invalid_length,
    invalid_normalize,
    invalid_operation,
    unknown_generation,
    malformed_value,
    cannot_open,
    not_text,
    invalid_api_key,
    not_permitted,
    not_found,
    method_not_allowed,
    request_timeout,
    body_too_large,
    batch_too_large,
    too_much_work,
    unsupported_media_type,
    rate_limited,
    headers_too_large,
    internal,
    busy,
    passwords_busy,
    no_keyring,
    no_api_keys
};

using ProblemSet = EnumSet<ProblemId>;

struct Problem {
    ProblemId id;
    unsigned status;
    const char* code;
    const char* message;
};

// Each stands at the place of its number.
inline constexpr auto problems = std::to_array<Problem>({
    {ProblemId::bad_request, 400, "bad_request",
     "this is not a request of HTTP/1.1 with one Host and a body that is clearly delimited"},
    {ProblemId::invalid_json, 400, "invalid_json", "the body is not JSON"},
    {ProblemId::invalid_utf8, 400, "invalid_utf8", "the body is not UTF-8"},
    {ProblemId::not_an_object, 400, "not_an_object", "a request is a JSON object"},
    {ProblemId::missing_field, 400, "missing_field", "the field is missing"},
    {ProblemId::unknown_field, 400, "unknown_field", "this path has no such field"},
    {ProblemId::duplicate_field, 400, "duplicate_field", "the field is there twice"},
    {ProblemId::wrong_type, 400, "wrong_type", "the field has another type, or is no integer of 64 bits"},
    {ProblemId::invalid_uuid, 400, "invalid_uuid", "it is not of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"},
    {ProblemId::invalid_user_id, 400, "invalid_user_id",
     "a userId is an integer, or text of 1 to 1024 bytes without U+0000"},
    {ProblemId::invalid_namespace, 400, "invalid_namespace", "a namespace is text of 1 to 1024 bytes without U+0000"},
    {ProblemId::ambiguous_user, 400, "ambiguous_user", "a user is userUUID, or userId with its namespace, not both"},
    {ProblemId::invalid_text, 400, "invalid_text",
     "text holds neither U+0000 nor half of a surrogate pair; other bytes need \"encoding\": \"base64\""},
    {ProblemId::invalid_base64, 400, "invalid_base64", "it is not standard base64 with padding"},
    {ProblemId::invalid_encoding, 400, "invalid_encoding", "it is \"text\" or \"base64\""},
    {ProblemId::invalid_context, 400, "invalid_context", "a context is text of at most 1024 bytes without U+0000"},
    {ProblemId::invalid_length, 400, "invalid_length", "a blind index has 4 to 32 bytes"},
    {ProblemId::invalid_normalize, 400, "invalid_normalize", "it is \"none\", \"casefold\" or \"digits\""},
    {ProblemId::invalid_operation, 400, "invalid_operation",
     "it is encrypt, verify, seal, open, reseal or blind-index"},
    {ProblemId::unknown_generation, 400, "unknown_generation", "the keyring has no such generation"},
    {ProblemId::malformed_value, 400, "malformed_value", "this is not a sealed value"},
    {ProblemId::cannot_open, 400, "cannot_open", "the value cannot be opened for this user and context"},
    {ProblemId::not_text, 400, "not_text", "the value opens, but is not text; ask for \"encoding\": \"base64\""},
    {ProblemId::invalid_api_key, 401, "invalid_api_key",
     "no accepted API key; send the header Authorization: Bearer KEY, or the field apiKey"},
    {ProblemId::not_permitted, 403, "not_permitted",
     "this API key may not do this; the file of API keys says what it may"},
    {ProblemId::not_found, 404, "not_found", "there is no such path; /openapi.json describes all of them"},
    {ProblemId::method_not_allowed, 405, "method_not_allowed", "the header Allow says which methods this path has"},
    {ProblemId::request_timeout, 408, "request_timeout", "the request took too long to arrive"},
    {ProblemId::body_too_large, 413, "body_too_large", "the body is over the limit of this service, --max-body"},
    {ProblemId::batch_too_large, 413, "batch_too_large",
     "a batch has at most 10000 values and 100000 units of work: its values and its KiB, times the generations tried"},
    {ProblemId::too_much_work, 413, "too_much_work",
     "a request has at most 100000 units of work: 1 and its KiB, times the generations tried; a text to normalize has "
     "at most 256 KiB"},
    {ProblemId::unsupported_media_type, 415, "unsupported_media_type",
     "send Content-Type: application/json, without a Content-Encoding"},
    {ProblemId::rate_limited, 429, "rate_limited",
     "too many requests under this API key; the header Retry-After says how many seconds to wait"},
    {ProblemId::headers_too_large, 431, "headers_too_large", "the headers are over 8 KiB"},
    {ProblemId::internal, 500, "internal", "the service failed"},
    {ProblemId::busy, 503, "busy",
     "requests in flight use all memory that the service may have; the header Retry-After says when to try again"},
    {ProblemId::passwords_busy, 503, "passwords_busy",
     "as many password hashes as may be are running and waiting; the header Retry-After says when to try again"},
    {ProblemId::no_keyring, 503, "no_keyring", "the keyring cannot be used; the log of the service says why"},
    {ProblemId::no_api_keys, 503, "no_api_keys", "the API keys cannot be used; the log of the service says why"},
});

constexpr bool problems_are_in_order() {
    for (std::size_t i = 0; i < problems.size(); i++) {
        if (problems[i].id != static_cast<ProblemId>(i)) return false;
    }
    return true;
}
static_assert(problems_are_in_order());

constexpr const Problem& problem(ProblemId id) { return problems[static_cast<std::size_t>(id)]; }

// Rejection is a problem with a request, and the field that it is about, if any.
struct Rejection {
    ProblemId problem;
    const char* field = nullptr;  // a static name
    unsigned retry_after = 0;     // seconds, of rate_limited, busy and passwords_busy
};

// The problem that a status of the core other than CAAS_OK stands for.
ProblemId problem_for_status(caas_status status);

}  // namespace caas::http
