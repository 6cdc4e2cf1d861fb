#include "document.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace caas::http {

namespace {

using ondemand::json_type;

// A request is an object with an array of objects; a text that is nested deeper is refused.
constexpr unsigned kMaxDepth = 16;

// A parser with buffers for a text of this size is kept. Longer texts free theirs at once.
constexpr std::size_t kSmallText = 1024;

constexpr std::string_view kBlanks = " \t\n\r";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A token with the blanks behind it that On-Demand counts to it.
std::string_view without_blanks(std::string_view token) { return token.substr(0, token.find_last_not_of(kBlanks) + 1); }

bool take(std::string_view& text, std::string_view characters) {
    if (text.empty() || characters.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

bool take_digits(std::string_view& text) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto count = static_cast<std::size_t>(end - text.begin());
    text.remove_prefix(count);
    return count > 0;
}

// The grammar of RFC 8259, section 6. Checking it instead of converting makes a number of any length cheap.
bool is_number(std::string_view token) {
    take(token, "-");
    if (!take(token, "0") && !take_digits(token)) return false;
    if (take(token, ".") && !take_digits(token)) return false;
    if (take(token, "eE")) {
        take(token, "+-");
        if (!take_digits(token)) return false;
    }
    return token.empty();
}

// Whether each backslash begins an escape of RFC 8259, section 7. Half of a surrogate pair is one.
bool has_valid_escapes(std::string_view content) {
    constexpr std::string_view kHexDigits = "0123456789abcdefABCDEF";
    constexpr std::size_t kHexCount = 4;
    for (auto at = content.find('\\'); at != std::string_view::npos; at = content.find('\\', at)) {
        at++;
        if (at == content.size()) return false;
        const char kind = content[at++];
        if (kind == 'u') {
            const std::string_view hex = content.substr(at, kHexCount);
            if (hex.size() < kHexCount || hex.find_first_not_of(kHexDigits) != std::string_view::npos) return false;
            at += kHexCount;
        } else if (std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

// What stands between the quotes of a string's token; simdjson has checked that it holds no control character.
std::optional<std::string_view> content_of(std::string_view token) {
    if (token.size() < 2 || token.front() != '"' || token.back() != '"') return std::nullopt;
    return token.substr(1, token.size() - 2);
}

bool is_scalar(std::string_view token) {
    if (const auto content = content_of(token)) return has_valid_escapes(*content);
    return token == "true" || token == "false" || token == "null" || is_number(token);
}

// Reads a number that is an integer: a double such as 2.0 is none here.
void read_integer(std::string_view token, JsonValue& read) {
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), read.integer);
    if (end != token.data() + token.size() || error == std::errc::invalid_argument) return;
    read.kind = error == std::errc() ? JsonValue::Kind::integer : JsonValue::Kind::long_integer;
    read.text = token == "-0" ? "0" : token;
}

// The content of the string that begins here. simdjson has checked that every string ends.
std::string_view content_at(const char* begin) {
    const char* end = begin;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    return {begin, static_cast<std::size_t>(end - begin)};
}

// The token of a scalar, which is consumed: On-Demand would skip a string and a colon behind it as if it were a key.
std::optional<std::string_view> take_token(ondemand::value& value, json_type type) {
    const std::string_view token = without_blanks(value.raw_json_token());
    ondemand::raw_json_string ignored;
    const bool is_string = type == json_type::string;
    if (is_string && value.get_raw_json_string().get(ignored) != simdjson::SUCCESS) return std::nullopt;
    return token;
}

// Whether a value is JSON with all that is in it.
bool is_json(ondemand::value value, unsigned depth);

bool is_json_array(ondemand::value value, unsigned depth, std::size_t& elements) {
    ondemand::array array;
    if (depth == 0 || value.get_array().get(array) != simdjson::SUCCESS) return false;
    for (auto element : array) {
        ondemand::value one;
        // simdjson wants an rvalue here. NOLINTNEXTLINE(performance-move-const-arg)
        if (std::move(element).get(one) != simdjson::SUCCESS || !is_json(one, depth - 1)) return false;
        elements++;
    }
    return true;
}

bool is_json_object(ondemand::value value, unsigned depth) {
    ondemand::object object;
    if (depth == 0 || value.get_object().get(object) != simdjson::SUCCESS) return false;
    for (auto entry : object) {
        ondemand::field field;
        if (std::move(entry).get(field) != simdjson::SUCCESS) return false;
        if (!has_valid_escapes(content_at(field.key().raw())) || !is_json(field.value(), depth - 1)) return false;
    }
    return true;
}

bool is_json(ondemand::value value, unsigned depth) {
    json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    std::size_t elements = 0;
    if (type == json_type::array) return is_json_array(value, depth, elements);
    if (type == json_type::object) return is_json_object(value, depth);
    const auto token = take_token(value, type);
    return token && is_scalar(*token);
}

}  // namespace

Document::Document(Parser& parser, std::string& body) : parser_(parser), body_(body) {
    if (body.starts_with("\xEF\xBB\xBF")) {  // simdjson 3.12 would skip a byte order mark, 3.0 does not
        reject(ProblemId::invalid_json);
        return;
    }
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
    const std::size_t room = std::max(body.size(), kSmallText);
    simdjson::error_code error = simdjson::SUCCESS;
    if (parser_.capacity() < room) error = parser_.allocate(room);
    if (error == simdjson::SUCCESS) {
        error = parser_.iterate(body.data(), body.size(), body.capacity()).get(document_);
    }
    if (error == simdjson::MEMALLOC) {
        parser_ = Parser();  // it may be half made
        reject(ProblemId::internal);
    } else if (error == simdjson::UTF8_ERROR) {
        reject(ProblemId::invalid_utf8);
    } else if (error != simdjson::SUCCESS) {
        reject(ProblemId::invalid_json);
    }
}

Document::~Document() {
    if (parser_.capacity() > kSmallText) parser_ = Parser();
}

bool Document::read_string(std::string_view content, JsonValue& read) {
    read.kind = JsonValue::Kind::text;
    read.text = content;
    if (content.find('\\') == std::string_view::npos) return true;
    if (!has_valid_escapes(content)) return false;
    if (!unescaped_) {
        unescaped_ = std::make_unique_for_overwrite<std::uint8_t[]>(body_.size() + simdjson::SIMDJSON_PADDING);
    }
    const ondemand::raw_json_string string(reinterpret_cast<const std::uint8_t*>(content.data()));
    std::uint8_t* end = unescaped_.get() + unescaped_size_;
    if (parser_.unescape(string, end).get(read.text) == simdjson::SUCCESS) {
        unescaped_size_ = static_cast<std::size_t>(end - unescaped_.get());
    } else {
        read.kind = JsonValue::Kind::unpaired_surrogate;
    }
    return true;
}

bool Document::read_value(ondemand::value value, unsigned depth, JsonValue& read) {
    json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return false;
    if (type == json_type::array) {
        read.kind = JsonValue::Kind::array;
        return is_json_array(value, depth, read.elements);
    }
    if (type == json_type::object) return is_json_object(value, depth);
    const auto taken = take_token(value, type);
    if (!taken) return false;
    const std::string_view token = *taken;
    if (const auto content = content_of(token)) return read_string(*content, read);
    if (token == "null") {
        read.kind = JsonValue::Kind::null;
        return true;
    }
    read_integer(token, read);
    return is_scalar(token);
}

bool Document::read_object(ondemand::object object, unsigned depth, Fields& fields) {
    for (auto entry : object) {
        ondemand::field field;
        if (std::move(entry).get(field) != simdjson::SUCCESS) return false;
        JsonValue name;
        JsonValue value;
        if (!read_string(content_at(field.key().raw()), name)) return false;
        if (!read_value(field.value(), depth - 1, value)) return false;
        fields.add(name, value);
    }
    return true;
}

std::string_view Document::find_text(Field field) {
    ondemand::object object;
    const simdjson::error_code error = document_.get_object().get(object);
    if (error != simdjson::SUCCESS) {
        reject(error == simdjson::INCORRECT_TYPE ? ProblemId::not_an_object : ProblemId::invalid_json);
        return {};
    }
    for (auto entry : object) {
        ondemand::field one;
        JsonValue name;
        if (std::move(entry).get(one) != simdjson::SUCCESS || !read_string(content_at(one.key().raw()), name)) {
            reject(ProblemId::invalid_json);
            return {};
        }
        if (name.text != rule_of(field).name) continue;
        const auto content = content_of(without_blanks(one.value().raw_json_token()));
        JsonValue value;
        if (content && !read_string(*content, value)) reject(ProblemId::invalid_json);
        return value.kind == JsonValue::Kind::text ? value.text : std::string_view();
    }
    return {};
}

// Whether every token has been read. simdjson 3.0 has no at_end().
bool Document::at_end() { return document_.current_location().error() == simdjson::OUT_OF_BOUNDS; }

// Whether a text that is no object is JSON all the same.
bool Document::read_other_root() {
    json_type type{};
    if (document_.type().get(type) != simdjson::SUCCESS) return false;
    if (type == json_type::array) {
        ondemand::array array;
        if (document_.get_array().get(array) != simdjson::SUCCESS) return false;
        for (auto element : array) {
            ondemand::value one;
            // simdjson wants an rvalue here. NOLINTNEXTLINE(performance-move-const-arg)
            if (std::move(element).get(one) != simdjson::SUCCESS || !is_json(one, kMaxDepth - 1)) return false;
        }
        return at_end();
    }
    std::string_view token;
    if (document_.raw_json_token().get(token) != simdjson::SUCCESS) return false;
    // The token is the whole text, or something follows it.
    return token.data() + token.size() == body_.data() + body_.size() && is_scalar(without_blanks(token));
}

std::optional<Rejection> Document::read(Fields& fields) {
    document_.rewind();
    unescaped_size_ = 0;
    ondemand::object object;
    const simdjson::error_code error = document_.get_object().get(object);
    if (error == simdjson::INCORRECT_TYPE) {
        reject(read_other_root() ? ProblemId::not_an_object : ProblemId::invalid_json);
    } else if (error != simdjson::SUCCESS || !read_object(object, kMaxDepth, fields) || !at_end()) {
        reject(ProblemId::invalid_json);
    }
    return rejection_;
}

void Document::go_to_elements(Field field) {
    document_.rewind();
    unescaped_size_ = 0;
    ondemand::object object = document_.get_object();
    for (ondemand::field one : object) {
        JsonValue name;
        read_string(content_at(one.key().raw()), name);
        if (name.text != rule_of(field).name) continue;
        elements_ = one.value().get_array();
        element_ = elements_.begin();
        return;
    }
}

bool Document::next_element(Fields& fields) {
    unescaped_size_ = 0;
    if (!at_first_element_) ++element_;
    at_first_element_ = false;
    ondemand::value element = *element_;
    ondemand::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS) return false;
    return read_object(object, kMaxDepth - 1, fields);
}

}  // namespace caas::http
