// Feeds requests to the handler of the HTTP service, without a network. Every answer must be JSON of a documented shape
// and status. An error must be one of the table to the letter, so that it holds nothing of the request. Only an
// accepted key gets a value. A digest must verify, and a sealed value must open.
//
// An input is five letters that choose path, method, content type, authorization and handler ('a' is the first choice),
// then a line for each of the first four that chose a free line, then the body.
#include "../../src/core/abi.hpp"
#include "../../src/http/handler.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <regex>

namespace {

using namespace caas::http;
using Json = nlohmann::ordered_json;

constexpr char kKeyring[] =
    "# caas keyring v1\n2 active 2026-01-01T00:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    "1 retired 2026-01-01T00:00:00Z AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";
// The digests of "the key" and "a narrow key".
constexpr char kApiKeys[] =
    "app:3a0aac44832e55528a834fec737786c999e7b8dea8bd601bb59f195237d58b2e\n"
    "narrow:50e25998498ae324cf8f9f3eb62c43612f1995030911efad7e5193eb054b4b22 encrypt\n";

using Choices = std::vector<std::string>;
const std::string free_line = "\n";
const Choices paths = {"/encrypt",       "/verify",          "/seal",         "/open",   "/blind-index", "/batch",
                       "/health",        "/metrics",         "/openapi.json", free_line, "/encrypt?x=1", "/",
                       "/hash-password", "/verify-password", "/reseal"};
const Choices methods = {"POST", "GET", "HEAD", free_line};
const Choices types = {"application/json", "Application/JSON ;charset=x", "text/plain", "", free_line};
const Choices keys = {"Bearer the key", "",       "bearer   the key", "Bearer a narrow key", "Bearer no key",
                      "Basic the key",  free_line};

void require(bool condition) {
    if (!condition) std::abort();
}

// Reader splits an input into its parts.
class Reader {
public:
    explicit Reader(std::string_view input) : rest_(input) {
        for (std::uint8_t& letter : letters_) {
            letter = rest_.empty() ? 0 : static_cast<std::uint8_t>(rest_.front() - 'a');
            rest_.remove_prefix(rest_.empty() ? 0 : 1);
        }
    }
    std::size_t letter() { return letters_[next_++]; }
    std::string choice(const Choices& of) {
        const std::string& chosen = of[letter() % of.size()];
        if (chosen != free_line) return chosen;
        const std::string line(rest_.substr(0, rest_.find('\n')));
        rest_.remove_prefix(std::min(rest_.size(), line.size() + 1));
        return line;
    }
    std::string rest() const { return std::string(rest_); }

private:
    std::uint8_t letters_[5];
    std::size_t next_ = 0;
    std::string_view rest_;
};

EnginePtr engine() {
    EnginePtr made(new caas_engine);
    require(made->core.load_text(kKeyring, 0).ok());
    return made;
}

// The handlers: a whole one, one without a keyring, one without API keys, and one with a rate limit of 1.
Handler& handler(std::size_t which) {
    static Metrics metrics;
    static RateLimiter unlimited(0), strict(1);
    static Handler whole(metrics, unlimited), without_keyring(metrics, unlimited), without_keys(metrics, unlimited),
        limited(metrics, strict);
    static const bool made = [] {
        const auto api_keys = std::make_shared<const ApiKeys>(ApiKeys::parse("keys", kApiKeys));
        auto for_passwords = std::make_shared<PasswordEngines>();
        for_passwords->push_back(engine());
        whole.replace({engine(), api_keys, for_passwords});
        without_keyring.replace({nullptr, api_keys, nullptr});
        without_keys.replace({engine(), nullptr, for_passwords});
        limited.replace({engine(), api_keys, for_passwords});
        return true;
    }();
    require(made);
    Handler* const all[] = {&whole, &without_keyring, &without_keys, &limited};
    return *all[which % 4];
}

// The text of every possible error, and its status.
const std::map<std::string, unsigned>& errors() {
    static const std::map<std::string, unsigned> all = [] {
        std::map<std::string, unsigned> texts;
        for (const Problem& one : problems) {
            texts.emplace(error_text({one.id}), one.status);
            for (std::size_t i = 0; i < kFieldCount; i++) {
                texts.emplace(error_text({one.id, rule_of(static_cast<Field>(i)).name}), one.status);
            }
        }
        return texts;
    }();
    return all;
}

bool is_text_of(const Json& value, const char* alphabet) {
    return value.is_string() && value.get_ref<const std::string&>().find_first_not_of(alphabet) == std::string::npos;
}
bool is_hex(const Json& value) { return is_text_of(value, "0123456789abcdef"); }
bool is_base64(const Json& value) {
    return is_text_of(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
}

std::string keys_of(const Json& object) {
    std::string all;
    for (const auto& item : object.items()) all += item.key() + " ";
    return all;
}

// Checks the answer to one request that was served.
void check_value(std::string_view operation, const Json& answer) {
    const std::string keys = keys_of(answer);
    if (operation == "encrypt") {
        require(keys == "encrypted_data " && is_hex(answer["encrypted_data"]));
    } else if (operation == "verify") {
        require(keys == "valid generation " && answer["valid"].is_boolean());
        const Json& generation = answer["generation"];
        require(answer["valid"] == true ? generation == 1 || generation == 2 : generation.is_null());
    } else if (operation == "seal" || operation == "reseal") {
        require(keys == "sealed_data " && is_base64(answer["sealed_data"]));
    } else if (operation == "open") {
        require(keys == "sensitive_data " && answer["sensitive_data"].is_string());
    } else {
        require(keys == "blind_index candidates " && is_base64(answer["blind_index"]));
        require(answer["candidates"].size() == 2 && answer["blind_index"] == answer["candidates"][0]);
    }
}

void check_batch(const Json& request, const Json& answer) {
    const Json& answers = answer["answers"];
    require(keys_of(answer) == "answers " && answers.size() == request["requests"].size());
    for (const Json& one : answers) {
        if (one.contains("error")) {
            require(errors().count(one.dump()) == 1);
        } else {
            check_value(request["operation"].get_ref<const std::string&>(), one);
        }
    }
}

// Calls a batch until it has its answer. A password is refused as if too many were hashed: a hash takes too long here.
Answer finished(Work work) {
    if (auto* answer = std::get_if<Answer>(&work)) return std::move(*answer);
    if (auto* password = std::get_if<std::shared_ptr<PasswordWork>>(&work)) return (*password)->refusal();
    while (true) {
        if (auto answer = std::get<std::unique_ptr<Batch>>(work)->proceed()) return std::move(*answer);
    }
}

Json ask(const char* path, const Json& request) {
    std::string body = request.dump();
    return Json::parse(
        finished(handler(0).handle({"POST", route_at(path), "application/json", "Bearer the key"}, body)).body);
}

// Checks that a digest verifies, and that a sealed value opens to its data.
void check_return(const std::string& path, Json request, const Json& answer) {
    request.erase("apiKey");
    const Json data = request["sensitiveData"];
    if (path == "/encrypt") {
        request.erase("generation");
        request["encryptedData"] = answer["encrypted_data"];
        require(ask("/verify", request)["valid"] == true);
    } else if (path == "/seal") {
        request.erase("sensitiveData");
        request["sealedData"] = answer["sealed_data"];
        require(ask("/open", request)["sensitive_data"] == data);
    }
}

bool is_accepted(const std::string& key) { return key.ends_with("the key") || key.ends_with("a narrow key"); }

// A key has to be in the head or in the body. Where one is in both, both have to be accepted.
bool may_be_served(std::string authorization, const Json& request) {
    for (char& c : authorization) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool in_head = authorization == "bearer" || authorization.starts_with("bearer ");
    const bool in_body = request.contains("apiKey") && !request["apiKey"].is_null();
    if (in_head && !is_accepted(authorization)) return false;
    return in_body ? is_accepted(request["apiKey"].get<std::string>()) : in_head;
}

// The other parser refuses two kinds of valid JSON, which a batch may hold: halves of surrogate pairs, and numbers
// beyond a double.
bool has_what_the_other_parser_refuses(const std::string& body) {
    return body.find("\\ud") != std::string::npos || body.find("\\uD") != std::string::npos ||
           std::regex_search(body, std::regex("[0-9][eE][+]?[0-9]{3}|[0-9]{309}"));
}

void check_success(const Head& head, const std::string& body, const Answer& answer) {
    const Json value = Json::parse(answer.body);
    if (head.method != "POST") return require(value.is_object());
    const Json request = Json::parse(body, nullptr, false);  // by another parser than that of the handler
    const bool is_batch = answer.route->kind == RouteKind::batch;
    if (request.is_discarded()) return require(is_batch && has_what_the_other_parser_refuses(body));
    require(request.is_object() && may_be_served(std::string(head.authorization), request));
    require(answer.client == "app" || answer.client == "narrow");
    const std::string path = answer.route->path;
    if (is_batch) return check_batch(request, value);
    require(answer.client == "app" || path == "/encrypt");
    check_value(path.substr(1), value);
    check_return(path, request, value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Reader reader({reinterpret_cast<const char*>(data), size});
    const std::string target = reader.choice(paths);
    const std::string method = reader.choice(methods);
    const std::string type = reader.choice(types);
    const std::string authorization = reader.choice(keys);
    Handler& asked = handler(reader.letter());
    std::string body = reader.rest();
    const std::string given = body;
    const Head head{method, route_at(target), type, authorization};
    const Answer answer = finished(asked.handle(head, body));
    require((answer.allow != nullptr) == (answer.status == 405) &&
            (answer.retry_after == 0 || answer.status == 429 || answer.status == 503));
    require(answer.status != 429 || answer.retry_after > 0);
    require(answer.route == nullptr || answer.route == head.route);
    if (answer.status == 200 && std::string_view(answer.content_type) != "application/json") {
        require(target.starts_with("/metrics"));
    } else if (answer.status == 200) {
        check_success(head, given, answer);
    } else {
        const auto error = errors().find(answer.body);
        require(error != errors().end() && error->second == answer.status && answer.status != 500);
    }
    return 0;
}
