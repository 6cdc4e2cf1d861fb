#include "secret.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <bitset>
#include <functional>
#include <mutex>
#include <type_traits>

namespace caas {

namespace {

// A keyring of 1024 generations takes at most 6145 blocks: a secret, a carried index key, three CMAC subkeys and an
// index key in use each, and the active generation's key for sealing again; 1024 more while distinct index keys are
// looked for. That is enough for a backend; the HTTP service has an engine for each thread, so the arena can grow.
constexpr std::size_t kBlocks = 8192;
constexpr std::size_t kMaxChunks = 1024;

// Locks pages at their first use where the system can, because most keyrings fill a single page. (Under
// AddressSanitizer mlock does nothing, but mlock2 works.)
bool lock(void* memory, std::size_t size) {
#ifdef MLOCK_ONFAULT
    if (mlock2(memory, size, MLOCK_ONFAULT) == 0) return true;
#endif
    return mlock(memory, size) == 0;
}

// Chunk hands out blocks of one size. Its pages lie between two guard pages, which no code may access.
class Chunk {
public:
    Chunk() {
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

    // Null when all blocks are taken.
    std::uint8_t* take() {
        if (count_ == kBlocks) return nullptr;
        while (taken_[next_]) next_ = (next_ + 1) % kBlocks;
        taken_[next_] = true;
        count_++;
        return memory_ + next_ * kSecretBlock;
    }

    bool holds(const std::uint8_t* block) const {
        return std::greater_equal<>()(block, memory_) && std::less<>()(block, memory_ + kBytes);
    }

    void give(const std::uint8_t* block) {
        taken_[static_cast<std::size_t>(block - memory_) / kSecretBlock] = false;
        count_--;
    }

    std::size_t taken() const { return count_; }
    bool locked() const { return locked_; }

private:
    static constexpr std::size_t kBytes = kBlocks * kSecretBlock;

    std::uint8_t* memory_ = nullptr;
    bool locked_ = false;
    std::bitset<kBlocks> taken_;
    std::size_t count_ = 0;
    std::size_t next_ = 0;
};

// Arena is a list of chunks that grows when they are full. Chunks are never freed.
class Arena {
public:
    Arena() { add(); }

    std::uint8_t* take() {
        const std::lock_guard<std::mutex> guard(mutex_);
        for (std::size_t i = 0; i < count_; i++) {
            if (std::uint8_t* const block = chunks_[i]->take()) return block;
        }
        if (count_ == kMaxChunks) throw std::bad_alloc();
        add();
        return chunks_[count_ - 1]->take();
    }

    void give(std::uint8_t* block) {
        OPENSSL_cleanse(block, kSecretBlock);
        const std::lock_guard<std::mutex> guard(mutex_);
        for (std::size_t i = 0; i < count_; i++) {
            if (chunks_[i]->holds(block)) return chunks_[i]->give(block);
        }
    }

    std::size_t taken() {
        const std::lock_guard<std::mutex> guard(mutex_);
        std::size_t sum = 0;
        for (std::size_t i = 0; i < count_; i++) sum += chunks_[i]->taken();
        return sum;
    }

    bool locked() {
        const std::lock_guard<std::mutex> guard(mutex_);
        bool all = true;
        for (std::size_t i = 0; i < count_; i++) all = all && chunks_[i]->locked();
        return all;
    }

private:
    void add() {
        chunks_[count_] = new Chunk;
        count_++;
    }

    std::mutex mutex_;
    std::array<Chunk*, kMaxChunks> chunks_{};
    std::size_t count_ = 0;
};

// The arena is made at its first use. It has no destructor, so it outlives every object that holds a secret.
Arena& arena() {
    static_assert(std::is_trivially_destructible_v<Arena>);
    static Arena made;
    return made;
}

}  // namespace

std::uint8_t* take_secret_block() { return arena().take(); }

void give_secret_block(std::uint8_t* block) noexcept {
    if (block != nullptr) arena().give(block);
}

std::size_t secret_blocks_taken() { return arena().taken(); }

bool secrets_locked() { return arena().locked(); }

}  // namespace caas
