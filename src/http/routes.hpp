// The table of routes. The handler, the metrics, the rights in the API key file and /openapi.json all read it.
#pragma once
#include "fields.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace caas::http {

// Reply is the JSON text of an answer, or the reason why there is none.
using Reply = std::variant<std::string, Rejection>;

enum class RouteKind : std::uint8_t { operation, batch, health, metrics, description };

// The form of a field of an answer. A base64_list is given as its elements, joined by `","`; an empty text
// is an empty list, and as base64_or_null it is null.
enum class AnswerType : std::uint8_t {
    hex,
    base64,
    base64_or_null,
    base64_list,
    boolean,
    integer,
    integer_or_null,
    text
};

struct AnswerField {
    const char* name;
    AnswerType type;
};

// AnswerShape lists the fields of an answer in their order.
class AnswerShape {
public:
    static constexpr std::size_t kMaxFields = 3;

    constexpr AnswerShape() = default;
    constexpr AnswerShape(std::initializer_list<AnswerField> fields) {
        for (const AnswerField& field : fields) fields_.at(count_++) = field;
    }
    constexpr std::span<const AnswerField> fields() const { return {fields_.data(), count_}; }
    // The JSON object with these values, one for each field.
    std::string object(std::initializer_list<std::string_view> values) const;

private:
    std::array<AnswerField, kMaxFields> fields_{};
    std::size_t count_ = 0;
};

// Call is what an operation works on. Its fields have been checked against the route.
struct Call {
    caas_engine* engine;
    const Fields& fields;
    const AnswerShape& answer;
};

// PasswordInput is what an operation on a password works on. It refers to nothing of the request, which ends before.
struct PasswordInput {
    std::array<std::uint8_t, CAAS_UUID_BYTES> uuid{};
    std::string password;
    std::string stored;  // the hash to compare with
};

struct PasswordCall {
    caas_engine* engine;
    const PasswordInput& input;
    const AnswerShape& answer;
};

// Under how many generations an operation computes.
enum class Tries : std::uint8_t { one, every_generation };

struct Route {
    const char* path;
    RouteKind kind;
    const char* name;  // operationId in /openapi.json; of an operation also its name in /batch and in the API key file
    const char* summary;
    bool of_user = false;    // a POST names a user: by userUUID, or by userId and namespace
    FieldSet required = {};  // fields of a POST besides these and apiKey
    FieldSet optional = {};
    AnswerShape answer = {};
    ProblemSet problems = {};  // those that come neither with the kind of the route nor with one of its fields
    Reply (*run)(const Call&) = nullptr;           // of an operation that takes microseconds, and may be in a batch
    Reply (*hash)(const PasswordCall&) = nullptr;  // of one that hashes a password: hashing threads run it
    Tries tries = Tries::one;

    constexpr bool is_post() const { return kind == RouteKind::operation || kind == RouteKind::batch; }
    // The optional fields, among them those of which one way to name a user needs some.
    constexpr FieldSet all_optional() const {
        FieldSet all = optional;
        if (of_user) all.add({Field::user_uuid, Field::user_id, Field::user_namespace});
        return all;
    }
    constexpr const char* allow() const { return is_post() ? "POST" : "GET, HEAD"; }
};

extern const std::span<const Route> routes;

// A route's place in the table.
std::size_t index_of(const Route& route);

// The route that a target leads to: a path, or a URL with a host (RFC 9112, section 3.2). nullptr when there is none.
const Route* route_at(std::string_view target);

// The route of an operation, or nullptr.
const Route* operation_named(std::string_view name);

// Returns a problem unless a request has the fields of its route. may_have_key allows apiKey besides these.
std::optional<Rejection> check_fields(const Route& route, const Fields& fields, bool may_have_key);

// Checks the fields and runs the operation.
Reply perform(const Route& route, caas_engine* engine, const Fields& fields, bool may_have_key);

}  // namespace caas::http
