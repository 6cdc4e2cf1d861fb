// The part of a thread's stack that is not in use.
#pragma once

namespace caas::http {

// Overwrites the stack below, where earlier calls of OpenSSL, Asio (8 KiB of an answer under TLS) and JSON leave data.
void cleanse_stack();

}  // namespace caas::http
