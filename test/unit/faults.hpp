// The allocators of C++ and of OpenSSL, which fail on demand and report what freed memory still holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace caas::test {

bool install_openssl_faults();

enum class Allocator { cpp, openssl };

// While it lives, the allocation after `allowed` others fails, and every later one does when `lasting`.
class FailingAllocations {
public:
    FailingAllocations(Allocator which, std::size_t allowed, bool lasting);
    FailingAllocations(const FailingAllocations&) = delete;
    FailingAllocations& operator=(const FailingAllocations&) = delete;
    ~FailingAllocations();
    // True when an allocation has failed.
    bool hit() const;

private:
    Allocator which_;
};

// While it lives, counts the blocks that are freed while they hold the pattern.
class FreedMemoryWatch {
public:
    explicit FreedMemoryWatch(std::span<const std::uint8_t> pattern);
    FreedMemoryWatch(const FreedMemoryWatch&) = delete;
    FreedMemoryWatch& operator=(const FreedMemoryWatch&) = delete;
    ~FreedMemoryWatch();
    int found() const;
};

}  // namespace caas::test
