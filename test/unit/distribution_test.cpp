// Users are distributed evenly over algorithms and salt lengths, and no two share key or salt: a million ids of three
// kinds.
#include "../../src/core/profile.hpp"
#include "support.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <iostream>
#include <stdexcept>

namespace caas::test {
namespace {

constexpr std::size_t kIds = 1000000;
constexpr std::size_t kAlgorithms = 8;  // of the default pool
constexpr std::size_t kLengths = 4;

using Ids = std::function<void(std::size_t, std::uint8_t*)>;

void put(std::uint64_t value, std::size_t count, std::uint8_t* out) {
    for (std::size_t i = 0; i < count; i++) out[i] = static_cast<std::uint8_t>(value >> (8 * (count - 1 - i)));
}

void sequential_id(std::size_t i, std::uint8_t* out) {
    std::memset(out, 0, kUuidBytes);
    put(i, 8, out + 8);
}

// RFC 9562, 5.7: 48 bits of milliseconds, version 7, random bits; some thousand ids share a millisecond.
Ids version7_ids(Random& random) {
    return [&random](std::size_t i, std::uint8_t* out) {
        random.fill(out, kUuidBytes);
        put(1795500000000U + i / 2000, 6, out);
        out[6] = static_cast<std::uint8_t>(0x70 | (out[6] & 0x0F));
        out[8] = static_cast<std::uint8_t>(0x80 | (out[8] & 0x3F));
    };
}

SubjectKdf random_kdf(Random& random) {
    const Blob key = random.bytes(kSecretBytes);
    auto kdf = SubjectKdf::create(
        SecretKey<kSecretBytes>(std::span<const std::uint8_t, kSecretBytes>(key.data(), kSecretBytes)));
    if (!kdf.ok()) throw std::runtime_error("no KDF");
    return std::move(kdf.value());
}

double chi_square(const std::vector<std::size_t>& counts) {
    const double expected = static_cast<double>(kIds) / static_cast<double>(counts.size());
    double sum = 0;
    for (const std::size_t count : counts) {
        const double off = static_cast<double>(count) - expected;
        sum += off * off / expected;
    }
    return sum;
}

// Critical values of chi-square at p = 1e-6: with nine sums a run, a sound core fails once in 100,000 runs.
constexpr double kCritical7 = 40.52;   // 7 degrees of freedom: 8 algorithms
constexpr double kCritical3 = 30.66;   // 3: 4 salt lengths
constexpr double kCritical31 = 83.64;  // 31: both together, so that they are independent as well

void expect_even_spread(const char* kind, SubjectKdf& kdf, const Ids& make_id) {
    const Pool pool = default_pool(digest_pool);
    std::vector<std::size_t> algorithms(kAlgorithms);
    std::vector<std::size_t> lengths(kLengths);
    std::vector<std::size_t> both(kAlgorithms * kLengths);
    for (std::size_t i = 0; i < kIds; i++) {
        std::array<std::uint8_t, kUuidBytes> id;
        make_id(i, id.data());
        DigestProfile profile;
        ASSERT_TRUE(profile.derive(kdf, id, pool));
        std::size_t length = 0;
        while (profile.salt_length() > std::size_t{8} << length) length++;
        algorithms.at(profile.algorithm())++;
        lengths.at(length)++;
        both.at(profile.algorithm() * kLengths + length)++;
    }
    std::cout << kind << ": chi-square " << chi_square(algorithms) << " (at most " << kCritical7 << "), "
              << chi_square(lengths) << " (" << kCritical3 << "), " << chi_square(both) << " (" << kCritical31
              << "), p = 1e-6, " << kIds << " ids\n";
    EXPECT_LT(chi_square(algorithms), kCritical7) << kind;
    EXPECT_LT(chi_square(lengths), kCritical3) << kind;
    EXPECT_LT(chi_square(both), kCritical31) << kind;
}

TEST(Distribution, UsersSpreadEvenly) {
    Random random;
    SubjectKdf kdf = random_kdf(random);
    expect_even_spread("random", kdf, [&](std::size_t, std::uint8_t* out) { random.fill(out, kUuidBytes); });
    expect_even_spread("sequential", kdf, sequential_id);
    expect_even_spread("version 7", kdf, version7_ids(random));
}

TEST(Distribution, ChiSquareSeesAnUnevenSpread) {
    std::vector<std::size_t> counts(kAlgorithms, kIds / kAlgorithms);
    EXPECT_LT(chi_square(counts), kCritical7);
    counts[0] += 1500;  // 1.2 per cent too many
    counts[1] -= 1500;
    EXPECT_LT(chi_square(counts), kCritical7);
    counts[0] += 1500;
    counts[1] -= 1500;
    EXPECT_GT(chi_square(counts), kCritical7);
}

std::size_t distinct(std::vector<std::uint64_t> values) {
    std::sort(values.begin(), values.end());
    return static_cast<std::size_t>(std::unique(values.begin(), values.end()) - values.begin());
}

// The first 8 bytes stand for the key and the salt: when those differ the whole does. By chance two of a million agree
// once in 37 million runs.
TEST(Distribution, NoTwoUsersShareKeyOrSalt) {
    Random random;
    const Pool pool = default_pool(digest_pool);
    const Ids kinds[] = {[&](std::size_t, std::uint8_t* out) { random.fill(out, kUuidBytes); }, sequential_id,
                         version7_ids(random)};
    for (const Ids& make_id : kinds) {
        SubjectKdf kdf = random_kdf(random);
        std::vector<std::uint64_t> keys(kIds);
        std::vector<std::uint64_t> salts(kIds);
        for (std::size_t i = 0; i < kIds; i++) {
            std::array<std::uint8_t, kUuidBytes> id;
            make_id(i, id.data());
            DigestProfile profile;
            ASSERT_TRUE(profile.derive(kdf, id, pool));
            std::memcpy(&keys[i], profile.expose_key().data(), sizeof keys[i]);
            std::memcpy(&salts[i], profile.expose_salt().data(), sizeof salts[i]);
        }
        EXPECT_EQ(distinct(std::move(keys)), kIds);
        EXPECT_EQ(distinct(std::move(salts)), kIds);
    }
}

}  // namespace
}  // namespace caas::test
