// From a request to its answer: the tables of routes and problems, batches, and failing allocations.
#include "../../src/http/handler.hpp"
#include "../../src/http/openapi.hpp"
#include "faults.hpp"
#include "support.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <sstream>

namespace caas::http {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kUuid = "4dbcbcfe-4800-40a8-badf-c26b73af230c";
constexpr const char* kDigest = "3a0aac44832e55528a834fec737786c999e7b8dea8bd601bb59f195237d58b2e";  // of "the key"

using Found = std::set<std::pair<unsigned, std::string>>;

// Adds the codes of a table's line "| 400 | `code`, `code`: why |": words between backquotes in small letters.
void add_codes(const std::string& line, Found& found) {
    if (!line.starts_with("| 4") && !line.starts_with("| 5")) return;
    const unsigned status = static_cast<unsigned>(std::stoul(line.substr(2)));
    std::istringstream pieces(line);
    std::string piece;
    for (bool quoted = false; std::getline(pieces, piece, '`'); quoted = !quoted) {
        const bool is_code = piece.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
        if (quoted && is_code) found.emplace(status, piece);
    }
}

// Calls a batch until it has its answer.
Answer finished(Work work) {
    if (auto* answer = std::get_if<Answer>(&work)) return std::move(*answer);
    while (true) {
        if (auto answer = std::get<std::unique_ptr<Batch>>(work)->proceed()) return std::move(*answer);
    }
}

// A keyring with this many generations, the highest of which is active.
std::string keyring_of(int generations) {
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
        handler_->replace(State{EnginePtr(test::engine_with(keyring).release()),
                                std::make_shared<const ApiKeys>(ApiKeys::parse("/keys", keys))});
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

// ---- problems ----

TEST(HttpProblems, TheDocumentListsThemAll) {
    std::istringstream document(test::read_whole_file("docs/http.md"));
    Found documented, known;
    for (std::string line; std::getline(document, line);) add_codes(line, documented);
    for (const Problem& one : problems) known.emplace(one.status, one.code);
    EXPECT_GT(known.size(), 30U);
    EXPECT_EQ(documented, known);
}

TEST(HttpProblems, CodesAndMessagesAreDistinct) {
    std::set<std::string> codes, messages;
    for (const Problem& one : problems) {
        codes.insert(one.code);
        messages.insert(one.message);
    }
    EXPECT_EQ(codes.size(), problems.size());
    EXPECT_EQ(messages.size(), problems.size());
}

// The core's status is 400 where it is about the request, otherwise the service's own failure.
TEST(HttpProblems, EveryStatusOfTheCoreHasOne) {
    for (int status = CAAS_OK + 1; status <= CAAS_ERR_PASSWORD_COST; status++) {
        const bool of_request = status == CAAS_ERR_UNKNOWN_GENERATION || status == CAAS_ERR_TEXT ||
                                status == CAAS_ERR_CONTEXT || status == CAAS_ERR_MALFORMED ||
                                status == CAAS_ERR_CANNOT_OPEN;
        EXPECT_EQ(problem(problem_for_status(static_cast<caas_status>(status))).status, of_request ? 400U
                                                                                        : status == CAAS_ERR_NO_KEYRING
                                                                                            ? 503U
                                                                                            : 500U)
            << status;
    }
}

// ---- routes ----

TEST(HttpRoutes, ATargetLeadsToItsWholePath) {
    EXPECT_EQ(routes.size(), 9U);
    for (const Route& route : routes) {
        const std::string path = route.path;
        EXPECT_EQ(route_at(path), &route);
        EXPECT_EQ(route_at(path + "?x=/seal"), &route);
        EXPECT_EQ(route_at("Http://caas.test:1" + path + "?x"), &route);
        for (const std::string& other :
             {path + "/", path.substr(1), "/" + path, path + "%20", path + std::string(1, '\0')}) {
            EXPECT_EQ(route_at(other), nullptr) << other;
        }
    }
    for (const char* none : {"", "/", "*", "/Encrypt", "http://", "http:///encrypt", "http://#/encrypt",
                             "http://caas.test", "caas.test/encrypt"}) {
        EXPECT_EQ(route_at(none), nullptr) << none;
    }
}

TEST(HttpRoutes, AnOperationIsFoundByItsName) {
    for (const Route& route : routes) {
        const bool is_operation = route.kind == RouteKind::operation;
        EXPECT_EQ(operation_named(route.name), is_operation ? &route : nullptr) << route.name;
        EXPECT_EQ(route.run != nullptr, is_operation) << route.name;
        EXPECT_EQ(route.answer.fields().empty(), !is_operation && route.kind != RouteKind::health) << route.name;
    }
    EXPECT_EQ(operation_named(""), nullptr);
}

TEST(HttpRoutes, TheDescriptionHasEachRouteAndProblem) {
    const Json api = Json::parse(openapi_text());
    std::set<std::string> codes, described, paths, described_paths;
    for (const Problem& one : problems) codes.insert(one.code);
    for (const Json& code : api["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"])
        described.insert(code);
    EXPECT_EQ(described, codes);
    for (const Route& route : routes) paths.insert(route.path);
    for (const auto& path : api["paths"].items()) described_paths.insert(path.key());
    EXPECT_EQ(described_paths, paths);
    EXPECT_EQ(&openapi_text(), &openapi_text());
}

// ---- keys ----

// A key in the head is checked before the body is read. Without one, the body is read no further than its own key.
TEST_F(HttpHandler, TheKeyIsCheckedBeforeTheBody) {
    for (const char* body : {"", "{", "\xFF", "[1,", "{\"sensitiveData\":01}", "{\"apiKey\":\"the key\"}"}) {
        EXPECT_EQ(told("/encrypt", body, "Bearer another key"), "401 invalid_api_key") << body;
        EXPECT_EQ(told("/batch", body, "bearer"), "401 invalid_api_key") << body;
        EXPECT_EQ(told("/encrypt", body, "Bearer the key").substr(0, 3), "400") << body;
    }
    EXPECT_EQ(told("/encrypt", R"({"apiKey":"wrong","generation":01})", ""), "401 invalid_api_key");
    EXPECT_EQ(told("/encrypt", R"({"generation":01,"apiKey":"wrong"})", ""), "401 invalid_api_key");
    EXPECT_EQ(told("/encrypt", R"({"generation":01,"apiKey":"the key"})", ""), "400 invalid_json");
    EXPECT_EQ(told("/encrypt", R"({"generation":01})", ""), "401 invalid_api_key");
    EXPECT_EQ(told("/encrypt", "[01]", ""), "400 not_an_object");
    EXPECT_EQ(told("/encrypt", R"({"apiKey":"wrong"})", "Bearer the key"), "401 invalid_api_key");
    EXPECT_EQ(told("/encrypt", R"({"apiKey":"the key"})", "Bearer the key"), "400 missing_field");
}

// ---- batches ----

// Valid JSON of another type is an error in its place, as it is alone.
TEST_F(HttpHandler, ABatchHasErrorsInTheirPlaces) {
    const std::string good = std::string(R"({"userUUID":")") + kUuid + R"(","sensitiveData":"x"})";
    const auto with = [&](const char* field) { return good.substr(0, good.size() - 1) + "," + field + "}"; };
    const std::pair<std::string, const char*> requests[] = {
        {good, ""},
        {R"({"userUUID":"x","sensitiveData":"\ud83d"})", "invalid_text"},
        {with("\"generation\":9223372036854775808"), "wrong_type"},
        {with("\"generation\":1e999"), "wrong_type"},
        {with("\"generation\":2.0"), "wrong_type"},
        {with("\"generation\":2"), ""},
        {"18446744073709551616", "not_an_object"},
        {"\"\\udfff\"", "not_an_object"},
        {good, ""}};
    std::string batch;
    for (const auto& [text, code] : requests) {
        EXPECT_EQ(told(text.front() == '{' ? "/encrypt" : "/seal", text, "Bearer the key"),
                  *code == 0 ? "200" : "400 " + std::string(code))
            << text;
        batch += (batch.empty() ? "" : ",") + text;
    }
    const Answer answer = finished(begin("/batch", "{\"requests\":[" + batch + "],\"operation\":\"encrypt\"}"));
    const Json answers = Json::parse(answer.body)["answers"];
    ASSERT_EQ(answers.size(), std::size(requests));
    for (std::size_t i = 0; i < answers.size(); i++) {
        EXPECT_EQ(answers[i].contains("error") ? answers[i]["error"]["code"] : "", requests[i].second) << i;
    }
    for (const char* broken : {"{\"generation\":01}", "tru", "{\"a\":1,}", "\"\\x\""}) {
        const std::string text = "{\"operation\":\"encrypt\",\"requests\":[" + batch + "," + broken + "]}";
        EXPECT_EQ(told("/batch", text, "Bearer the key"), "400 invalid_json") << broken;
    }
}

// A batch that takes long is worked on in slices, under the keyring that it began with.
TEST_F(HttpHandler, ALongBatchIsWorkedOnInSlices) {
    use_keyring(keyring_of(100));
    const Json request = {{"userUUID", kUuid}, {"sensitiveData", "x"}, {"encryptedData", std::string(64, 'a')}};
    Json own = request;
    own["encryptedData"] = ask("/encrypt", {{"userUUID", kUuid}, {"sensitiveData", "x"}})["encrypted_data"];
    Json requests(700, request);
    requests.push_back(own);
    Work work = begin("/batch", Json{{"operation", "verify"}, {"requests", requests}}.dump());
    ASSERT_TRUE(std::holds_alternative<std::unique_ptr<Batch>>(work));
    use_keyring(std::string(test::kVersionLine) + test::generation_line(1, "active", test::secret_of(200)));
    int slices = 1;
    std::optional<Answer> answer;
    while (!answer) {
        answer = std::get<std::unique_ptr<Batch>>(work)->proceed();
        slices++;
        EXPECT_EQ(ask("/verify", own)["valid"], false) << "other requests are answered in between";
    }
    EXPECT_GT(slices, 5);
    EXPECT_EQ(answer->client, "app");
    const Json answers = Json::parse(answer->body)["answers"];
    ASSERT_EQ(answers.size(), 701U);
    EXPECT_EQ(answers[0], (Json{{"valid", false}, {"generation", nullptr}}));
    EXPECT_EQ(answers[700], (Json{{"valid", true}, {"generation", 100}}));
}

TEST_F(HttpHandler, ABatchThatIsDroppedLeavesNothingBehind) {
    use_keyring(keyring_of(100));
    const Json request = {{"userUUID", kUuid}, {"sensitiveData", "x"}, {"encryptedData", std::string(64, 'a')}};
    const std::string text = Json{{"operation", "verify"}, {"requests", Json(700, request)}}.dump();
    for (int i = 0; i < 3; i++) {
        Work work = begin("/batch", text);
        EXPECT_TRUE(std::holds_alternative<std::unique_ptr<Batch>>(work));
    }
    EXPECT_EQ(ask("/verify", request)["valid"], false);
}

// A request of the operation, or one with a fault.
Json random_request(test::Random& random, const std::string& operation, const Json& sealed) {
    Json request = {{"sensitiveData", "value " + std::to_string(random.below(5))}};
    if (operation != "blind-index") request["userUUID"] = kUuid;
    if (operation == "verify") request["encryptedData"] = std::string(64, 'a');
    if (operation == "open") {
        request.erase("sensitiveData");
        request["sealedData"] = sealed[random.below(sealed.size())];
    }
    switch (random.below(12)) {
        case 0:
            return 7;
        case 1:
            return Json::object();
        case 2:
            request["other"] = "x";
            break;
        case 3:
            request["encoding"] = "base64";
            break;
        case 4:
            request["userUUID"] = "x";
            break;
        case 5:
            request["apiKey"] = "the key";
            break;
        default:
            break;
    }
    return request;
}

// A request gets the same answer in a batch as alone.
TEST_F(HttpHandler, ABatchAnswersEachRequestAsIfAlone) {
    test::Random random;
    Json sealed = Json::array({"AQAB", "x"});
    for (const char* data : {"a", "b"})
        sealed.push_back(ask("/seal", {{"userUUID", kUuid}, {"sensitiveData", data}})["sealed_data"]);
    for (const std::string operation : {"encrypt", "verify", "open", "blind-index"}) {
        Json requests = Json::array(), expected = Json::array();
        int failed = 0;
        for (int i = 0; i < 300; i++) {
            requests.push_back(random_request(random, operation, sealed));
            Json alone = ask("/" + operation, requests.back());
            // A request of a batch has no apiKey.
            if (requests.back().is_object() && requests.back().contains("apiKey")) {
                alone = Json::parse(error_text({ProblemId::unknown_field, "apiKey"}));
            }
            failed += alone.contains("error") ? 1 : 0;
            expected.push_back(std::move(alone));
        }
        EXPECT_GT(failed, 30);
        EXPECT_LT(failed, 270);
        EXPECT_EQ(ask("/batch", {{"operation", operation}, {"requests", requests}}), (Json{{"answers", expected}}))
            << operation;
    }
}

// A batch has at most 10,000 values, and at most 100,000 units of work: its values and its KiB, for each generation
// tried.
TEST_F(HttpHandler, ABatchHasABound) {
    const auto status = [&](const char* operation, std::size_t count, std::size_t bytes = 0) {
        const std::string request = Json{{"operation", operation}, {"requests", Json(count, 7)}}.dump();
        return finished(begin("/batch", request + std::string(bytes, ' '))).status;
    };
    EXPECT_EQ(status("encrypt", 0), 200U);
    for (const char* operation : {"encrypt", "verify", "seal", "open", "blind-index"}) {
        EXPECT_EQ(status(operation, 10000), 200U) << operation;
        EXPECT_EQ(status(operation, 10001), 413U) << operation;
    }
    use_keyring(keyring_of(1024));
    EXPECT_EQ(status("encrypt", 10000), 200U);
    EXPECT_EQ(status("verify", 97), 200U);
    EXPECT_EQ(status("verify", 98), 413U);
    EXPECT_EQ(status("verify", 47, 50 * 1024), 200U);
    EXPECT_EQ(status("verify", 48, 50 * 1024), 413U);
    EXPECT_EQ(status("blind-index", 97), 200U);
    EXPECT_EQ(status("blind-index", 98), 413U);
}

TEST_F(HttpHandler, OneValueUnderManyGenerationsHasABound) {
    const auto code = [&](const char* path, std::size_t bytes) {
        Json request = {{"sensitiveData", std::string(bytes, 'x')}};
        if (std::string_view(path) != "/blind-index") request["userUUID"] = kUuid;
        if (std::string_view(path) == "/verify") request["encryptedData"] = "00";
        return told(path, request.dump(), "Bearer the key");
    };
    for (const char* path : {"/encrypt", "/verify", "/seal", "/blind-index"})
        EXPECT_EQ(code(path, 1000000), "200") << path;
    use_keyring(keyring_of(1024));
    for (const char* path : {"/encrypt", "/seal"}) EXPECT_EQ(code(path, 1000000), "200") << path;
    for (const char* path : {"/verify", "/blind-index"}) {
        EXPECT_EQ(code(path, 90000), "200") << path;
        EXPECT_EQ(code(path, 100000), "413 too_much_work") << path;
    }
}

// ---- memory ----

// Each allocation of a request fails once: the first, then the second, and so on. OpenSSL works without some of them.
// The answer is then the usual one, or 500, and the next request is served again.
TEST_F(HttpHandler, MemoryThatRunsOutIsNoFaultOfTheRequest) {
    const Json seal = {{"userUUID", kUuid}, {"sensitiveData", "x"}};
    const Json open = {{"userUUID", kUuid}, {"sealedData", ask("/seal", seal)["sealed_data"]}};
    const std::pair<const char*, Json> requests[] = {
        {"/encrypt", seal},
        {"/seal", seal},
        {"/open", open},
        {"/blind-index", {{"sensitiveData", "eA=="}, {"encoding", "base64"}, {"context", "c"}}},
        {"/batch", {{"operation", "open"}, {"requests", {open, 7}}}},
        {"/verify", {{"userUUID", kUuid}}}};
    for (const auto allocator : {test::Allocator::openssl, test::Allocator::cpp}) {
        for (const auto& [path, request] : requests) {
            const unsigned whole = answer_to(path, request).status;
            const std::string text = request.dump();
            int failures = 0;
            bool hit = true;
            for (std::size_t allowed = 0; hit; allowed++) {
                ASSERT_LT(allowed, 2000U) << "no end";
                std::string body = text;
                Answer answer;
                make_anew();  // what is kept from request to request is allocated too
                {
                    const test::FailingAllocations failing(allocator, allowed, false);
                    answer = finished(
                        handler_->handle({"POST", route_at(path), "application/json", "Bearer the key"}, body));
                    hit = failing.hit();
                }
                EXPECT_TRUE(answer.status == whole || (hit && answer.status == 500))
                    << answer.status << " to " << path << ", allocation " << allowed;
                if (answer.status == 500) {
                    EXPECT_EQ(answer.body, Handler::refusal({ProblemId::internal}).body);
                    failures++;
                }
                EXPECT_EQ(answer_to(path, request).status, whole) << "after allocation " << allowed;
            }
            EXPECT_GT(failures, 0) << path;
        }
    }
}

}  // namespace
}  // namespace caas::http
