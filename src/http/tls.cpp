#include "tls.hpp"

#include "../program/descriptor.hpp"
#include "../program/report.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

namespace caas::http {

namespace {

// Forward secrecy and authenticated encryption, which all suites of TLS 1.3 have.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

// Opens the file once, so that the error says why it cannot be read. O_NONBLOCK: a FIFO must not hang a reload.
struct stat status_of_readable(const std::string& path) {
    const program::Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (file.get() < 0 || fstat(file.get(), &status) != 0) throw program::errno_error(path, "it cannot be opened");
    if (!S_ISREG(status.st_mode)) throw program::program_error(path + ": it is not a regular file");
    return status;
}

// PostgreSQL has the same rule for its ssl_key_file: only the owner and the group may read it.
void check_key_file(const std::string& path) {
    if ((status_of_readable(path).st_mode & S_IRWXO) != 0)
        throw program::program_error(path +
                                     ": others may read the key; set its mode to 0600 or 0640, that of a secret that a "
                                     "container platform mounts to 0440");
}

// Without this, a key with a pass phrase would wait for a terminal.
int no_pass_phrase(char*, int, int, void*) { return 0; }

}  // namespace

TlsContext make_tls_context(const std::string& certificate_path, const std::string& key_path) {
    (void)status_of_readable(certificate_path);
    check_key_file(key_path);
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX* ssl = context->native_handle();
    SSL_CTX_set_default_passwd_cb(ssl, no_pass_phrase);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_CLEANSE_PLAINTEXT);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);  // tickets resume sessions without a cache
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);                // idle connections keep no buffers
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1)
        throw program::program_error("OpenSSL refuses TLS 1.2 as the oldest version");
    if (SSL_CTX_set_cipher_list(ssl, kTls12Ciphers) != 1)
        throw program::program_error("OpenSSL refuses the cipher suites of TLS 1.2");
    const bool certificate = SSL_CTX_use_certificate_chain_file(ssl, certificate_path.c_str()) == 1;
    const bool key = certificate && SSL_CTX_use_PrivateKey_file(ssl, key_path.c_str(), SSL_FILETYPE_PEM) == 1;
    const bool fit = key && SSL_CTX_check_private_key(ssl) == 1;
    ERR_clear_error();
    if (!certificate) throw program::program_error(certificate_path + ": it is not a certificate chain in PEM");
    if (!key)
        throw program::program_error(
            key_path + ": it is not a private key in PEM, without a pass phrase, that belongs to the certificate");
    if (!fit) throw program::program_error(key_path + ": the key does not belong to the certificate");
    return context;
}

}  // namespace caas::http
