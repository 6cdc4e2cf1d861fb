// The fixture of the tests in which every allocation fails in turn.
#pragma once

#include "faults.hpp"
#include "support.hpp"

#include <functional>

namespace caas::test {

struct Failing {
    Allocator which;
    bool lasting;  // every later allocation fails too
};

class FailingMemory : public testing::TestWithParam<Failing> {
protected:
    using Make = std::function<EnginePtr()>;
    using Attempt = std::function<caas_status(caas_engine*)>;
    using Check = std::function<void(caas_engine*, caas_status)>;

    // Runs attempt on a new engine with the first allocation failing, then with the second, and so on until none fails.
    // Then check looks on. Where one failed the status is CAAS_ERR_NO_MEMORY; if it was one of OpenSSL's also CAAS_OK,
    // since it can do without some, or CAAS_ERR_CRYPTO, since it does not always tell. Returns how often it was
    // CAAS_ERR_NO_MEMORY.
    int fail_each(const Make& make, const Attempt& attempt, const Check& check) const;
    bool fails_cpp() const { return GetParam().which == Allocator::cpp; }
};

// The instances for both allocators, for one failure and for lasting failure.
inline auto failing_cpp() { return testing::Values(Failing{Allocator::cpp, false}, Failing{Allocator::cpp, true}); }
inline auto failing_openssl() {
    return testing::Values(Failing{Allocator::openssl, false}, Failing{Allocator::openssl, true});
}

// Takes all blocks that are left of the memory for secrets.
std::vector<SecretKey<1>> every_free_block();

}  // namespace caas::test
