// Sealed values of every cipher have the format of the specification. They open, and do not open after a change of one
// bit.
#include "../../src/core/text.hpp"
#include "reference.hpp"
#include "sealed_support.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace caas::test {
namespace {

const Blob kUuid = parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c");
constexpr std::string_view kContext = "users.ssn";
constexpr std::string_view kData = "example sensitive data";

class EachCipher : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (!expect_provided(GetParam())) GTEST_SKIP() << kNeedsOpenSsl32;
        engine_ = engine_with(keyring_of(1, pools()));
    }
    std::string pools() const { return " ciphers=" + std::string(GetParam()); }
    Blob sealed(Bytes data) const {
        const Value value = seal_of(engine_.get(), kUuid, kContext, data);
        EXPECT_EQ(value.status, CAAS_OK);
        return value.bytes;
    }
    caas_status opening(Bytes sealed_value) const {
        return open_of(engine_.get(), kUuid, kContext, sealed_value).status;
    }

    EnginePtr engine_;
};

TEST_P(EachCipher, RoundTripOfEveryLength) {
    Random random;
    std::vector<std::size_t> lengths = {1000, 4095, 4096, 4097, 65535, 65536, 1000003};
    for (std::size_t length = 0; length <= 300; length++) lengths.push_back(length);
    for (const std::size_t length : lengths) {
        const Blob data = random.bytes(length);
        const Blob value = sealed(data);
        ASSERT_EQ(value.size(), length + CAAS_SEALED_OVERHEAD);
        const Value opened = open_of(engine_.get(), kUuid, kContext, value);
        ASSERT_EQ(opened.status, CAAS_OK) << length;
        ASSERT_TRUE(opened.bytes == data) << length;
    }
}

TEST_P(EachCipher, IsTheFormat) {
    Random random;
    for (int i = 0; i < 300; i++) {
        const Blob uuid = random.bytes(kUuidBytes);
        const Blob nonce = random.bytes(kNonceBytes);
        const Blob data = random.bytes(random.below(100));
        std::string context(i % 10 == 0 ? random.below(kMaxContextBytes + 1) : random.below(30), 'c');
        for (char& c : context) c = static_cast<char>('a' + random.below(26));
        const Blob value = sealed_with_nonce(engine_.get(), uuid, context, nonce, data);
        ASSERT_EQ(hex(value), hex(reference_sealed(secret_of(1), 1, {GetParam()}, uuid, context, nonce, data)))
            << "uuid " << hex(uuid) << " context " << context << " nonce " << hex(nonce) << " data " << hex(data);
    }
}

TEST_P(EachCipher, EveryBitOfTheValueCounts) {
    for (const std::size_t length : {0U, 1U, 16U, 37U}) {
        const Blob data(length, 'x');
        Blob value = sealed(data);
        for (std::size_t bit = 0; bit < 8 * value.size(); bit++) {
            value[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            const caas_status expected = bit < 8    ? CAAS_ERR_MALFORMED
                                         : bit < 24 ? CAAS_ERR_UNKNOWN_GENERATION
                                                    : CAAS_ERR_CANNOT_OPEN;
            ASSERT_EQ(opening(value), expected) << "length " << length << " bit " << bit;
            value[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        }
        ASSERT_EQ(opening(value), CAAS_OK);
    }
}

TEST_P(EachCipher, EveryBitOfTheUserCounts) {
    for (const std::string_view data : {std::string_view(), kData}) {
        const Blob value = sealed(as_bytes(data));
        for (std::size_t bit = 0; bit < 8 * kUuidBytes; bit++) {
            Blob other(kUuid);
            other[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            ASSERT_EQ(open_of(engine_.get(), other, kContext, value).status, CAAS_ERR_CANNOT_OPEN) << bit;
        }
    }
}

TEST_P(EachCipher, EveryBitOfTheContextCounts) {
    for (const std::string_view data : {std::string_view(), kData}) {
        const Blob value = sealed(as_bytes(data));
        std::string other(kContext);
        for (std::size_t bit = 0; bit < 8 * other.size(); bit++) {
            other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
            ASSERT_EQ(open_of(engine_.get(), kUuid, other, value).status, CAAS_ERR_CANNOT_OPEN) << bit;
            other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
        }
        for (std::size_t length = 0; length < other.size(); length++) {
            ASSERT_EQ(open_of(engine_.get(), kUuid, kContext.substr(0, length), value).status, CAAS_ERR_CANNOT_OPEN);
        }
        ASSERT_EQ(open_of(engine_.get(), kUuid, other + std::string(1, '\0'), value).status, CAAS_ERR_CANNOT_OPEN);
    }
}

TEST_P(EachCipher, TruncatedAndExtendedValuesDoNotOpen) {
    for (const std::size_t length : {0U, 1U, 40U}) {
        const Blob value = sealed(Blob(length, 'x'));
        for (std::size_t kept = 0; kept < value.size(); kept++) {
            ASSERT_EQ(opening(Bytes(value).first(kept)),
                      kept < CAAS_SEALED_OVERHEAD ? CAAS_ERR_MALFORMED : CAAS_ERR_CANNOT_OPEN)
                << kept;
        }
        for (unsigned byte = 0; byte < 256; byte++) {
            Blob longer(value);
            longer.push_back(static_cast<std::uint8_t>(byte));
            ASSERT_EQ(opening(longer), CAAS_ERR_CANNOT_OPEN) << byte;
        }
        Blob moved(value);
        moved.insert(moved.begin(), 1);
        EXPECT_NE(opening(moved), CAAS_OK);
    }
}

// Tags that would match if an implementation compared with a tag that it has not computed.
TEST_P(EachCipher, GuessedTagsDoNotOpen) {
    for (const std::string_view data : {std::string_view(), kData}) {
        const Blob good = sealed(as_bytes(data));
        const Bytes tag_of_other = Bytes(good).last(kAeadTagBytes);
        for (int i = 0; i < 3; i++) {
            ASSERT_EQ(opening(good), CAAS_OK);
            Blob value = sealed(as_bytes(data));
            if (i < 2) {
                std::fill(value.end() - kAeadTagBytes, value.end(), static_cast<std::uint8_t>(i == 0 ? 0 : 0xFF));
            } else {
                std::copy(tag_of_other.begin(), tag_of_other.end(), value.end() - kAeadTagBytes);
            }
            ASSERT_EQ(opening(value), CAAS_ERR_CANNOT_OPEN) << i << data;
        }
    }
}

TEST_P(EachCipher, AnotherKeyNeverOpens) {
    const Blob nonce(kNonceBytes, 7);
    const Blob first = sealed_with_nonce(engine_.get(), kUuid, kContext, nonce, as_bytes(kData));
    for (unsigned tag = 100; tag < 150; tag++) {
        const EnginePtr other =
            engine_with(std::string(kVersionLine) + generation_line(1, "active", secret_of(tag), pools()));
        EXPECT_EQ(open_of(other.get(), kUuid, kContext, first).status, CAAS_ERR_CANNOT_OPEN);
        // The head alone tells the keys apart, so no key opens what another one made.
        const Blob second = sealed_with_nonce(other.get(), kUuid, kContext, nonce, as_bytes(kData));
        EXPECT_NE(hex(Bytes(first).subspan(19, 16)), hex(Bytes(second).subspan(19, 16)));
        Blob mixed(first);
        std::copy(second.begin() + 35, second.end(), mixed.begin() + 35);
        EXPECT_EQ(open_of(other.get(), kUuid, kContext, mixed).status, CAAS_ERR_CANNOT_OPEN);
        EXPECT_EQ(open_of(engine_.get(), kUuid, kContext, mixed).status, CAAS_ERR_CANNOT_OPEN);
    }
}

// The commitment is compared, not only authenticated with the rest of the head.
TEST_P(EachCipher, CommitmentMustBeThatOfTheKey) {
    const Blob nonce(kNonceBytes, 9);
    const auto made = [&](std::uint8_t spoil) {
        return reference_sealed(secret_of(1), 1, {GetParam()}, kUuid, kContext, nonce, as_bytes(kData), spoil);
    };
    EXPECT_EQ(opening(made(0)), CAAS_OK);
    EXPECT_EQ(opening(made(1)), CAAS_ERR_CANNOT_OPEN);
}

INSTANTIATE_TEST_SUITE_P(Sealed, EachCipher, testing::ValuesIn(kCipherNames), [](const auto& info) {
    std::string name(info.param);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

TEST(Sealed, PoolSelectsTheCipher) {
    Random random;
    const std::vector<std::string> pool = {"aes-256-ocb", "aes-256-gcm", "chacha20-poly1305", "aria-256-gcm"};
    const EnginePtr engine =
        engine_with(keyring_of(1, " ciphers=aes-256-ocb,aes-256-gcm,chacha20-poly1305,aria-256-gcm"));
    std::map<std::string, int> seen;
    for (int i = 0; i < 200; i++) {
        const Blob uuid = random.bytes(kUuidBytes);
        const Blob nonce = random.bytes(kNonceBytes);
        ASSERT_EQ(hex(sealed_with_nonce(engine.get(), uuid, kContext, nonce, as_bytes(kData))),
                  hex(reference_sealed(secret_of(1), 1, pool, uuid, kContext, nonce, as_bytes(kData))));
        seen[reference_choice(reference_purpose_key(secret_of(1), "seal"), uuid, pool).algorithm]++;
    }
    EXPECT_EQ(seen.size(), pool.size());
}

TEST(Sealed, EveryGenerationOpensItsOwn) {
    std::vector<Blob> values;
    for (int number = 1; number <= 3; number++) {
        const EnginePtr engine = engine_with(keyring_of(3, "", number));
        const Value value = seal_of(engine.get(), kUuid, kContext, as_bytes(kData));
        ASSERT_EQ(value.status, CAAS_OK);
        EXPECT_EQ(value.bytes[2], number);
        values.push_back(value.bytes);
    }
    const EnginePtr engine = engine_with(keyring_of(3));
    for (const Blob& value : values) {
        EXPECT_EQ(hex(open_of(engine.get(), kUuid, kContext, value).bytes), hex(as_bytes(kData)));
        // The generation is authenticated: a value does not open under another existing generation.
        Blob other(value);
        other[2] = static_cast<std::uint8_t>(value[2] % 3 + 1);
        EXPECT_EQ(open_of(engine.get(), kUuid, kContext, other).status, CAAS_ERR_CANNOT_OPEN);
    }
    const EnginePtr without_first = engine_with(std::string(kVersionLine) + generation_line(2, "active", secret_of(2)));
    EXPECT_EQ(open_of(without_first.get(), kUuid, kContext, values[0]).status, CAAS_ERR_UNKNOWN_GENERATION);
    EXPECT_EQ(open_of(without_first.get(), kUuid, kContext, values[1]).status, CAAS_OK);
}

TEST(Sealed, GenerationIsBigEndian) {
    for (const int number : {1, 255, 256, 65535}) {
        const EnginePtr engine =
            engine_with(std::string(kVersionLine) + generation_line(number, "active", secret_of(1)));
        const Value value = seal_of(engine.get(), kUuid, kContext, as_bytes(kData));
        ASSERT_EQ(value.status, CAAS_OK);
        EXPECT_EQ(value.bytes[1], number / 256);
        EXPECT_EQ(value.bytes[2], number % 256);
        caas_sealed_info info = {};
        ASSERT_EQ(caas_sealed_describe(value.bytes.data(), value.bytes.size(), &info), CAAS_OK);
        EXPECT_EQ(info.format, 1);
        EXPECT_EQ(info.generation, number);
        EXPECT_EQ(info.data_len, kData.size());
    }
}

TEST(Sealed, ReservedFirstBytes) {
    const EnginePtr engine = engine_with(keyring_of(1));
    Blob value = seal_of(engine.get(), kUuid, kContext, as_bytes(kData)).bytes;
    for (unsigned first = 0; first < 256; first++) {
        value[0] = static_cast<std::uint8_t>(first);
        caas_sealed_info info = {9, 9, 9};
        const caas_status expected = first == 1 ? CAAS_OK : CAAS_ERR_MALFORMED;
        EXPECT_EQ(open_of(engine.get(), kUuid, kContext, value).status, expected);
        EXPECT_EQ(caas_sealed_describe(value.data(), value.size(), &info), expected);
        EXPECT_EQ(info.format, first == 1 ? 1 : 0);
    }
}

TEST(Sealed, NoncesAreDistinct) {
    const EnginePtr engine = engine_with(keyring_of(1, " ciphers=aes-256-gcm"));
    constexpr std::size_t kCount = 100000;
    std::set<std::string> nonces;
    std::uint8_t out[CAAS_SEALED_OVERHEAD];
    for (std::size_t i = 0; i < kCount; i++) {
        ASSERT_EQ(caas_seal(engine.get(), kUuid.data(), nullptr, 0, nullptr, 0, out, nullptr), CAAS_OK);
        nonces.emplace(reinterpret_cast<const char*>(out) + 3, kNonceBytes);
    }
    EXPECT_EQ(nonces.size(), kCount);
}

}  // namespace
}  // namespace caas::test
