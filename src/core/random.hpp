// Random bytes for nonces and salts, buffered: one draw from the system's generator costs as much as sealing a value.
#pragma once
#include "core_only.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace caas {

// How a buffer notices that its process was forked off.
enum class ForkCheck : std::uint8_t {
    wiped_memory,  // the kernel wipes the buffer in the child (Linux 4.14), else as below
    process_id,    // compared before each use: a system call, and a number that comes round again
};

// RandomBuffer hands out every byte once. A process that was forked off discards what its parent had drawn.
class RandomBuffer {
public:
    static constexpr std::size_t kBytes = 4096;

    explicit RandomBuffer(ForkCheck check = ForkCheck::wiped_memory);
    RandomBuffer(const RandomBuffer&) = delete;
    RandomBuffer& operator=(const RandomBuffer&) = delete;
    ~RandomBuffer();

    // out receives len bytes, at most kBytes. False when OpenSSL's generator fails; out is then undefined.
    bool take(std::uint8_t* out, std::size_t len);

    ForkCheck fork_check() const { return check_; }

private:
    struct Pages {
        std::size_t left;  // wiped with the bytes: then nothing is left
        std::uint8_t bytes[kBytes];
    };

    bool refill();

    Pages* pages_;
    ForkCheck check_;
    pid_t owner_ = 0;
};

}  // namespace caas
