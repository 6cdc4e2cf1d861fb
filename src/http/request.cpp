#include "request.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

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

// Beast sees no body under a transfer coding other than chunked, and would take the body for the next request.
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

// std::string::reserve() would at least double a string that has content.
void GrowingBody::reader::make_room(std::size_t size) {
    constexpr std::size_t kRoomBehind =
        64;  // the JSON parser reads beyond the end; without room it would copy the body
    const std::size_t needed = size + kRoomBehind;
    if (body_.capacity() >= needed) return;
    std::string larger;
    larger.reserve(std::max(needed, std::min(body_.capacity() + body_.capacity() / 4, announced_ + kRoomBehind)));
    larger += body_;
    body_.swap(larger);
}

}  // namespace caas::http
