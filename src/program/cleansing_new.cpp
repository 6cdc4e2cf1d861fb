// The program cleanses memory when it frees it, because requests, answers and parsed JSON lie there.
#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <new>

namespace {

void cleanse_and_free(void* memory) noexcept {
    if (memory == nullptr) return;
    OPENSSL_cleanse(memory, malloc_usable_size(memory));
    std::free(memory);  // NOLINT(cppcoreguidelines-no-malloc): this is operator new
}

}  // namespace

void* operator new(std::size_t size) {
    void* memory = std::malloc(size != 0 ? size : 1);  // NOLINT(cppcoreguidelines-no-malloc)
    if (memory != nullptr) return memory;
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { cleanse_and_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { cleanse_and_free(memory); }
