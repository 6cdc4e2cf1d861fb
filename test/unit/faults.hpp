// The allocators of C++ and of OpenSSL, which fail on demand and report what freed memory still holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace caas::test {

bool install_openssl_faults();

enum class Allocator { cpp, openssl };

// FailingAllocations lets the allocation after `allowed` others fail and, when `lasting`, every later one, until it is
// destroyed.
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

// FreedMemoryWatch counts the blocks that hold the pattern when they are freed, until it is destroyed.
class FreedMemoryWatch {
public:
    explicit FreedMemoryWatch(std::span<const std::uint8_t> pattern);
    FreedMemoryWatch(const FreedMemoryWatch&) = delete;
    FreedMemoryWatch& operator=(const FreedMemoryWatch&) = delete;
    ~FreedMemoryWatch();
    int found() const;
};

}  // namespace caas::test
