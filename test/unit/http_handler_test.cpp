// From a request to its answer: the tables of routes and problems, batches, and failing allocations.
#include "../../src/http/openapi.hpp"
#include "faults.hpp"
#include "http_support.hpp"

#include <set>
#include <sstream>

namespace caas::http {
namespace {

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
    EXPECT_EQ(routes.size(), 12U);
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
        EXPECT_EQ((route.run != nullptr) + (route.hash != nullptr), is_operation ? 1 : 0) << route.name;
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
    if (operation == "open" || operation == "reseal") {
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
        case 6:
            request.erase("userUUID");
            request["userId"] = random.below(3);
            request["namespace"] = random.below(2) == 0 ? "users" : "";
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
    for (const std::string operation : {"encrypt", "verify", "open", "reseal", "blind-index"}) {
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
    for (const char* operation : {"encrypt", "verify", "seal", "open", "reseal", "blind-index"}) {
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

// ---- users ----

// The UUID of a userId as the core computes it, or the error.
TEST_F(HttpHandler, AUserMayHaveAnIdInPlaceOfAUuid) {
    const auto digest = [&](const std::string& user) {
        const Json answer = Json::parse(finished(begin("/encrypt", "{\"sensitiveData\":\"x\"," + user + "}")).body);
        return answer.contains("error") ? answer["error"]["code"] : answer["encrypted_data"];
    };
    const auto of_id = [&](const std::string& id) { return digest("\"namespace\":\"users\",\"userId\":" + id); };
    const auto of_name = [&](const std::string& name_space, const std::string& id) {
        std::array<std::uint8_t, CAAS_UUID_BYTES> uuid{};
        EXPECT_EQ(caas_user_uuid(name_space.data(), name_space.size(), id.data(), id.size(), uuid.data(), nullptr),
                  CAAS_OK);
        const std::string text = test::hex(uuid);
        return digest("\"userUUID\":\"" + text.substr(0, 8) + "-" + text.substr(8, 4) + "-" + text.substr(12, 4) + "-" +
                      text.substr(16, 4) + "-" + text.substr(20) + "\"");
    };
    const std::string limit(CAAS_NAME_MAX_BYTES, 'x');
    EXPECT_EQ(digest(R"("userUUID":"3b28f350-bc02-5d31-a9ef-e1b9eaa50d4d")"), of_id("42")) << "spec, section 12";
    for (const char* number : {"0", "42", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
                               "123456789012345678901234567890"}) {
        EXPECT_EQ(of_id(number), of_name("users", number)) << number;
        EXPECT_EQ(of_id('"' + std::string(number) + '"'), of_name("users", number)) << number << " as text";
    }
    EXPECT_EQ(of_id("-0"), of_id("0"));
    EXPECT_EQ(of_id(R"("-0")"), of_name("users", "-0"));
    EXPECT_EQ(of_id(R"("\u015e")"), of_name("users", "\u015e"));
    EXPECT_EQ(of_id('"' + limit + '"'), of_name("users", limit));
    EXPECT_NE(of_id("42"), of_id(R"("042")"));
    EXPECT_NE(of_id("42"), digest(R"("namespace":"patients","userId":42)"));
    for (const char* other : {"1.0", "1e2", "true", "[]", "{}", "42.5"}) EXPECT_EQ(of_id(other), "wrong_type") << other;
    for (const std::string& wrong : {std::string(), limit + "x", std::string("\\u0000"), std::string("\\ud800")}) {
        EXPECT_EQ(of_id('"' + wrong + '"'), "invalid_user_id") << wrong;
        EXPECT_EQ(digest("\"userId\":1,\"namespace\":\"" + wrong + "\""), "invalid_namespace") << wrong;
    }
    EXPECT_EQ(of_id("null"), "missing_field");
    EXPECT_EQ(digest(R"("userId":1)"), "missing_field");
    EXPECT_EQ(digest(R"("encoding":null)"), "missing_field");
    const std::string uuid = R"("userUUID":")" + std::string(kUuid) + '"';
    EXPECT_EQ(digest(uuid + R"(,"userId":1,"namespace":"users")"), "ambiguous_user");
    EXPECT_EQ(digest(uuid + R"(,"userId":1)"), "ambiguous_user");
    EXPECT_EQ(digest(uuid + R"(,"namespace":"users")"), "ambiguous_user");
    EXPECT_EQ(digest(uuid + R"(,"userId":null,"namespace":null)"), digest(uuid));
    EXPECT_EQ(digest(R"("userUUID":null,"userId":7,"namespace":"users")"), of_id("7"));
}

// The bytes are those of the core's reseal, which the tests of the core compare with vectors.
TEST_F(HttpHandler, AResealedValueOpensUnderTheActiveGeneration) {
    const Json user = {{"userUUID", kUuid}, {"context", "users.ssn"}};
    const auto with = [&](const char* field, const Json& value) {
        Json request = user;
        request[field] = value;
        return request;
    };
    const Json old = ask("/seal", with("sensitiveData", "the data"))["sealed_data"];
    use_keyring(keyring_of(3));
    const Json fresh = ask("/reseal", with("sealedData", old))["sealed_data"];
    EXPECT_NE(fresh, old);
    EXPECT_EQ(ask("/reseal", with("sealedData", old))["sealed_data"], fresh) << "each time the same";
    EXPECT_EQ(ask("/reseal", with("sealedData", fresh))["sealed_data"], fresh) << "it is of the active generation";
    EXPECT_EQ(ask("/open", with("sealedData", fresh))["sensitive_data"], "the data");
    EXPECT_EQ(ask("/reseal", {{"userUUID", kUuid}, {"sealedData", old}})["error"]["code"], "cannot_open");
    EXPECT_EQ(ask("/reseal", with("sealedData", "AQAB"))["error"]["code"], "malformed_value");
    EXPECT_EQ(ask("/reseal", with("sealedData", ""))["error"]["code"], "malformed_value");
    use_keyring(std::string(test::kVersionLine) + test::generation_line(3, "active", test::secret_of(3)));
    EXPECT_EQ(ask("/reseal", with("sealedData", old))["error"]["code"], "unknown_generation");
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
        {"/reseal", open},
        {"/encrypt", {{"userId", 42}, {"namespace", "users"}, {"sensitiveData", "x"}}},
        {"/blind-index", {{"sensitiveData", "eA=="}, {"encoding", "base64"}, {"context", "c"}}},
        {"/verify-password",
         {{"userUUID", kUuid}, {"password", "x"}, {"passwordHash", stored_hash("2,ln=10,r=8,p=1")}}},
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
