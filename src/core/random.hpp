// Random bytes for nonces and salts. They are buffered: one call of RAND_bytes costs as much as sealing a value.
#pragma once
#include "core_only.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace caas {

// How a buffer detects that its process was forked, so that parent and child never use the same bytes.
enum class ForkCheck : std::uint8_t {
    wiped_memory,  // the kernel wipes the buffer in the child (Linux 4.14); falls back to process_id
    process_id,    // compared before each use: costs a system call, and process numbers are reused
};

// RandomBuffer hands out every byte once. A forked process discards the bytes that its parent had drawn.
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
        std::size_t left;  // lies in the wiped memory too: 0 in a forked process
        std::uint8_t bytes[kBytes];
    };

    bool refill();

    Pages* pages_;
    ForkCheck check_;
    pid_t owner_ = 0;
};

}  // namespace caas
