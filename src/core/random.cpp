#include "random.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <cstring>

namespace caas {

RandomBuffer::~RandomBuffer() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

bool RandomBuffer::take(std::uint8_t* out, std::size_t len) {
    if (len > kBytes) return false;
    const pid_t self = getpid();
    if (self != owner_ || left_ < len) {
        left_ = 0;
        if (RAND_bytes(bytes_.data(), static_cast<int>(kBytes)) != 1) return false;
        left_ = kBytes;
        owner_ = self;
    }
    std::uint8_t* next = bytes_.data() + (kBytes - left_);
    std::memcpy(out, next, len);
    OPENSSL_cleanse(next, len);
    left_ -= len;
    return true;
}

}  // namespace caas
