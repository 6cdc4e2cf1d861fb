// A request's JSON text, read by simdjson's On-Demand interface: a value is looked at when it is asked for. On-Demand
// does not check what it skips, so that read() looks at every value before a request is accepted.
#pragma once
#include "fields.hpp"

#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace caas::http {

namespace ondemand = simdjson::ondemand;

using Parser = ondemand::parser;

// Document is one text. Its parser may be used for the next text when the document has ended. The parser then holds the
// places of the text's tokens, and none of its bytes: strings are unescaped into memory of the document's own.
class Document {
public:
    // Makes room behind the end of the body, where the parser reads. Text of the fields lies in the body or in the
    // document.
    Document(Parser& parser, std::string& body);
    ~Document();
    Document(const Document&) = delete;
    Document& operator=(const Document&) = delete;

    // What is wrong with the text, as far as it has been looked at.
    const std::optional<Rejection>& rejection() const { return rejection_; }

    // The text of a field of the outermost object, or nothing. Looks at names only, and no further than this field.
    std::string_view find_text(Field field);

    // Reads all fields, and checks the whole text.
    std::optional<Rejection> read(Fields& fields);

    // After read(): goes to the elements of the array in this field, which must be there. Text of other fields ends.
    void go_to_elements(Field field);
    // Reads the fields of the next element, which must be there. False when it is no object. Text of the element before
    // ends.
    bool next_element(Fields& fields);

private:
    void reject(ProblemId problem) { rejection_ = Rejection{problem}; }
    // False where something is not JSON.
    bool read_object(ondemand::object object, unsigned depth, Fields& fields);
    bool read_value(ondemand::value value, unsigned depth, JsonValue& read);
    bool read_string(std::string_view content, JsonValue& read);
    bool at_end();
    bool read_other_root();

    Parser& parser_;
    std::string& body_;
    ondemand::document document_;
    std::optional<Rejection> rejection_;
    std::unique_ptr<std::uint8_t[]> unescaped_;  // room for the whole body; made for the first string with an escape
    std::size_t unescaped_size_ = 0;
    ondemand::array elements_;
    ondemand::array_iterator element_;
    bool at_first_element_ = true;
};

}  // namespace caas::http
