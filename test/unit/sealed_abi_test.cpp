// The contract of caas.h for sealed values: arguments, limits, the three failures, resealing.
#include "../../src/core/text.hpp"
#include "reference.hpp"
#include "sealed_support.hpp"

#include <cstring>

namespace caas::test {
namespace {

const Blob kUuid = parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c");
constexpr std::string_view kContext = "users.ssn";
const Blob kData = blob_of("example sensitive data");

// One call of caas_seal, caas_open or caas_reseal with arguments that may be wrong.
struct Arguments {
    caas_engine* engine;
    const std::uint8_t* uuid = kUuid.data();
    const void* context = kContext.data();
    std::size_t context_len = kContext.size();
    const void* data;
    std::size_t data_len;
};

using Call = caas_status (*)(const Arguments&, std::uint8_t* out, caas_error* error);

caas_status call_seal(const Arguments& a, std::uint8_t* out, caas_error* error) {
    return caas_seal(a.engine, a.uuid, a.context, a.context_len, a.data, a.data_len, out, error);
}
caas_status call_open(const Arguments& a, std::uint8_t* out, caas_error* error) {
    std::size_t length = 99;
    const caas_status status =
        caas_open(a.engine, a.uuid, a.context, a.context_len, a.data, a.data_len, out, &length, error);
    EXPECT_EQ(length, status == CAAS_OK ? a.data_len - CAAS_SEALED_OVERHEAD : 0);
    return status;
}
caas_status call_reseal(const Arguments& a, std::uint8_t* out, caas_error* error) {
    return caas_reseal(a.engine, a.uuid, 0, a.context, a.context_len, a.data, a.data_len, out, error);
}

void expect_failure(Call call, const Arguments& arguments, caas_status status) {
    Blob out(arguments.data_len + CAAS_SEALED_OVERHEAD, 0x5A);
    const std::size_t written = call == call_seal ? out.size() : arguments.data_len;
    caas_error error = {};
    EXPECT_EQ(call(arguments, out.data(), &error), status);
    EXPECT_EQ(error.status, status);
    EXPECT_TRUE(all_zero(Bytes(out).first(written)));
    EXPECT_TRUE(written == out.size() || out[written] == 0x5A);
    EXPECT_EQ(call(arguments, out.data(), nullptr), status);
}

TEST(SealedAbi, BadArguments) {
    const EnginePtr engine = engine_with(keyring_of(2));
    const EnginePtr older = engine_with(keyring_of(2, "", 1));
    const Blob sealed = seal_of(older.get(), kUuid, kContext, kData).bytes;
    const std::string long_context(kMaxContextBytes + 1, 'c');
    for (const Call call : {call_seal, call_open, call_reseal}) {
        const Blob& data = call == call_seal ? kData : sealed;
        const Arguments good = {.engine = engine.get(), .data = data.data(), .data_len = data.size()};
        Blob out(data.size() + CAAS_SEALED_OVERHEAD);
        ASSERT_EQ(call(good, out.data(), nullptr), CAAS_OK);
        EXPECT_EQ(call(good, nullptr, nullptr), CAAS_ERR_ARGUMENT);

        Arguments bad = good;
        bad.engine = nullptr;
        expect_failure(call, bad, CAAS_ERR_ARGUMENT);
        bad = good;
        bad.uuid = nullptr;
        expect_failure(call, bad, CAAS_ERR_ARGUMENT);
        bad = good;
        bad.context = nullptr;
        expect_failure(call, bad, CAAS_ERR_ARGUMENT);
        bad = good;
        bad.data = nullptr;
        expect_failure(call, bad, CAAS_ERR_ARGUMENT);
        bad = good;
        bad.context = long_context.data();
        bad.context_len = long_context.size();
        expect_failure(call, bad, CAAS_ERR_CONTEXT);
        bad.context_len--;
        EXPECT_EQ(call(bad, out.data(), nullptr), call == call_seal ? CAAS_OK : CAAS_ERR_CANNOT_OPEN);
    }
    Blob out(sealed.size());
    EXPECT_EQ(caas_open(engine.get(), kUuid.data(), kContext.data(), kContext.size(), sealed.data(), sealed.size(),
                        out.data(), nullptr, nullptr),
              CAAS_ERR_ARGUMENT);
}

TEST(SealedAbi, TooMuchData) {
    const EnginePtr engine = engine_with(keyring_of(1));
    std::uint8_t out[CAAS_SEALED_OVERHEAD];
    std::memset(out, 0x5A, sizeof out);
    for (const std::size_t length : {std::size_t{CAAS_SEAL_MAX_BYTES} + 1, ~std::size_t{0}}) {
        caas_error error = {};
        // No data and no output can be that long, so neither is touched.
        EXPECT_EQ(caas_seal(engine.get(), kUuid.data(), nullptr, 0, "x", length, out, &error), CAAS_ERR_ARGUMENT);
        EXPECT_EQ(error.status, CAAS_ERR_ARGUMENT);
        EXPECT_EQ(hex(out), hex(Blob(sizeof out, 0x5A)));
    }
}

TEST(SealedAbi, NullOfLengthZero) {
    const EnginePtr engine = engine_with(keyring_of(1));
    std::uint8_t sealed[CAAS_SEALED_OVERHEAD];
    ASSERT_EQ(caas_seal(engine.get(), kUuid.data(), nullptr, 0, nullptr, 0, sealed, nullptr), CAAS_OK);
    const Value opened = open_of(engine.get(), kUuid, "", sealed);
    EXPECT_EQ(opened.status, CAAS_OK);
    EXPECT_TRUE(opened.bytes.empty());
    std::size_t length = 99;
    EXPECT_EQ(caas_open(engine.get(), kUuid.data(), nullptr, 0, nullptr, 0, nullptr, &length, nullptr),
              CAAS_ERR_MALFORMED);
    EXPECT_EQ(length, 0U);
    EXPECT_EQ(caas_reseal(engine.get(), kUuid.data(), 0, nullptr, 0, nullptr, 0, nullptr, nullptr), CAAS_ERR_MALFORMED);
}

TEST(SealedAbi, Describe) {
    caas_sealed_info info = {9, 9, 9};
    EXPECT_EQ(caas_sealed_describe(nullptr, 0, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_sealed_describe(nullptr, 51, &info), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(info.format, 0);
    info = {9, 9, 9};
    EXPECT_EQ(caas_sealed_describe(nullptr, 0, &info), CAAS_ERR_MALFORMED);
    EXPECT_EQ(info.generation, 0);
    Blob value(52);
    value[0] = 1;
    value[1] = 0xAB;
    value[2] = 0xCD;
    for (std::size_t length = 0; length < CAAS_SEALED_OVERHEAD; length++) {
        info = {9, 9, 9};
        EXPECT_EQ(caas_sealed_describe(value.data(), length, &info), CAAS_ERR_MALFORMED);
        EXPECT_EQ(info.data_len, 0U);
    }
    ASSERT_EQ(caas_sealed_describe(value.data(), value.size(), &info), CAAS_OK);
    EXPECT_EQ(info.format, 1);
    EXPECT_EQ(info.generation, 0xABCD);
    EXPECT_EQ(info.data_len, 1U);
}

TEST(SealedAbi, WithoutKeyring) {
    const EnginePtr engine = new_engine();
    const EnginePtr loaded = engine_with(keyring_of(1));
    const Blob sealed = seal_of(loaded.get(), kUuid, kContext, kData).bytes;
    EXPECT_EQ(seal_of(engine.get(), kUuid, kContext, kData).status, CAAS_ERR_NO_KEYRING);
    Blob of_generation_0(sealed);
    of_generation_0[2] = 0;
    for (const Blob& value : {sealed, of_generation_0}) {
        EXPECT_EQ(open_of(engine.get(), kUuid, kContext, value).status, CAAS_ERR_NO_KEYRING);
        EXPECT_EQ(reseal_of(engine.get(), kUuid, kContext, value).status, CAAS_ERR_NO_KEYRING);
    }
    // A sealed value of generation 0 does not exist; elsewhere 0 stands for the active generation.
    EXPECT_EQ(open_of(loaded.get(), kUuid, kContext, of_generation_0).status, CAAS_ERR_UNKNOWN_GENERATION);
    EXPECT_EQ(reseal_of(loaded.get(), kUuid, kContext, of_generation_0).status, CAAS_ERR_UNKNOWN_GENERATION);
}

TEST(SealedAbi, ErrorIsTouchedOnFailureOnly) {
    const EnginePtr engine = engine_with(keyring_of(2));
    caas_error error;
    std::memset(&error, 0x5A, sizeof error);
    const caas_error before = error;
    Blob sealed(kData.size() + CAAS_SEALED_OVERHEAD);
    Blob out(sealed.size());
    std::size_t length = 0;
    const auto* context = kContext.data();
    ASSERT_EQ(caas_seal(engine.get(), kUuid.data(), context, 9, kData.data(), kData.size(), sealed.data(), &error),
              CAAS_OK);
    ASSERT_EQ(
        caas_open(engine.get(), kUuid.data(), context, 9, sealed.data(), sealed.size(), out.data(), &length, &error),
        CAAS_OK);
    ASSERT_EQ(caas_reseal(engine.get(), kUuid.data(), 0, context, 9, sealed.data(), sealed.size(), out.data(), &error),
              CAAS_OK);
    ASSERT_EQ(caas_blind_index(engine.get(), 0, context, 9, kData.data(), kData.size(), out.data(), 16, &error),
              CAAS_OK);
    EXPECT_EQ(std::memcmp(&error, &before, sizeof error), 0);
}

TEST(Reseal, ActiveGenerationStaysAsItIs) {
    const EnginePtr engine = engine_with(keyring_of(3));
    for (const std::size_t length : {0U, 1U, 22U, 1000U}) {
        const Blob sealed = seal_of(engine.get(), kUuid, kContext, Blob(length, 'x')).bytes;
        const Value same = reseal_of(engine.get(), kUuid, kContext, sealed);
        ASSERT_EQ(same.status, CAAS_OK);
        EXPECT_EQ(hex(same.bytes), hex(sealed));
    }
}

// A run never goes back, so a value of a higher number is copied too, whether or not the keyring has that generation.
TEST(Reseal, HigherGenerationStaysAsItIs) {
    const EnginePtr newer = engine_with(keyring_of(3));
    const EnginePtr engine = engine_with(keyring_of(3, "", 2));
    const EnginePtr without = engine_with(keyring_of(2));
    const Blob sealed = seal_of(newer.get(), kUuid, kContext, kData).bytes;
    for (caas_engine* const each : {engine.get(), without.get()}) {
        EXPECT_EQ(hex(reseal_of(each, kUuid, kContext, sealed).bytes), hex(sealed));
        EXPECT_EQ(hex(reseal_of(each, Blob(kUuidBytes), "other", sealed, 2).bytes), hex(sealed)) << "it is not opened";
    }
}

TEST(Reseal, NamedGenerationMustBeTheActiveOne) {
    const EnginePtr engine = engine_with(keyring_of(3, "", 2));
    const EnginePtr older = engine_with(keyring_of(2, "", 1));
    const Blob old = seal_of(older.get(), kUuid, kContext, kData).bytes;
    const Blob current = seal_of(engine.get(), kUuid, kContext, kData).bytes;
    for (const Blob& value : {old, current}) {
        for (const int number : {-1, 1, 3, 4, 65536}) {
            EXPECT_EQ(reseal_of(engine.get(), kUuid, kContext, value, number).status, CAAS_ERR_NOT_ACTIVE) << number;
        }
        const Value named = reseal_of(engine.get(), kUuid, kContext, value, 2);
        EXPECT_EQ(named.status, CAAS_OK);
        EXPECT_EQ(hex(named.bytes), hex(reseal_of(engine.get(), kUuid, kContext, value).bytes));
    }
}

// The nonce of section 6 over OpenSSL's one-shot HMAC.
Blob reference_reseal_nonce(const Blob& secret, const Blob& uuid, std::string_view context, const Blob& sealed) {
    Blob input(uuid);
    input.push_back(static_cast<std::uint8_t>(context.size() / 256));
    input.push_back(static_cast<std::uint8_t>(context.size() % 256));
    input.insert(input.end(), context.begin(), context.end());
    input.insert(input.end(), sealed.begin(), sealed.end());
    Blob nonce = reference_hmac("SHA256", reference_purpose_key(secret, "reseal"), input);
    nonce.resize(kNonceBytes);
    return nonce;
}

TEST(Reseal, IsTheFormat) {
    Random random;
    const EnginePtr older = engine_with(keyring_of(2, " ciphers=aes-256-gcm", 1));
    const EnginePtr engine = engine_with(keyring_of(2, " ciphers=aes-256-gcm"));
    const EnginePtr other = engine_with(keyring_of(2, " ciphers=aes-256-gcm"));
    for (int i = 0; i < 300; i++) {
        const Blob uuid = random.bytes(kUuidBytes);
        const std::string context(i % 10 == 0 ? random.below(kMaxContextBytes + 1) : random.below(300), 'c');
        const Blob data = random.bytes(random.below(i % 10 == 0 ? 5000 : 60));
        const Blob sealed = seal_of(older.get(), uuid, context, data).bytes;
        const Blob nonce = reference_reseal_nonce(secret_of(2), uuid, context, sealed);
        const std::string expected =
            hex(reference_sealed(secret_of(2), 2, {"aes-256-gcm"}, uuid, context, nonce, data));
        ASSERT_EQ(hex(reseal_of(engine.get(), uuid, context, sealed).bytes), expected);
        ASSERT_EQ(hex(reseal_of(other.get(), uuid, context, sealed).bytes), expected) << "another engine, another call";
        ASSERT_EQ(hex(reseal_of(engine.get(), uuid, context, unhex(expected)).bytes), expected) << "a second run";
    }
}

// From every cipher to every other.
TEST(Reseal, RetiredGenerationIsSealedAgain) {
    Random random;
    for (const char* from : kCipherNames) {
        for (const char* to : kCipherNames) {
            if (!expect_provided(from) || !expect_provided(to)) continue;
            const std::string first = generation_line(1, "retired", secret_of(1), " ciphers=" + std::string(from));
            const std::string second = generation_line(2, "active", secret_of(2), " ciphers=" + std::string(to));
            const EnginePtr old =
                engine_with(std::string(kVersionLine) +
                            generation_line(1, "active", secret_of(1), " ciphers=" + std::string(from)));
            const EnginePtr engine = engine_with(std::string(kVersionLine) + first + second);
            for (const std::size_t length : {0U, 1U, 15U, 16U, 17U, 100U, 5000U}) {
                const Blob data = random.bytes(length);
                const Blob sealed = seal_of(old.get(), kUuid, kContext, data).bytes;
                const Value resealed = reseal_of(engine.get(), kUuid, kContext, sealed);
                ASSERT_EQ(resealed.status, CAAS_OK) << from << " to " << to << " length " << length;
                ASSERT_EQ(resealed.bytes.size(), sealed.size());
                EXPECT_EQ(resealed.bytes[2], 2);
                EXPECT_NE(hex(Bytes(resealed.bytes).subspan(3, 16)), hex(Bytes(sealed).subspan(3, 16)));
                EXPECT_EQ(hex(open_of(engine.get(), kUuid, kContext, resealed.bytes).bytes), hex(data));
                const Blob nonce(resealed.bytes.begin() + 3, resealed.bytes.begin() + 19);
                EXPECT_EQ(hex(resealed.bytes),
                          hex(reference_sealed(secret_of(2), 2, {to}, kUuid, kContext, nonce, data)));
            }
        }
    }
}

TEST(Reseal, FailuresAreThoseOfOpen) {
    const EnginePtr older = engine_with(keyring_of(2, "", 1));
    const EnginePtr engine = engine_with(keyring_of(2));
    const Blob sealed = seal_of(older.get(), kUuid, kContext, kData).bytes;
    EXPECT_EQ(reseal_of(engine.get(), Blob(kUuidBytes), kContext, sealed).status, CAAS_ERR_CANNOT_OPEN);
    EXPECT_EQ(reseal_of(engine.get(), kUuid, "users.phone", sealed).status, CAAS_ERR_CANNOT_OPEN);
    Blob changed(sealed);
    changed.back() ^= 1;
    EXPECT_EQ(reseal_of(engine.get(), kUuid, kContext, changed).status, CAAS_ERR_CANNOT_OPEN);
    changed = sealed;
    changed[2] = 0;
    EXPECT_EQ(reseal_of(engine.get(), kUuid, kContext, changed).status, CAAS_ERR_UNKNOWN_GENERATION);
    changed = sealed;
    changed[0] = 2;
    EXPECT_EQ(reseal_of(engine.get(), kUuid, kContext, changed).status, CAAS_ERR_MALFORMED);
    for (std::size_t length = 0; length < CAAS_SEALED_OVERHEAD; length++) {
        EXPECT_EQ(reseal_of(engine.get(), kUuid, kContext, Bytes(sealed).first(length)).status, CAAS_ERR_MALFORMED);
    }
}

}  // namespace
}  // namespace caas::test
