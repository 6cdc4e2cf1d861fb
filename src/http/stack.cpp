#include "stack.hpp"

#include <openssl/crypto.h>

#include <array>
#include <cstddef>

namespace caas::http {

[[gnu::noinline]] void cleanse_stack() {
    std::array<unsigned char, std::size_t{64} * 1024> dead;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    OPENSSL_cleanse(dead.data(), dead.size());
}

}  // namespace caas::http
