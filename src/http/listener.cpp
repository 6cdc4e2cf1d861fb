#include "listener.hpp"

#include "../program/report.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace caas::http {

namespace {

using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;
using Unix = asio::local::stream_protocol;

constexpr std::string_view kUnixPrefix = "unix:";

// "127.0.0.1:8443" or "[::1]:8443"
Tcp::endpoint endpoint_of(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    std::string host = address.substr(0, std::min(colon, address.size()));
    if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string::npos) {
        host.clear();  // an IPv6 address without its brackets
    }
    ErrorCode error;
    const auto ip = asio::ip::make_address(host, error);
    std::uint16_t port = 0;
    const char* end = address.data() + address.size();
    const char* begin = colon == std::string::npos ? end : address.data() + colon + 1;
    const auto [rest, wrong] = std::from_chars(begin, end, port);
    if (error || begin == end || rest != end || wrong != std::errc()) {
        throw program::usage_error(
            "--listen: \"" + address +
            "\" is not a numeric address and a port, such as 127.0.0.1:8443 or [::1]:8443, nor unix:PATH");
    }
    return {ip, port};
}

// Removes a socket on which nobody listens any more. Another file stays, and bind() reports it.
void remove_stale(asio::io_context& context, const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
    Unix::socket probe(context);
    ErrorCode error;
    probe.connect(Unix::endpoint(path), error);
    if (error == asio::error::connection_refused) (void)unlink(path.c_str());
}

}  // namespace

Listener::Listener(asio::io_context& context, const std::string& address, const Rules& rules)
    : acceptor_(context.get_executor()), tls_(rules.tls) {
    if (address.starts_with(kUnixPrefix)) {
        tls_ = false;
        remove_stale(context, address.substr(kUnixPrefix.size()));
        listen_unix(address.substr(kUnixPrefix.size()));
    } else {
        listen_tcp(address, rules);
    }
}

Listener::Listener(Listener&& other) noexcept
    : acceptor_(std::move(other.acceptor_)),
      tls_(other.tls_),
      url_(std::move(other.url_)),
      socket_path_(std::exchange(other.socket_path_, {})) {}

Listener::~Listener() { close(); }

void Listener::close() {
    if (!socket_path_.empty()) (void)unlink(socket_path_.c_str());
    socket_path_.clear();
    ErrorCode ignored;
    acceptor_.close(ignored);
}

void Listener::listen_unix(const std::string& path) {
    constexpr mode_t kMask = 0117;  // leaves 0660
    if (path.empty() || path.size() >= sizeof(sockaddr_un{}.sun_path)) {
        throw program::usage_error("--listen: a Unix socket's path has 1 to " +
                                   std::to_string(sizeof(sockaddr_un{}.sun_path) - 1) + " bytes");
    }
    const mode_t before = umask(kMask);
    try {
        listen(Unix::endpoint(path), path);
    } catch (...) {
        (void)umask(before);
        throw;
    }
    (void)umask(before);
    socket_path_ = path;
    url_ = "unix:" + path;
}

void Listener::listen_tcp(const std::string& address, const Rules& rules) {
    const Tcp::endpoint endpoint = endpoint_of(address);
    if (!tls_ && !rules.insecure && !endpoint.address().is_loopback()) {
        throw program::usage_error(
            "--listen: " + address +
            " is beyond loopback, and API keys and data would travel unencrypted; give --tls-cert and --tls-key, or "
            "--insecure if something else protects them");
    }
    listen(endpoint, address, rules.ipv6_only || !endpoint.address().is_unspecified());
    const auto bound = acceptor_.local_endpoint();
    Tcp::endpoint real;
    std::memcpy(real.data(), bound.data(), bound.size());
    const std::string host = real.address().to_string();
    url_ = std::string(tls_ ? "https://" : "http://") + (real.address().is_v6() ? "[" + host + "]" : host) + ":" +
           std::to_string(real.port());
}

void Listener::listen(const asio::generic::stream_protocol::endpoint& endpoint, const std::string& address,
                      bool ipv6_only) {
    ErrorCode error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error && endpoint.protocol().family() != AF_UNIX) {
        acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error && endpoint.protocol().family() == AF_INET6) acceptor_.set_option(asio::ip::v6_only(ipv6_only), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) acceptor_.non_blocking(true, error);
    if (error) throw program::program_error("cannot listen on " + address + ": " + error.message());
}

bool shares_port_with_ipv4(const std::string& address, const std::vector<std::string>& addresses) {
    const auto port = [](const std::string& of) { return of.substr(std::min(of.rfind(':'), of.size())); };
    if (address.ends_with(":0")) return false;  // each gets a port of its own
    return std::any_of(addresses.begin(), addresses.end(), [&](const std::string& other) {
        return other.find_first_not_of("0123456789.:") == std::string::npos && port(other) == port(address);
    });
}

}  // namespace caas::http
