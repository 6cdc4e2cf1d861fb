// What of a request Beast leaves to us: whether its head is clear to everyone, and the memory of its body.
#pragma once
#include "answer.hpp"
#include "routes.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/system/error_code.hpp>

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
    // Whether everyone who reads the head sees the same request.
    bool clear() const;
    // Whether the client waits for a 100 Continue.
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

// Lines that go on behind a blank (RFC 9112, section 5.2): a proxy may see two fields where Beast sees one.
bool has_folded_line(std::string_view head);

// As Beast's string_body, but makes room for what has come, not for what was announced: memory is cleansed when it is
// freed, and so is used whether something was written there or not.
struct GrowingBody {
    using value_type = std::string;
    class reader {
    public:
        template <bool isRequest, typename Fields>
        reader(boost::beast::http::header<isRequest, Fields>&, std::string& body) : body_(body) {}
        template <typename Length>
        void init(const Length&, boost::system::error_code& error) {
            error = {};
        }
        template <typename Buffers>
        std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
            // The JSON parser wants room behind the end, and would have to move the body.
            constexpr std::size_t kRoomBehind = 64;
            error = {};
            const std::size_t before = body_.size();
            body_.reserve(before + boost::asio::buffer_size(buffers) + kRoomBehind);
            for (auto at = boost::asio::buffer_sequence_begin(buffers); at != boost::asio::buffer_sequence_end(buffers);
                 ++at) {
                const boost::asio::const_buffer part = *at;
                body_.append(static_cast<const char*>(part.data()), part.size());
            }
            return body_.size() - before;
        }
        void finish(boost::system::error_code& error) { error = {}; }

    private:
        std::string& body_;
    };
};

}  // namespace caas::http
