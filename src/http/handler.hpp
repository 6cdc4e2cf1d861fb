// From a request to its answer, without a network.
#pragma once
#include "answer.hpp"
#include "metrics.hpp"
#include "operation.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace caas::http {

struct EngineFree {
    void operator()(caas_engine* engine) const { caas_engine_free(engine); }
};
using EnginePtr = std::unique_ptr<caas_engine, EngineFree>;

// What the answers depend on. A reload replaces it; a part that could not be read is null.
struct State {
    EnginePtr engine;
    std::shared_ptr<const ApiKeys> api_keys;
};

class Handler {
public:
    Handler(Metrics& metrics, RateLimiter& limiter) : metrics_(metrics), limiter_(limiter) {}

    void replace(State state) { state_ = std::move(state); }

    // What can be refused before there is a body; nullopt where the body is wanted.
    std::optional<Answer> refuse(const Head& head) const;
    // The body gets room behind its end.
    Answer handle(const Head& head, std::string& body);
    // An answer to what is not a whole request.
    static Answer failed(const Failure& failure, const char* route = nullptr);
    // The path of ours that a target leads to, or nullptr.
    static const char* route_of(std::string_view target);

private:
    Answer get(std::string_view path) const;
    Answer health() const;
    Answer post(const char* path, const Head& head, std::string& body);
    // The client, or why the request is not served. Its name goes into the answer.
    std::optional<Failure> admit(const Head& head, const Fields& fields, const Client*& client);
    std::optional<Failure> permit(const Client& client, const OperationRule& rule, std::size_t requests);
    std::size_t values_each(const OperationRule& rule) const;
    Outcome batch(const Client& client, const Fields& fields);

    Metrics& metrics_;
    RateLimiter& limiter_;
    State state_;
    Parser parser_;
};

// An error as it is answered, JSON text, also in the place of one answer of a batch.
std::string error_text(const Failure& failure);

}  // namespace caas::http
