// From a request to its answer, without a network.
#pragma once
#include "answer.hpp"
#include "api_keys.hpp"
#include "metrics.hpp"
#include "routes.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace caas::http {

struct EngineFree {
    void operator()(caas_engine* engine) const { caas_engine_free(engine); }
};
using EnginePtr = std::unique_ptr<caas_engine, EngineFree>;

// State is what the answers depend on. A reload replaces it; a part that could not be read is null.
struct State {
    std::shared_ptr<caas_engine> engine;
    std::shared_ptr<const ApiKeys> api_keys;
};

class Handler {
public:
    Handler(Metrics& metrics, RateLimiter& limiter) : metrics_(metrics), limiter_(limiter) {}

    void replace(State state) { state_ = std::move(state); }

    // The refusal that a head alone decides, or nullopt when the body is wanted.
    std::optional<Answer> refuse(const Head& head) const;
    // Makes room behind the end of the body.
    Answer handle(const Head& head, std::string& body);
    // The answer to a request that is refused.
    static Answer refusal(const Rejection& rejection, const Route* route = nullptr);

private:
    Answer get(const Route& route) const;
    Reply health(const Route& route) const;
    Answer post(const Head& head, std::string& body);
    // Finds the client. Its name goes into the answer.
    std::optional<Rejection> admit(const Head& head, const Fields& fields, const Client*& client);
    std::optional<Rejection> permit(const Client& client, const Route& operation, std::size_t requests);
    std::size_t values_each(const Route& operation) const;
    Reply batch(const Client& client, const Fields& fields);

    Metrics& metrics_;
    RateLimiter& limiter_;
    State state_;
    Parser parser_;
};

// An error as the JSON text of an answer, or of one answer of a batch.
std::string error_text(const Rejection& rejection);

}  // namespace caas::http
