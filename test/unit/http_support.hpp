// A handler of the HTTP service with a keyring and the key "the key", for its tests.
#pragma once
#include "../../src/http/handler.hpp"
#include "support.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>

namespace caas::http {

using Json = nlohmann::ordered_json;

inline constexpr const char* kUuid = "4dbcbcfe-4800-40a8-badf-c26b73af230c";
// Of "the key".
inline constexpr const char* kDigest = "3a0aac44832e55528a834fec737786c999e7b8dea8bd601bb59f195237d58b2e";

// A stored password hash with these fields of cost, and with salt and hash of zeros.
inline std::string stored_hash(const std::string& costs) {
    return "$caas-scrypt$v=1$g=" + costs + "$" + std::string(22, 'A') + "$" + std::string(43, 'A');
}

// Calls a batch until it has its answer, or hashes the password.
inline Answer finished(Work work) {
    if (auto* answer = std::get_if<Answer>(&work)) return std::move(*answer);
    if (auto* password = std::get_if<std::shared_ptr<PasswordWork>>(&work)) {
        (*password)->compute(0);
        return (*password)->answer();
    }
    while (true) {
        if (auto answer = std::get<std::unique_ptr<Batch>>(work)->proceed()) return std::move(*answer);
    }
}

// A keyring with this many generations, the highest of which is active.
inline std::string keyring_of(int generations) {
    std::string text(test::kVersionLine);
    for (int number = generations; number > 0; number--) {
        text += test::generation_line(number, number == generations ? "active" : "retired",
                                      test::secret_of(static_cast<unsigned>(number)));
    }
    return text;
}

class HttpHandler : public testing::Test {
protected:
    HttpHandler() { make_anew(); }

    void make_anew() {
        handler_.emplace(metrics_, limiter_);
        use_keyring(keyring_of(2));
    }
    void use_keyring(const std::string& keyring) {
        const std::string keys = std::string("app:") + kDigest + "\n";
        auto for_passwords = std::make_shared<PasswordEngines>();
        for_passwords->emplace_back(test::engine_with(keyring).release());
        handler_->replace(State{EnginePtr(test::engine_with(keyring).release()),
                                std::make_shared<const ApiKeys>(ApiKeys::parse("/keys", keys)), for_passwords});
    }

    Work begin(const std::string& path, std::string body, const char* authorization = "Bearer the key") {
        return handler_->handle({"POST", route_at(path), "application/json", authorization}, body);
    }
    Answer answer_to(const std::string& path, const Json& request) { return finished(begin(path, request.dump())); }
    Json ask(const std::string& path, const Json& request) { return Json::parse(answer_to(path, request).body); }
    // The answer to a text, as "status" or "status code".
    std::string told(const std::string& path, const std::string& body, const char* authorization) {
        const Answer answer = finished(begin(path, body, authorization));
        const Json json = Json::parse(answer.body);
        return std::to_string(answer.status) +
               (json.contains("error") ? " " + json["error"]["code"].get<std::string>() : "");
    }

    Metrics metrics_;
    RateLimiter limiter_{0};
    std::optional<Handler> handler_;
};

}  // namespace caas::http
