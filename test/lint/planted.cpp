// A defect for each group of clang-tidy's checks: scripts/lint.sh planted fails when one of them is not found any more.
// No program is built from this file.
#include <cstdlib>
#include <string>
#include <utility>

namespace caas::planted {

class Base {  // finds cppcoreguidelines-virtual-class-destructor
public:
    virtual void run();
};

#define _PLANTED 1  // finds clang-diagnostic-reserved-macro-identifier

int number(const char* text) {
    return atoi(text);  // finds cert-err34-c
}

int dereferenced() {
    int* nothing = nullptr;
    return *nothing;  // finds clang-analyzer-core.NullDereference
}

int answer(int unused) {  // finds clang-diagnostic-unused-parameter
    return 42;
}

int ignored(int /*named*/, int left_out) {  // finds misc-unused-parameters
    return 42;
}

std::string copied(std::string text) {  // finds performance-unnecessary-value-param
    return text + text;
}

std::string moved(std::string text) {
    std::string kept = std::move(text);
    kept += text;  // finds bugprone-use-after-move
    return kept;
}

}  // namespace caas::planted
