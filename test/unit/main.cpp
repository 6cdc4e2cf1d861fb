// The tests' main program: OpenSSL's allocator must be replaced before OpenSSL allocates anything.
#include "faults.hpp"

#include <gtest/gtest.h>

#include <malloc.h>

int main(int argc, char** argv) {
    // Freed memory is overwritten: a later block must not show what an earlier test left there.
    (void)mallopt(M_PERTURB, 0x5A);
    if (!caas::test::install_openssl_faults()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
