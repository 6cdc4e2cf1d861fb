#include "tls.hpp"

#include "../program/report.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

namespace caas::http {

namespace {

// As PostgreSQL asks of its ssl_key_file: nobody beyond the owner and the group may read it.
void check_key_file(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) throw program::errno_error(path, "it cannot be opened");
    if ((status.st_mode & S_IRWXO) != 0)
        throw program::program_error(path + ": the key can be read by others; its mode is to be 0600 or 0640");
}

// A key that asks for a pass phrase would wait for a terminal.
int no_pass_phrase(char*, int, int, void*) { return 0; }

}  // namespace

TlsContext make_tls_context(const std::string& certificate_path, const std::string& key_path) {
    check_key_file(key_path);
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX* ssl = context->native_handle();
    SSL_CTX_set_default_passwd_cb(ssl, no_pass_phrase);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_CLEANSE_PLAINTEXT);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);  // tickets resume a session without one
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);                // idle connections keep none
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1)
        throw program::program_error("OpenSSL refuses TLS 1.2 as the oldest version");
    const bool certificate = SSL_CTX_use_certificate_chain_file(ssl, certificate_path.c_str()) == 1;
    const bool key = certificate && SSL_CTX_use_PrivateKey_file(ssl, key_path.c_str(), SSL_FILETYPE_PEM) == 1;
    const bool fit = key && SSL_CTX_check_private_key(ssl) == 1;
    ERR_clear_error();
    if (!certificate)
        throw program::program_error(certificate_path + ": it is not a readable certificate chain in PEM");
    if (!key)
        throw program::program_error(
            key_path + ": it is not a readable private key in PEM, without a pass phrase, that fits the certificate");
    if (!fit) throw program::program_error(key_path + ": the key does not belong to the certificate");
    return context;
}

}  // namespace caas::http
