// How a request's JSON text is read: what is JSON and what is not, and what of it stays in the parser afterwards.
#include "../../src/http/document.hpp"
#include "faults.hpp"
#include "support.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

namespace caas::http {
namespace {

constexpr std::string_view kWord = "ada@example.com";
const FieldSet kAll = {Field::api_key,        Field::user_uuid,      Field::user_id,     Field::user_namespace,
                       Field::sensitive_data, Field::encrypted_data, Field::sealed_data, Field::context,
                       Field::encoding,       Field::generation,     Field::length,      Field::operation,
                       Field::requests};

std::string code_of(const std::optional<Rejection>& rejection) {
    if (!rejection) return "none";
    const std::string field = rejection->field != nullptr ? " " + std::string(rejection->field) : "";
    return problem(rejection->problem).code + field;
}

// The first thing that is wrong with a text, as "code field", or "none".
std::string fault_of(std::string body) {
    Parser parser;
    Document document(parser, body);
    Fields fields;
    if (document.rejection()) return code_of(document.rejection());
    if (auto rejection = document.read(fields)) return code_of(rejection);
    return code_of(fields.check({}, kAll));
}

std::string text_with(std::string_view escape, std::size_t blanks) {
    return R"({"sensitiveData":")" + std::string(kWord) + std::string(escape) + R"(","generation":2)" +
           std::string(blanks, ' ') + "}";
}

// ---- what is JSON ----

TEST(HttpDocument, ValuesOfAnotherType) {
    for (const char* number : {"9223372036854775808", "18446744073709551616", "-9223372036854775809", "1e999", "-1e999",
                               "1E-999", "2.0", "1e2", "0.5", "123456789012345678901234567890.5e+7"}) {
        EXPECT_EQ(fault_of("{\"generation\":" + std::string(number) + "}"), "wrong_type generation") << number;
        EXPECT_EQ(fault_of("{\"sensitiveData\":" + std::string(number) + "}"), "wrong_type sensitiveData") << number;
        EXPECT_EQ(fault_of("{\"requests\":[" + std::string(number) + "]}"), "none") << number;
    }
    for (const char* number : {"0", "-0", "9223372036854775807", "-9223372036854775808"})
        EXPECT_EQ(fault_of("{\"generation\":" + std::string(number) + "}"), "none") << number;
    for (const char* value : {"true", "false", "\"1\"", "[]", "{}", "[[{\"a\":1}]]"})
        EXPECT_EQ(fault_of("{\"generation\":" + std::string(value) + "}"), "wrong_type generation") << value;
    EXPECT_EQ(fault_of(R"({"generation":null})"), "none");
    for (const char* id : {"0", "-7", "9223372036854775808", "-123456789012345678901234567890", "\"x\"", "null"})
        EXPECT_EQ(fault_of("{\"userId\":" + std::string(id) + "}"), "none") << id;
    for (const char* id : {"1.0", "1e2", "-1E0", "true", "[]", "{}"})
        EXPECT_EQ(fault_of("{\"userId\":" + std::string(id) + "}"), "wrong_type userId") << id;
    for (const char* id : {"007", "+1", "12345678901234567890123x", "-", "0x1"})
        EXPECT_EQ(fault_of("{\"userId\":" + std::string(id) + "}"), "invalid_json") << id;
}

TEST(HttpDocument, HalfOfASurrogatePairIsNoText) {
    for (const char* half : {R"(\ud800)", R"(\udfff)", R"(a\udc00b)", R"(\ud800\ud800)", R"(\ude00\ud83d)",
                             R"(\ud83dx)", R"(\ud83d\n)", R"(\ud83d\u0041)"}) {
        const std::string text = "\"" + std::string(half) + "\"";
        EXPECT_EQ(fault_of("{\"sensitiveData\":" + text + "}"), "invalid_text sensitiveData") << half;
        EXPECT_EQ(fault_of("{\"context\":" + text + "}"), "invalid_context context") << half;
        EXPECT_EQ(fault_of("{\"userId\":" + text + "}"), "invalid_user_id userId") << half;
        EXPECT_EQ(fault_of("{\"namespace\":" + text + "}"), "invalid_namespace namespace") << half;
        EXPECT_EQ(fault_of("{" + text + ":1}"), "unknown_field") << half;
        EXPECT_EQ(fault_of("{\"requests\":[{" + text + ":" + text + "}]}"), "none") << half;
    }
    EXPECT_EQ(fault_of(R"({"sensitiveData":"\ud83d\ude00"})"), "none");
    for (const char* broken : {R"(\ud83g)", R"(\u12)", R"(\x)", R"(\ud800\u)", R"(\U0041)", "\\"})
        EXPECT_EQ(fault_of("{\"sensitiveData\":\"" + std::string(broken) + "\"}"), "invalid_json") << broken;
}

// On-Demand does not check what it skips: each of these is in a place that no field asks for.
TEST(HttpDocument, NothingIsSkippedUnchecked) {
    for (const char* broken : {"01",      "1.",         ".5",    "+1",  "1e",        "--1",         "0x1",
                               "tru",     "nul",        "True",  "NaN", "\"\\x\"",   "[1,]",        "[1 2]",
                               "{\"a\"}", "{\"a\":1,}", "{1:2}", "[1}", "{\"a\":1]", "\"a\" \"b\"", "1\"a\"",
                               "\"a\"1",  "truefalse",  "1\f",   "[,]", "\x01",      "\"\x01\"",    "\"\t\""}) {
        const std::string value = broken;
        for (const std::string& text :
             {"{\"other\":" + value + "}", "{\"requests\":[" + value + "]}", "{\"requests\":[{\"a\":" + value + "}]}",
              "{\"generation\":[" + value + "]}", "{\"generation\":{\"a\":" + value + "}}", value, "[" + value + "]",
              "{\"generation\":1,\"generation\":" + value + "}"}) {
            EXPECT_EQ(fault_of(text), "invalid_json") << text;
        }
    }
    for (const char* behind : {"}", "]", ",", "x", "{}", "1", "\"\"", "\xEF\xBB\xBF"}) {
        EXPECT_EQ(fault_of(std::string("{}") + behind), "invalid_json") << behind;
        EXPECT_EQ(fault_of(std::string("[]") + behind), "invalid_json") << behind;
        EXPECT_EQ(fault_of(std::string("1 ") + behind), "invalid_json") << behind;
    }
    EXPECT_EQ(fault_of(std::string("{}\0", 3)), "invalid_json");
    EXPECT_EQ(fault_of("\xEF\xBB\xBF{}"), "invalid_json");
    EXPECT_EQ(fault_of("{\"a\":\"\xFF\"}"), "invalid_utf8");
}

// Texts with random faults are JSON exactly where another parser says so.
// True for an exponent of three digits: the other parser refuses a number beyond a double.
bool has_huge_exponent(std::string_view text) {
    for (std::size_t at = text.find_first_of("eE"); at < text.size(); at = text.find_first_of("eE", at + 1)) {
        std::string_view exponent = text.substr(at + 1);
        if (!exponent.empty() && (exponent[0] == '+' || exponent[0] == '-')) exponent.remove_prefix(1);
        exponent = exponent.substr(0, 3);
        if (exponent.size() == 3 &&
            std::all_of(exponent.begin(), exponent.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) {
            return true;
        }
    }
    return false;
}

TEST(HttpDocument, AgreesWithAnotherParser) {
    const std::vector<std::string> texts = {
        R"({"userUUID":"4dbc","sensitiveData":"x\n","generation":12})",
        R"({"operation":"open","requests":[{"a":[1,2.5e1,{}]},null,true,[[]],"\"\\"]})",
        R"([ {"a" : -0.1E+2 } , false ])", R"("a\u0041")", R"( {"requests":[{},{"b":"c"}],"length":4} )"};
    constexpr std::string_view kCharacters = "{}[]:,\"\\ 0123.eE-+truefalsn\n\x01";
    test::Random random;
    int good = 0;
    for (int i = 0; i < 30000; i++) {
        std::string text = texts[random.below(texts.size())];
        for (std::size_t fault = random.below(3); fault > 0; fault--) {
            const std::size_t at = random.below(text.size());
            const char character = kCharacters[random.below(kCharacters.size())];
            const std::size_t kind = random.below(3);
            if (kind == 0) text[at] = character;
            if (kind == 1) text.erase(at, 1);
            if (kind == 2) text.insert(at, 1, character);
            if (text.empty()) text = " ";
        }
        if (has_huge_exponent(text)) continue;
        const bool is_json = fault_of(text) != "invalid_json";
        ASSERT_EQ(is_json, nlohmann::json::accept(text)) << text;
        good += is_json ? 1 : 0;
    }
    EXPECT_GT(good, 5000);
    EXPECT_LT(good, 25000);
}

TEST(HttpDocument, DepthIsBoundedWhateverWasReadBefore) {
    Parser parser;
    for (const std::size_t depth : {17U, 3U, 5000U, 16U, 17U}) {
        std::string body = std::string(depth - 1, '[') + "{}" + std::string(depth - 1, ']');
        Document document(parser, body);
        Fields fields;
        EXPECT_EQ(code_of(document.read(fields)), depth < 17 ? "not_an_object" : "invalid_json") << depth;
    }
    const auto nested = [](std::size_t depth) {
        return fault_of("{\"requests\":" + std::string(depth, '[') + std::string(depth, ']') + "}");
    };
    EXPECT_EQ(nested(15), "none");
    EXPECT_EQ(nested(16), "invalid_json");
    EXPECT_EQ(nested(100000), "invalid_json");
}

// ---- a field that is looked for alone ----

TEST(HttpDocument, OneFieldIsFoundWithoutTheOthers) {
    const std::pair<const char*, const char*> texts[] = {
        {R"({"apiKey":"k"})", "k"},
        {R"({"a":[1,{"apiKey":"inner"}],"apiKey":"k","apiKey":"second"})", "k"},
        {R"({"\u0061piKey":"\u006b"})", "k"},
        {R"({"a":01,"apiKey":"k", nonsense)"
         "}",
         "k"},
        {R"({"apiKey":1})", ""},
        {R"({"apiKey":null})", ""},
        {R"({"apiKey":"\ud800"})", ""},
        {R"({"apikey":"k"})", ""},
        {R"({})", ""}};
    for (const auto& [text, expected] : texts) {
        Parser parser;
        std::string body = text;
        Document document(parser, body);
        EXPECT_EQ(document.find_text(Field::api_key), expected) << text;
        EXPECT_FALSE(document.rejection()) << text;
    }
    for (const auto& [text, code] :
         {std::pair("[1,", "not_an_object"), {"x", "not_an_object"}, {"{\"a\":1", "invalid_json"}}) {
        Parser parser;
        std::string body = text;
        Document document(parser, body);
        EXPECT_EQ(document.find_text(Field::api_key), "");
        EXPECT_EQ(code_of(document.rejection()), code) << text;
    }
}

// ---- what stays in the parser ----

TEST(HttpDocument, TheParserKeepsNothingOfTheText) {
    const std::span pattern(reinterpret_cast<const std::uint8_t*>(kWord.data()), kWord.size());
    for (const char* escape : {"", "\\n", "\\u0041\\ud800"}) {
        Parser parser;
        std::string body = text_with(escape, 10);
        {
            Document document(parser, body);
            document.find_text(Field::api_key);
            Fields fields;
            EXPECT_FALSE(document.read(fields));
            EXPECT_EQ(fields.text(Field::sensitive_data).starts_with(kWord), fields.has(Field::sensitive_data));
        }
        EXPECT_GT(parser.capacity(), 0U);
        const test::FreedMemoryWatch watch(pattern);
        parser = Parser();
        EXPECT_EQ(watch.found(), 0) << escape;
        std::string().swap(body);
        EXPECT_EQ(watch.found(), 1) << "the watch sees the body";
    }
}

TEST(HttpDocument, TheParserReturnsTheMemoryOfALongText) {
    Parser parser;
    for (std::size_t i = 0; i < 3; i++) {
        std::string body = text_with("\\n", 100000);
        {
            Document document(parser, body);
            Fields fields;
            EXPECT_FALSE(document.read(fields));
        }
        EXPECT_EQ(parser.capacity(), 0U);
        body = text_with("\\n", i);
        Document document(parser, body);
        Fields fields;
        EXPECT_FALSE(document.read(fields));
        EXPECT_EQ(fields.text(Field::sensitive_data), std::string(kWord) + "\n");
    }
}

}  // namespace
}  // namespace caas::http
