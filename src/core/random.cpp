#include "random.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace caas {

namespace {

// Some emulators (qemu-user) return success for every madvise() and ignore it. A call with an invalid advice detects
// them: a real kernel refuses it.
bool wiped_on_fork(void* memory, std::size_t size) {
#ifdef MADV_WIPEONFORK
    constexpr int kNoAdvice = -1;
    return madvise(memory, size, kNoAdvice) != 0 && madvise(memory, size, MADV_WIPEONFORK) == 0;
#else
    (void)memory;
    (void)size;
    return false;
#endif
}

}  // namespace

RandomBuffer::RandomBuffer(ForkCheck check) : check_(check) {
    void* const memory = mmap(nullptr, sizeof(Pages), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    if (check_ == ForkCheck::wiped_memory && !wiped_on_fork(memory, sizeof(Pages))) check_ = ForkCheck::process_id;
    pages_ = new (memory) Pages{};
}

RandomBuffer::~RandomBuffer() {
    OPENSSL_cleanse(pages_, sizeof(Pages));
    (void)munmap(pages_, sizeof(Pages));
}

bool RandomBuffer::refill() {
    pages_->left = 0;
    if (RAND_bytes(pages_->bytes, static_cast<int>(kBytes)) != 1) return false;
    pages_->left = kBytes;
    if (check_ == ForkCheck::process_id) owner_ = getpid();
    return true;
}

bool RandomBuffer::take(std::uint8_t* out, std::size_t len) {
    if (len > kBytes) return false;
    const bool inherited = check_ == ForkCheck::process_id && owner_ != getpid();
    if ((inherited || pages_->left < len) && !refill()) return false;
    std::uint8_t* next = pages_->bytes + (kBytes - pages_->left);
    std::memcpy(out, next, len);
    OPENSSL_cleanse(next, len);
    pages_->left -= len;
    return true;
}

}  // namespace caas
