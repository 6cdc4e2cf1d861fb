// Where connections come from: addresses and the sockets that listen there.
#pragma once
#include "connection.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>

#include <string>

namespace caas::http {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, asio::io_context::executor_type>;

class Listener {
public:
    // Binds and listens. address is HOST:PORT with a numeric host, [HOST]:PORT or unix:PATH. Throws
    // program::ProgramError, also where TCP beyond loopback would be without TLS, unless insecure.
    Listener(asio::io_context& context, const std::string& address, bool tls, bool insecure);
    ~Listener();
    Listener(Listener&& other) noexcept;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    Listener& operator=(Listener&&) = delete;

    // Also takes a Unix socket's name away, which is then free for the next service.
    void close();
    Acceptor& acceptor() { return acceptor_; }
    bool tls() const { return tls_; }
    // "http://127.0.0.1:40123"
    const std::string& url() const { return url_; }

private:
    void listen_unix(const std::string& path);
    void listen_tcp(const std::string& address, bool insecure);
    void listen(const asio::generic::stream_protocol::endpoint& endpoint, const std::string& address);

    Acceptor acceptor_;
    bool tls_;
    std::string url_;
    std::string socket_path_;  // of a Unix socket, to be removed; else empty
};

}  // namespace caas::http
