// Random bytes for nonces and salts, buffered: one draw from the system's generator costs as much as sealing a value.
#pragma once
#include "core_only.hpp"

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace caas {

// RandomBuffer hands out every byte once. A process that was forked off discards what its parent had drawn.
class RandomBuffer {
public:
    RandomBuffer() = default;
    RandomBuffer(const RandomBuffer&) = delete;
    RandomBuffer& operator=(const RandomBuffer&) = delete;
    ~RandomBuffer();

    // out receives len bytes, at most kBytes. False when OpenSSL's generator fails; out is then undefined.
    bool take(std::uint8_t* out, std::size_t len);

    static constexpr std::size_t kBytes = 4096;

private:
    std::array<std::uint8_t, kBytes> bytes_;
    std::size_t left_ = 0;
    pid_t owner_ = 0;
};

}  // namespace caas
