// Memory for secrets: an arena of the process, locked and left out of core dumps where the system allows it. Blocks are
// cleansed when they are given back. OPENSSL_secure_malloc is no substitute: once its heap exists, OpenSSL also takes
// Argon2's megabytes from it, and fails. A secret is read through expose() only, so that every use can be found by that
// word.
#pragma once
#include "core_only.hpp"

#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace caas {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::size_t kSecretBlock = 32;

// Takes a block of zeroes. Throws std::bad_alloc when the arena is exhausted.
std::uint8_t* take_secret_block();
// Cleanses the block; null is allowed.
void give_secret_block(std::uint8_t* block) noexcept;
std::size_t secret_blocks_taken();
// True when the whole arena is locked and left out of core dumps.
bool secrets_locked();

// SecretKey<N> owns a block of which N bytes are used.
template <std::size_t N>
class SecretKey {
    static_assert(N <= kSecretBlock);

public:
    SecretKey() : bytes_(take_secret_block()) {}
    explicit SecretKey(std::span<const std::uint8_t, N> from) : SecretKey() {
        for (std::size_t i = 0; i < N; i++) bytes_[i] = from[i];
    }
    SecretKey(SecretKey&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
    SecretKey& operator=(SecretKey&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    SecretKey(const SecretKey&) = delete;
    SecretKey& operator=(const SecretKey&) = delete;
    ~SecretKey() { give_secret_block(bytes_); }

    std::span<const std::uint8_t, N> expose() const { return std::span<const std::uint8_t, N>(bytes_, N); }
    std::span<std::uint8_t, N> expose_mutable() { return std::span<std::uint8_t, N>(bytes_, N); }

private:
    std::uint8_t* bytes_;
};

// ScratchSecret<N> is a buffer on the stack that lives for one call and is cleansed at its end. Only the part that was
// reserved is overwritten, which keeps the row path cheap.
template <std::size_t N>
class ScratchSecret {
public:
    ScratchSecret() {}  // the bytes stay uninitialised on purpose
    ScratchSecret(const ScratchSecret&) = delete;
    ScratchSecret& operator=(const ScratchSecret&) = delete;
    ~ScratchSecret() { OPENSSL_cleanse(bytes_, used_); }

    std::uint8_t* reserve(std::size_t used) {
        if (used > used_) used_ = used;
        return bytes_;
    }
    const std::uint8_t* data() const { return bytes_; }

private:
    std::size_t used_ = 0;
    alignas(16) std::uint8_t bytes_[N];
};

// CleansingAllocator gives containers of the core memory that is cleansed before it is freed. It is for plaintext,
// which may be larger than the arena; the memory is not locked.
template <typename T>
struct CleansingAllocator {
    using value_type = T;

    CleansingAllocator() = default;
    template <typename U>
    explicit CleansingAllocator(const CleansingAllocator<U>& /*other*/) {}

    T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* memory, std::size_t count) {
        OPENSSL_cleanse(memory, count * sizeof(T));
        std::allocator<T>().deallocate(memory, count);
    }
    bool operator==(const CleansingAllocator& /*other*/) const { return true; }
};

}  // namespace caas
