// Memory for secrets: allocated by OPENSSL_secure_malloc (locked and left out of core dumps where the system allows
// it), cleansed when it goes. A secret is read through expose() only, so that every use can be found by that word.
#pragma once
#include "core_only.hpp"

#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace caas {

using Bytes = std::span<const std::uint8_t>;

// Sets the locked arena up, once in a process; whoever did it before wins.
void prepare_secure_memory();
bool secure_memory_locked();

// SecretKey<N> owns N bytes on the secure heap. Throws std::bad_alloc when that is exhausted.
template <std::size_t N>
class SecretKey {
public:
    SecretKey() : bytes_(static_cast<std::uint8_t*>(OPENSSL_secure_zalloc(N))) {
        if (bytes_ == nullptr) throw std::bad_alloc();
    }
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
    ~SecretKey() { OPENSSL_secure_clear_free(bytes_, N); }

    std::span<const std::uint8_t, N> expose() const { return std::span<const std::uint8_t, N>(bytes_, N); }
    std::span<std::uint8_t, N> expose_mutable() { return std::span<std::uint8_t, N>(bytes_, N); }

private:
    std::uint8_t* bytes_;
};

// ScratchSecret<N> is a buffer of the stack for the span of one call: too short-lived for the secure heap, and cleansed
// like it. Only the part that was marked as used is overwritten, which keeps the row path cheap.
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

}  // namespace caas
