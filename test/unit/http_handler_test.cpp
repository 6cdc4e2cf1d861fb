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

// The codes of a table's line "| 400 | `code`, `code`: why |": what stands between backquotes and looks like one.
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

class HttpHandler : public testing::Test {
protected:
    HttpHandler() { make_anew(); }

    void make_anew() {
        const std::string keyring = std::string(test::kVersionLine) +
                                    test::generation_line(2, "active", test::secret_of(2)) +
                                    test::generation_line(1, "retired", test::secret_of(1));
        State state{EnginePtr(test::engine_with(keyring).release()),
                    std::make_shared<const ApiKeys>(ApiKeys::parse("/keys", std::string("app:") + kDigest + "\n"))};
        handler_.emplace(metrics_, limiter_);
        handler_->replace(std::move(state));
    }

    Answer answer_to(const std::string& path, const Json& request) {
        std::string body = request.dump();
        return handler_->handle({"POST", route_at(path), "application/json", "Bearer the key"}, body);
    }
    Json ask(const std::string& path, const Json& request) { return Json::parse(answer_to(path, request).body); }

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

// ---- batches ----

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

// In a batch, whatever is around it, a request gets the answer that it gets alone.
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
            // Alone it may bring its key, in a batch it may not.
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

TEST_F(HttpHandler, ABatchHasABound) {
    const auto status = [&](const char* operation, std::size_t count) {
        return answer_to("/batch", {{"operation", operation}, {"requests", Json(count, 7)}}).status;
    };
    EXPECT_EQ(status("encrypt", 0), 200U);
    EXPECT_EQ(status("encrypt", 10000), 200U);
    EXPECT_EQ(status("encrypt", 10001), 413U);
    EXPECT_EQ(status("blind-index", 3333), 200U);
    EXPECT_EQ(status("blind-index", 3334), 413U);
}

// ---- memory ----

// The first allocation fails, then the second, and so on until none does. OpenSSL can do without some; where it cannot
// it is the service that failed, and it works again afterwards.
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
                    answer = handler_->handle({"POST", route_at(path), "application/json", "Bearer the key"}, body);
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
