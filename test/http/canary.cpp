// Makes one error, the one that is named, so that a test can see that the sanitizer finds such errors in this build.
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <thread>

namespace {

volatile int sink;

int* volatile kept;

void use_after_free() {
    kept = new int(1);
    delete kept;
    sink = *kept;
}

void overflow() {
    std::string* text = new std::string(100, 'x');
    const volatile char* end = text->data() + text->capacity() + 1;
    sink = *end;
    delete text;
}

void leak() {
    kept = new int(1);
    kept = nullptr;
}

void undefined() {
    volatile int large = std::numeric_limits<int>::max();
    sink = large + 1;
}

void race() {
    int* shared = new int(0);
    std::thread other([shared] { ++*shared; });
    ++*shared;
    other.join();
    delete shared;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc == 2 ? argv[1] : "";
    if (what == "use-after-free") use_after_free();
    if (what == "overflow") overflow();
    if (what == "leak") leak();
    if (what == "undefined") undefined();
    if (what == "race") race();
    std::puts("done");
    return 0;
}
