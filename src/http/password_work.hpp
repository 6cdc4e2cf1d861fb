// A password that is being hashed. A hash takes a fraction of a second of processor time and tens of MiB, so threads of
// its own compute it (password_threads.hpp) while the thread of the connection serves other clients.
#pragma once
#include "answer.hpp"
#include "engine_ptr.hpp"
#include "metrics.hpp"
#include "routes.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace caas::http {

// PasswordWork keeps the engines that it began with, so that a reload does not change it.
class PasswordWork {
public:
    struct Order {
        const Route* route;
        PasswordInput input;
        std::shared_ptr<const PasswordEngines> engines;
        std::string client;
    };

    PasswordWork(Order order, Metrics& metrics) : order_(std::move(order)), metrics_(metrics) {}

    // Computes the hash in the hashing thread of this number, once. Nothing else may use the password from then on.
    void compute(std::size_t thread);
    // True once compute() has ended.
    bool computed() const { return computed_.load(std::memory_order_acquire); }

    // The answer after compute().
    Answer answer();
    // The answer when the hash is not computed, because too many others are.
    Answer refusal() const;

private:
    Order order_;
    Metrics& metrics_;
    Reply reply_ = Rejection{ProblemId::internal};
    std::atomic<bool> computed_{false};
};

}  // namespace caas::http
