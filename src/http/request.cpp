#include "request.hpp"

#include <boost/beast/core/string.hpp>

namespace caas::http {

using boost::beast::iequals;
using boost::beast::http::field;

void RequestLines::read(field name, std::string_view value) {
    switch (name) {
        case field::host:
            hosts_++;
            break;
        case field::content_type:
            content_types_++;
            head_.content_type = value;
            break;
        case field::authorization:
            authorizations_++;
            head_.authorization = value;
            break;
        case field::content_encoding:
            head_.encoded = true;
            break;
        case field::transfer_encoding:
            codings_++;
            chunked_ = iequals({value.data(), value.size()}, "chunked");
            break;
        case field::expect:
            expects_continue_ = expects_continue_ || iequals({value.data(), value.size()}, "100-continue");
            break;
        default:
            break;
    }
}

// Of a coding that is not chunked Beast would see no body, and take the body for the next request.
bool RequestLines::clear() const {
    return (!is_1_1_ || hosts_ == 1) &&  // RFC 9112, section 3.2
           authorizations_ <= 1 && content_types_ <= 1 && (codings_ == 0 || (codings_ == 1 && chunked_));
}

bool has_folded_line(std::string_view head) {
    for (std::size_t at = head.find('\n'); at < head.size() - 1; at = head.find('\n', at + 1)) {
        if (head[at + 1] == ' ' || head[at + 1] == '\t') return true;
    }
    return false;
}

}  // namespace caas::http
