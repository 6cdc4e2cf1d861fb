#include "failing_memory.hpp"

namespace caas::test {

int FailingMemory::fail_each(const Make& make, const Attempt& attempt, const Check& check) const {
    constexpr std::size_t kEnough = 5000;
    int failures = 0;
    for (std::size_t allowed = 0; allowed < kEnough && !HasFailure(); allowed++) {
        const EnginePtr engine = make();
        caas_status status = CAAS_OK;
        bool hit = false;
        {
            const FailingAllocations failing(GetParam().which, allowed, GetParam().lasting);
            status = attempt(engine.get());
            hit = failing.hit();
        }
        check(engine.get(), status);
        if (!hit) {
            EXPECT_EQ(status, CAAS_OK);
            return failures;
        }
        if (status == CAAS_ERR_NO_MEMORY) {
            failures++;
        } else {
            EXPECT_FALSE(fails_cpp()) << "allocation " << allowed;
            EXPECT_TRUE(status == CAAS_OK || status == CAAS_ERR_CRYPTO) << status << " allocation " << allowed;
        }
    }
    ADD_FAILURE() << "no end";
    return failures;
}

std::vector<SecretKey<1>> every_free_block() {
    std::vector<SecretKey<1>> taken;
    try {
        for (;;) taken.emplace_back();
    } catch (const std::bad_alloc&) {
        return taken;
    }
}

}  // namespace caas::test
