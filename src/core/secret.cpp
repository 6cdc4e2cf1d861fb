#include "secret.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <bitset>
#include <mutex>
#include <type_traits>

namespace caas {

namespace {

// 1024 generations with a secret, three subkeys and an index key each take 5120.
constexpr std::size_t kBlocks = 8192;

// Pages are locked when they are first touched, where that can be had: most keyrings fill one. AddressSanitizer makes
// mlock do nothing, mlock2 it leaves alone.
bool lock(void* memory, std::size_t size) {
#ifdef MLOCK_ONFAULT
    if (mlock2(memory, size, MLOCK_ONFAULT) == 0) return true;
#endif
    return mlock(memory, size) == 0;
}

// Arena hands out blocks of one size from pages between two that nobody may touch.
class Arena {
public:
    Arena() {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        void* const all = mmap(nullptr, kBytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) throw std::bad_alloc();
        memory_ = static_cast<std::uint8_t*>(all) + page;
        if (mprotect(memory_, kBytes, PROT_READ | PROT_WRITE) != 0) {
            (void)munmap(all, kBytes + 2 * page);
            throw std::bad_alloc();
        }
        locked_ = lock(memory_, kBytes);
#ifdef MADV_DONTDUMP
        locked_ = madvise(memory_, kBytes, MADV_DONTDUMP) == 0 && locked_;
#endif
    }

    std::uint8_t* take() {
        const std::lock_guard<std::mutex> guard(mutex_);
        for (std::size_t tried = 0; tried < kBlocks; tried++) {
            const std::size_t block = next_;
            next_ = (next_ + 1) % kBlocks;
            if (taken_[block]) continue;
            taken_[block] = true;
            return memory_ + block * kSecretBlock;
        }
        return nullptr;
    }

    void give(std::uint8_t* block) {
        OPENSSL_cleanse(block, kSecretBlock);
        const std::lock_guard<std::mutex> guard(mutex_);
        taken_[static_cast<std::size_t>(block - memory_) / kSecretBlock] = false;
    }

    std::size_t taken() {
        const std::lock_guard<std::mutex> guard(mutex_);
        return taken_.count();
    }

    bool locked() const { return locked_; }

private:
    static constexpr std::size_t kBytes = kBlocks * kSecretBlock;

    std::mutex mutex_;
    std::uint8_t* memory_ = nullptr;
    bool locked_ = false;
    std::bitset<kBlocks> taken_;
    std::size_t next_ = 0;
};

// Made at the first use. There is nothing to destroy, so that it outlives whatever has a secret.
Arena& arena() {
    static_assert(std::is_trivially_destructible_v<Arena>);
    static Arena made;
    return made;
}

}  // namespace

std::uint8_t* take_secret_block() {
    std::uint8_t* const block = arena().take();
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

void give_secret_block(std::uint8_t* block) noexcept {
    if (block != nullptr) arena().give(block);
}

std::size_t secret_blocks_taken() { return arena().taken(); }

bool secrets_locked() { return arena().locked(); }

}  // namespace caas
