// The buffer of random bytes hands no byte out twice, also in a forked process.
#include "../../src/core/random.hpp"
#include "sealed_support.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <type_traits>

namespace caas::test {
namespace {

static_assert(!std::is_copy_constructible_v<RandomBuffer> && !std::is_move_constructible_v<RandomBuffer> &&
              !std::is_copy_assignable_v<RandomBuffer> && !std::is_move_assignable_v<RandomBuffer>);

using Nonce = std::array<std::uint8_t, 16>;

Nonce draw(RandomBuffer& buffer) {
    Nonce nonce{};
    if (!buffer.take(nonce.data(), nonce.size())) throw std::runtime_error("no random bytes");
    return nonce;
}

class EachForkCheck : public testing::TestWithParam<ForkCheck> {
protected:
    EachForkCheck() : buffer_(GetParam()) {}
    void SetUp() override {
        if (buffer_.fork_check() != GetParam()) GTEST_SKIP() << "this kernel does not wipe memory on fork";
    }
    RandomBuffer buffer_;
};

TEST_P(EachForkCheck, MillionNoncesAreDistinct) {
    std::vector<Nonce> nonces(1000000);
    for (Nonce& nonce : nonces) nonce = draw(buffer_);
    // Bytes are zeroed in the buffer once they are handed out, so a piece at a wrong position would hold zeroes. 3906
    // zeroes are expected at random; 5000 are 17 standard deviations away.
    for (const std::size_t at : {std::size_t{0}, std::size_t{15}}) {
        EXPECT_LT(std::count_if(nonces.begin(), nonces.end(), [&](const Nonce& nonce) { return nonce[at] == 0; }),
                  5000);
    }
    std::sort(nonces.begin(), nonces.end());
    EXPECT_EQ(std::adjacent_find(nonces.begin(), nonces.end()), nonces.end());
}

// Bytes are handed out in pieces of odd lengths. If some were handed out twice, two windows of 8 bytes would be equal.
TEST_P(EachForkCheck, PiecesDoNotOverlap) {
    Random random;
    std::vector<std::uint64_t> windows;
    for (int i = 0; i < 5000; i++) {
        Blob piece(8 + random.below(200));
        ASSERT_TRUE(buffer_.take(piece.data(), piece.size()));
        for (std::size_t at = 0; at + 8 <= piece.size(); at++) {
            std::uint64_t window = 0;
            std::memcpy(&window, piece.data() + at, sizeof window);
            windows.push_back(window);
        }
    }
    std::sort(windows.begin(), windows.end());
    EXPECT_EQ(std::adjacent_find(windows.begin(), windows.end()), windows.end());
}

TEST_P(EachForkCheck, Lengths) {
    std::vector<std::uint8_t> out(RandomBuffer::kBytes + 1, 0x5A);
    EXPECT_FALSE(buffer_.take(out.data(), out.size()));
    EXPECT_FALSE(buffer_.take(out.data(), ~std::size_t{0}));
    EXPECT_EQ(hex(out), hex(Blob(out.size(), 0x5A)));
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, RandomBuffer::kBytes, RandomBuffer::kBytes - 1}) {
        std::fill(out.begin(), out.end(), 0x5A);
        ASSERT_TRUE(buffer_.take(out.data(), length));
        EXPECT_EQ(out[length], 0x5A);
        // 60 random bytes equal the old ones once in 2^480 runs.
        EXPECT_TRUE(length < 60 || hex(Bytes(out).first(length)) != hex(Blob(length, 0x5A)));
    }
}

// The bytes of `count` draws in a process that is forked here.
std::vector<Nonce> drawn_in_child(RandomBuffer& buffer, std::size_t count) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    const pid_t child = fork();
    if (child == 0) {
        bool fine = true;
        for (std::size_t i = 0; i < count; i++) {
            std::uint8_t bytes[16];
            fine = fine && buffer.take(bytes, sizeof bytes) && write(ends[1], bytes, sizeof bytes) == sizeof bytes;
        }
        _exit(fine ? 0 : 1);
    }
    (void)close(ends[1]);
    std::vector<Nonce> nonces(count);
    for (Nonce& nonce : nonces) {
        if (read(ends[0], nonce.data(), nonce.size()) != static_cast<ssize_t>(nonce.size())) nonces.clear();
    }
    (void)close(ends[0]);
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) throw std::runtime_error("the child failed");
    return nonces;
}

TEST_P(EachForkCheck, ForkedProcessesDrawOtherBytes) {
    constexpr std::size_t kDraws = 100;  // within what is left in the parent's buffer
    std::vector<Nonce> all = {draw(buffer_)};
    for (int child = 0; child < 3; child++) {
        const std::vector<Nonce> drawn = drawn_in_child(buffer_, kDraws);
        ASSERT_EQ(drawn.size(), kDraws);
        all.insert(all.end(), drawn.begin(), drawn.end());
    }
    for (std::size_t i = 0; i < kDraws; i++) all.push_back(draw(buffer_));
    std::sort(all.begin(), all.end());
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

INSTANTIATE_TEST_SUITE_P(Random, EachForkCheck, testing::Values(ForkCheck::wiped_memory, ForkCheck::process_id),
                         [](const auto& info) {
                             return info.param == ForkCheck::wiped_memory ? "wiped_memory" : "process_id";
                         });

// The same call of an engine in a parent and its forked child never uses the same nonce.
TEST(Random, ForkedEnginesSealWithOtherNonces) {
    const EnginePtr engine = engine_with(keyring_of(1));
    const auto nonce_of_next = [&] {
        std::uint8_t out[CAAS_SEALED_OVERHEAD] = {};
        EXPECT_EQ(caas_seal(engine.get(), Blob(kUuidBytes).data(), nullptr, 0, nullptr, 0, out, nullptr), CAAS_OK);
        return hex(Bytes(out).subspan(3, 16));
    };
    const std::string before = nonce_of_next();
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const std::string nonce = nonce_of_next();
        _exit(write(ends[1], nonce.data(), nonce.size()) == static_cast<ssize_t>(nonce.size()) ? 0 : 1);
    }
    const std::string in_parent = nonce_of_next();
    std::string in_child(32, '\0');
    EXPECT_EQ(read(ends[0], in_child.data(), in_child.size()), static_cast<ssize_t>(in_child.size()));
    int status = 1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    EXPECT_NE(in_child, in_parent);
    EXPECT_NE(in_child, before);
    EXPECT_NE(in_parent, before);
}

}  // namespace
}  // namespace caas::test
