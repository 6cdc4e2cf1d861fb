// The certificate of the service.
#pragma once
#include "connection.hpp"

#include <string>

namespace caas::http {

// TLS 1.2 or later, with the chain and the key of two PEM files. Throws program::ProgramError.
TlsContext make_tls_context(const std::string& certificate_path, const std::string& key_path);

}  // namespace caas::http
