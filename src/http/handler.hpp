// From a request to its answer, without a network.
#pragma once
#include "answer.hpp"
#include "api_keys.hpp"
#include "batch.hpp"
#include "document.hpp"
#include "engine_ptr.hpp"
#include "metrics.hpp"
#include "password_work.hpp"
#include "routes.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace caas::http {

// State is what the answers depend on. A reload replaces it; a part that could not be read is null.
struct State {
    std::shared_ptr<caas_engine> engine;
    std::shared_ptr<const ApiKeys> api_keys;
    std::shared_ptr<const PasswordEngines> password_engines;  // there if engine is; of the same content
};

// Work is the answer to a request, or a batch that has begun and is to be called until it has its answer, or a password
// that is to be hashed by the threads for that.
using Work = std::variant<Answer, std::unique_ptr<Batch>, std::shared_ptr<PasswordWork>>;

class Handler {
public:
    Handler(Metrics& metrics, RateLimiter& limiter) : metrics_(metrics), limiter_(limiter) {}

    void replace(State state) { state_ = std::move(state); }

    // The refusal that a head alone decides, or nullopt when the body is wanted.
    std::optional<Answer> refuse(const Head& head) const;
    // Makes room behind the end of the body; the body of a batch is moved away.
    Work handle(const Head& head, std::string& body);
    // The answer to a request that is refused.
    static Answer refusal(const Rejection& rejection, const Route* route = nullptr);

private:
    std::optional<Rejection> check(const Head& head, const Client*& client) const;
    std::optional<Rejection> find_client(std::string_view key, const Client*& client) const;
    // Reads the body, and finds the client where the head had no key.
    std::optional<Rejection> read(Document& document, Fields& fields, const Client*& client) const;
    std::optional<Rejection> permit(const Client& client, const Route& operation, std::size_t requests);
    std::size_t tries_of(const Route& operation) const;

    Reply get(const Route& route) const;
    Reply health(const Route& route) const;
    Reply post(const Route& route, std::string& body, const Client*& client);
    Work begin_password(const Route& route, std::string& body, const Client*& client);
    std::optional<Rejection> order_password(PasswordWork::Order& order, std::string& body, const Client*& client);
    Work begin_batch(const Route& route, std::string& body, const Client*& client);
    std::optional<Rejection> order_batch(Batch::Order& order, const Client*& client);

    Metrics& metrics_;
    RateLimiter& limiter_;
    State state_;
    Parser parser_;
};

// An error as the JSON text of an answer, or of one answer of a batch.
std::string error_text(const Rejection& rejection);

}  // namespace caas::http
