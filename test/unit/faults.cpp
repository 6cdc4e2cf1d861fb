#include "faults.hpp"

#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace caas::test {

namespace {

struct Plan {
    bool armed = false;
    bool lasting = false;
    std::size_t allowed = 0;
    std::size_t failed = 0;
};

thread_local Plan plans[2];

Plan& plan_of(Allocator which) { return plans[which == Allocator::cpp ? 0 : 1]; }

bool must_fail(Allocator which) {
    Plan& plan = plan_of(which);
    if (!plan.armed) return false;
    if (plan.allowed > 0) {
        plan.allowed--;
        return false;
    }
    if (plan.failed > 0 && !plan.lasting) return false;
    plan.failed++;
    return true;
}

// Plain storage, because this code runs inside the allocators.
struct Watch {
    std::uint8_t pattern[64] = {};
    std::size_t length = 0;
    int found = 0;
};

thread_local Watch watch;

// Overwrites a new block while memory is watched: it may still hold what the test itself has freed.
void* allocate(std::size_t size) {
    constexpr int kFresh = 0xDB;
    void* const memory = std::malloc(size);
    if (memory != nullptr && watch.length > 0) std::memset(memory, kFresh, malloc_usable_size(memory));
    return memory;
}

void release(void* memory) {
    if (memory != nullptr && watch.length > 0 &&
        memmem(memory, malloc_usable_size(memory), watch.pattern, watch.length) != nullptr) {
        watch.found++;
    }
    std::free(memory);
}

void* openssl_malloc(std::size_t size, const char* /*file*/, int /*line*/) {
    return must_fail(Allocator::openssl) ? nullptr : allocate(size);
}

void* openssl_realloc(void* old, std::size_t size, const char* /*file*/, int /*line*/) {
    return must_fail(Allocator::openssl) ? nullptr : std::realloc(old, size);
}

void openssl_free(void* memory, const char* /*file*/, int /*line*/) { release(memory); }

}  // namespace

bool install_openssl_faults() { return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1; }

FailingAllocations::FailingAllocations(Allocator which, std::size_t allowed, bool lasting) : which_(which) {
    plan_of(which) = {.armed = true, .lasting = lasting, .allowed = allowed};
}

FailingAllocations::~FailingAllocations() { plan_of(which_).armed = false; }

bool FailingAllocations::hit() const { return plan_of(which_).failed > 0; }

FreedMemoryWatch::FreedMemoryWatch(std::span<const std::uint8_t> pattern) {
    if (pattern.size() > sizeof watch.pattern) throw std::bad_alloc();
    watch = {};
    std::memcpy(watch.pattern, pattern.data(), pattern.size());
    watch.length = pattern.size();
}

FreedMemoryWatch::~FreedMemoryWatch() { watch = {}; }

int FreedMemoryWatch::found() const { return watch.found; }

void free_cpp(void* memory) { release(memory); }

void* cpp_try_allocate(std::size_t size) noexcept {
    return must_fail(Allocator::cpp) ? nullptr : allocate(size == 0 ? 1 : size);
}

void* cpp_allocate(std::size_t size) {
    void* memory = cpp_try_allocate(size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace caas::test

void* operator new(std::size_t size) { return caas::test::cpp_allocate(size); }
void* operator new[](std::size_t size) { return caas::test::cpp_allocate(size); }
// Sorting and parsing JSON allocate like this; AddressSanitizer's own new would not match our delete.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return caas::test::cpp_try_allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return caas::test::cpp_try_allocate(size); }
void operator delete(void* memory) noexcept { caas::test::free_cpp(memory); }
void operator delete[](void* memory) noexcept { caas::test::free_cpp(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { caas::test::free_cpp(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { caas::test::free_cpp(memory); }
