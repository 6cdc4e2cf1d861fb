// An address of --listen and the socket that listens there.
#pragma once
#include "connection.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>

#include <string>
#include <vector>

namespace caas::http {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, asio::io_context::executor_type>;

class Listener {
public:
    struct Rules {
        bool tls;
        bool insecure;   // allow TCP beyond loopback without TLS
        bool ipv6_only;  // for [::], which otherwise takes IPv4 connections too
    };

    // Binds and listens. address is HOST:PORT with a numeric host, [HOST]:PORT or unix:PATH. Throws
    // program::ProgramError.
    Listener(asio::io_context& context, const std::string& address, const Rules& rules);
    ~Listener();
    Listener(Listener&& other) noexcept;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    Listener& operator=(Listener&&) = delete;

    // Removes the name of a Unix socket too, so that the next service can use it.
    void close();
    Acceptor& acceptor() { return acceptor_; }
    bool tls() const { return tls_; }
    // "http://127.0.0.1:40123"
    const std::string& url() const { return url_; }

private:
    void listen_unix(const std::string& path);
    void listen_tcp(const std::string& address, const Rules& rules);
    void listen(const asio::generic::stream_protocol::endpoint& endpoint, const std::string& address,
                bool ipv6_only = true);

    Acceptor acceptor_;
    bool tls_;
    std::string url_;
    std::string socket_path_;  // of a Unix socket, to be removed; empty for TCP
};

// True if addresses has one of IPv4 with the same port. The system refuses that beside an [::] that takes IPv4 too.
bool shares_port_with_ipv4(const std::string& address, const std::vector<std::string>& addresses);

}  // namespace caas::http
