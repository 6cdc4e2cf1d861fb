// A batch that is being worked on. The connection calls it again and again, and serves other clients in between.
#pragma once
#include "answer.hpp"
#include "document.hpp"
#include "metrics.hpp"

#include <memory>
#include <optional>
#include <string>

namespace caas::http {

// BatchText is the body of a batch with its parser: other requests use the thread's parser meanwhile.
class BatchText {
public:
    explicit BatchText(std::string body) : body_(std::move(body)) {}
    Document& document() { return document_; }
    std::size_t size() const { return body_.size(); }

private:
    std::string body_;
    Parser parser_;
    Document document_{parser_, body_};
};

// Batch keeps the engine that it began with, so that a reload does not change it.
class Batch {
public:
    struct Order {
        std::unique_ptr<BatchText> text;  // it has been read
        const Route* route;
        const Route* operation;
        std::shared_ptr<caas_engine> engine;
        std::string client;
        std::size_t requests;
        std::size_t tries;  // how many generations each request is computed under
    };

    Batch(Order order, Metrics& metrics);

    // Works for about a millisecond. The value is the answer, or nullopt while there is more to do.
    std::optional<Answer> proceed();

private:
    bool work_until_deadline();
    // Whether it could be computed.
    bool answer_next_request();

    Order order_;
    Metrics& metrics_;
    std::size_t answered_ = 0;
    std::string answers_ = R"({"answers":[)";
};

}  // namespace caas::http
