// The tests' main program: OpenSSL's allocator must be replaced before OpenSSL allocates anything.
#include "faults.hpp"

#include <gtest/gtest.h>

int main(int argc, char** argv) {
    if (!caas::test::install_openssl_faults()) return 1;
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
