// A JSON text and the parser that outlives it: used again it reads as before, and holds nothing of the text.
#include "../../src/http/fields.hpp"
#include "support.hpp"

#include <cstring>

namespace caas::http {
namespace {

constexpr std::uint64_t kNumber = 4111111111111111;
constexpr std::string_view kWord = "ada@example.com";

std::string_view bytes(const void* memory, std::size_t size) { return {static_cast<const char*>(memory), size}; }

constexpr std::size_t rounded(std::size_t size) { return (size + 63) / 64 * 64; }

// How much simdjson allocates.
std::size_t strings_size(const simdjson::dom::document& document) {
    return rounded(5 * document.capacity() / 3 + simdjson::SIMDJSON_PADDING);
}
std::size_t tape_size(const simdjson::dom::document& document) {
    return rounded(document.capacity() + 3) * sizeof(std::uint64_t);
}

bool strings_hold(const Parser& parser, std::string_view what) {
    const auto& document = parser.doc;
    return document.string_buf &&
           bytes(document.string_buf.get(), strings_size(document)).find(what) != std::string_view::npos;
}
bool tape_holds(const Parser& parser, std::uint64_t number) {
    const auto& document = parser.doc;
    return document.tape && bytes(document.tape.get(), tape_size(document)).find(bytes(&number, sizeof(number))) !=
                                std::string_view::npos;
}

std::string text_of(std::size_t blanks, std::string_view end) {
    return R"({"sensitiveData":")" + std::string(kWord) + R"(\n","generation":)" + std::to_string(kNumber) +
           std::string(blanks, ' ') + std::string(end);
}

TEST(HttpDocument, TheParserKeepsNothingOfTheText) {
    Parser parser;
    ASSERT_EQ(parser.doc.allocate(1024), simdjson::SUCCESS);
    std::memset(parser.doc.string_buf.get(), 0, strings_size(parser.doc));
    std::memset(parser.doc.tape.get(), 0, tape_size(parser.doc));
    for (const char* end : {"}", "", "]", ",\"\\x\"}"}) {
        for (std::size_t blanks = 0; blanks < 900; blanks += 7) {
            std::string body = text_of(blanks, end);
            {
                const Document document(parser, body);
                EXPECT_EQ(document.rejection().has_value(), std::string_view(end) != "}");
                // What cannot be read at all gets no further than its brackets.
                if (!document.rejection()) {
                    EXPECT_TRUE(strings_hold(parser, kWord) && tape_holds(parser, kNumber)) << blanks;
                }
            }
            EXPECT_FALSE(strings_hold(parser, kWord) || tape_holds(parser, kNumber)) << blanks << end;
            EXPECT_FALSE(strings_hold(parser, kWord.substr(0, 4))) << blanks << end;
        }
    }
    EXPECT_GT(parser.capacity(), 0U);
}

TEST(HttpDocument, TheParserReturnsTheMemoryOfALongText) {
    Parser parser;
    for (int i = 0; i < 3; i++) {
        std::string body = text_of(100000, "}");
        {
            const Document document(parser, body);
            EXPECT_FALSE(document.rejection());
        }
        EXPECT_EQ(parser.capacity() + parser.doc.capacity(), 0U);
        body = text_of(i, "}");
        const Document document(parser, body);
        EXPECT_EQ(Fields(document.object()).text(Field::sensitive_data), std::string(kWord) + "\n");
    }
}

TEST(HttpDocument, DepthIsBoundedWhateverWasReadBefore) {
    Parser parser;
    for (const std::size_t depth : {17U, 3U, 5000U, 16U, 17U}) {
        std::string body = std::string(depth - 1, '[') + "{}" + std::string(depth - 1, ']');
        const Document document(parser, body);
        ASSERT_TRUE(document.rejection());
        EXPECT_STREQ(problem(document.rejection()->problem).code, depth < 17 ? "not_an_object" : "invalid_json")
            << depth;
    }
}

}  // namespace
}  // namespace caas::http
