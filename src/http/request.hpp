// Complements Beast: refuses heads that a proxy may read differently, and bounds the memory of a body.
#pragma once
#include "answer.hpp"
#include "routes.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/system/error_code.hpp>

#include <limits>
#include <string>
#include <string_view>

namespace caas::http {

// RequestLines are the lines of a head, read in one pass.
class RequestLines {
public:
    template <typename Fields>
    explicit RequestLines(const boost::beast::http::request_header<Fields>& request)
        : is_1_1_(request.version() >= 11) {
        head_.method = view(request.method_string());
        head_.route = route_at(view(request.target()));
        for (const auto& line : request) read(line.name(), view(line.value()));
    }

    // Points into the request.
    const Head& head() const { return head_; }
    // True if every reader of this head sees the same request (no request smuggling).
    bool clear() const;
    // True if the client waits for a 100 Continue.
    bool waits() const { return is_1_1_ && expects_continue_; }

private:
    static std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }
    void read(boost::beast::http::field name, std::string_view value);

    Head head_;
    unsigned hosts_ = 0, authorizations_ = 0, content_types_ = 0, codings_ = 0;
    bool is_1_1_;
    bool chunked_ = false;
    bool expects_continue_ = false;
};

// True if a line continues the line before it (obs-fold, RFC 9112, section 5.2): a proxy may see two fields where Beast
// sees one.
bool has_folded_line(std::string_view head);

// GrowingBody is Beast's string_body with room for the bytes that have arrived instead of the announced length, so that
// a client cannot make the service use memory by a header alone. The room grows by a quarter.
struct GrowingBody {
    using value_type = std::string;
    class reader {
    public:
        template <bool isRequest, typename Fields>
        reader(boost::beast::http::header<isRequest, Fields>&, std::string& body) : body_(body) {}
        template <typename Length>
        void init(const Length& length, boost::system::error_code& error) {
            if (length) announced_ = static_cast<std::size_t>(*length);
            error = {};
        }
        template <typename Buffers>
        std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
            error = {};
            const std::size_t before = body_.size();
            make_room(before + boost::asio::buffer_size(buffers));
            for (auto at = boost::asio::buffer_sequence_begin(buffers); at != boost::asio::buffer_sequence_end(buffers);
                 ++at) {
                const boost::asio::const_buffer part = *at;
                body_.append(static_cast<const char*>(part.data()), part.size());
            }
            return body_.size() - before;
        }
        void finish(boost::system::error_code& error) { error = {}; }

    private:
        void make_room(std::size_t size);

        std::string& body_;
        std::size_t announced_ = std::numeric_limits<std::size_t>::max() / 2;  // in chunks, nothing is announced
    };
};

}  // namespace caas::http
