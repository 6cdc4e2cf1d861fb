// Allocations that fail on demand: those of C++ and those of OpenSSL.
#pragma once

#include <cstddef>

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
    // Whether an allocation has failed.
    bool hit() const;

private:
    Allocator which_;
};

}  // namespace caas::test
