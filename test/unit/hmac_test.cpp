// HMAC-SHA-256 against OpenSSL's own, for every use of a key that is hashed once.
#include "../../src/core/hmac.hpp"
#include "reference.hpp"
#include "support.hpp"

namespace caas::test {
namespace {

HmacSha256::Key key_of(const Blob& bytes) { return HmacSha256::Key(bytes.data(), HmacSha256::kBytes); }

TEST(Hmac, IsHmacOfOpenSsl) {
    Random random;
    const auto hmac = HmacSha256::create();
    ASSERT_TRUE(hmac);
    std::uint8_t out[HmacSha256::kBytes];
    for (int i = 0; i < 1000; i++) {
        const Blob key = random.bytes(HmacSha256::kBytes);
        ASSERT_TRUE(hmac->set_key(key_of(key)));
        for (std::size_t more = random.below(4); more > 0; more--) {
            const Blob data = random.bytes(random.below(200));
            ASSERT_TRUE(hmac->compute(data, out));
            ASSERT_EQ(hex(out), hex(reference_hmac("SHA256", key, data)));
        }
        const Blob data = random.bytes(random.below(200));
        ASSERT_TRUE(hmac->compute_last(data, out));
        ASSERT_EQ(hex(out), hex(reference_hmac("SHA256", key, data)));
    }
}

TEST(Hmac, WithoutAKeyThereIsNoResult) {
    const auto hmac = HmacSha256::create();
    ASSERT_TRUE(hmac);
    std::uint8_t out[HmacSha256::kBytes];
    EXPECT_FALSE(hmac->compute({}, out));
    EXPECT_FALSE(hmac->compute_last({}, out));
    ASSERT_TRUE(hmac->set_key(key_of(secret_of(1))));
    ASSERT_TRUE(hmac->compute_last({}, out));
    EXPECT_FALSE(hmac->compute({}, out));
    EXPECT_FALSE(hmac->compute_last({}, out));
    ASSERT_TRUE(hmac->set_key(key_of(secret_of(1))));
    EXPECT_TRUE(hmac->compute({}, out));
}

}  // namespace
}  // namespace caas::test
