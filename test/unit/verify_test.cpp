// Verification: over several generations, in both forms, and against everything that is nearly right.
#include "support.hpp"

#include <algorithm>
#include <cctype>

namespace caas::test {
namespace {

constexpr std::string_view kData = "example sensitive data";

std::string keyring_of(int active_number) {
    std::string text(kVersionLine);
    for (int number = 1; number <= 4; number++) {
        text += generation_line(number, number == active_number ? "active" : "retired",
                                secret_of(static_cast<unsigned>(number)));
    }
    return text;
}

// The generation that caas_verify finds; -1 when the call fails.
int found(caas_engine* engine, const Blob& uuid, std::string_view data, std::string_view stored, caas_form form) {
    int generation = 99;
    const caas_status status = caas_verify(engine, uuid.data(), data.data(), data.size(), stored.data(), stored.size(),
                                           form, &generation, nullptr);
    return status == CAAS_OK ? generation : -1;
}

std::string raw_of(std::string_view hex_text) {
    const Blob bytes = unhex(hex_text);
    return {bytes.begin(), bytes.end()};
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
    return text;
}

TEST(Verify, FindsTheGeneration) {
    Random random;
    for (int active_number = 1; active_number <= 4; active_number++) {
        const EnginePtr engine = engine_with(keyring_of(active_number));
        for (int i = 0; i < 50; i++) {
            const Blob uuid = random.bytes(kUuidBytes);
            EXPECT_EQ(digest_of(engine.get(), uuid, kData).hex,
                      digest_of(engine.get(), uuid, kData, active_number).hex);
            for (int number = 1; number <= 4; number++) {
                const std::string stored = digest_of(engine.get(), uuid, kData, number).hex;
                ASSERT_EQ(found(engine.get(), uuid, kData, stored, CAAS_FORM_HEX), number);
                ASSERT_EQ(found(engine.get(), uuid, kData, raw_of(stored), CAAS_FORM_RAW), number);
            }
        }
    }
}

TEST(Verify, RetiredGenerationStillVerifiesAndARemovedOneDoesNot) {
    const Blob uuid = parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c");
    const EnginePtr engine = engine_with(std::string(kVersionLine) + generation_line(1, "active", secret_of(1)));
    const std::string stored = digest_of(engine.get(), uuid, kData).hex;
    ASSERT_EQ(load(engine.get(), keyring_of(4)), CAAS_OK);
    EXPECT_EQ(found(engine.get(), uuid, kData, stored, CAAS_FORM_HEX), 1);
    ASSERT_EQ(load(engine.get(), std::string(kVersionLine) + generation_line(4, "active", secret_of(4))), CAAS_OK);
    EXPECT_EQ(found(engine.get(), uuid, kData, stored, CAAS_FORM_HEX), 0);
}

TEST(Verify, HexOfEitherCase) {
    Random random;
    const EnginePtr engine = engine_with(keyring_of(2));
    for (int i = 0; i < 50; i++) {
        const Blob uuid = random.bytes(kUuidBytes);
        std::string stored = digest_of(engine.get(), uuid, kData).hex;
        EXPECT_EQ(found(engine.get(), uuid, kData, upper(stored), CAAS_FORM_HEX), 2);
        for (char& c : stored) {
            if (random.below(2) == 0) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        EXPECT_EQ(found(engine.get(), uuid, kData, stored, CAAS_FORM_HEX), 2);
    }
}

TEST(Verify, AnyOtherValueIsNotEqual) {
    Random random;
    const EnginePtr engine = engine_with(keyring_of(2));
    for (int i = 0; i < 20; i++) {
        const Blob uuid = random.bytes(kUuidBytes);
        const std::string stored = digest_of(engine.get(), uuid, kData).hex;
        const std::string raw = raw_of(stored);
        for (std::size_t bit = 0; bit < raw.size() * 8; bit++) {
            std::string spoilt = raw;
            spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ (1 << bit % 8));
            ASSERT_EQ(found(engine.get(), uuid, kData, spoilt, CAAS_FORM_RAW), 0) << bit;
        }
        for (std::size_t length = 0; length < stored.size(); length++) {
            ASSERT_EQ(found(engine.get(), uuid, kData, stored.substr(0, length), CAAS_FORM_HEX), 0) << length;
        }
        for (std::size_t length = 0; length < raw.size(); length++) {
            ASSERT_EQ(found(engine.get(), uuid, kData, raw.substr(0, length), CAAS_FORM_RAW), 0) << length;
        }
        for (const std::string& more : {stored + "0", stored + "00", stored + stored, stored + std::string(1000, '0'),
                                        " " + stored, stored + "\n", "\\x" + stored, "g" + stored.substr(1)}) {
            EXPECT_EQ(found(engine.get(), uuid, kData, more, CAAS_FORM_HEX), 0) << more;
        }
        EXPECT_EQ(found(engine.get(), uuid, kData, raw + std::string(1, '\0'), CAAS_FORM_RAW), 0);
        EXPECT_EQ(found(engine.get(), uuid, kData, stored, CAAS_FORM_RAW), 0);
        EXPECT_EQ(found(engine.get(), uuid, kData, raw, CAAS_FORM_HEX), 0);
    }
}

TEST(Verify, OtherDataOrUserIsNotEqual) {
    Random random;
    const EnginePtr engine = engine_with(keyring_of(2));
    for (int i = 0; i < 200; i++) {
        Blob uuid = random.bytes(kUuidBytes);
        const Blob data = random.bytes(1 + random.below(300));
        std::string text(data.begin(), data.end());
        const std::string stored = digest_of(engine.get(), uuid, text).hex;
        ASSERT_EQ(found(engine.get(), uuid, text, stored, CAAS_FORM_HEX), 2);
        const std::size_t at = random.below(text.size());
        text[at] = static_cast<char>(text[at] ^ 1);
        EXPECT_EQ(found(engine.get(), uuid, text, stored, CAAS_FORM_HEX), 0);
        text[at] = static_cast<char>(text[at] ^ 1);
        EXPECT_EQ(found(engine.get(), uuid, text + std::string(1, '\0'), stored, CAAS_FORM_HEX), 0);
        uuid[random.below(kUuidBytes)] ^= 0x80;
        EXPECT_EQ(found(engine.get(), uuid, text, stored, CAAS_FORM_HEX), 0);
    }
}

TEST(Verify, Failures) {
    const Blob uuid(kUuidBytes);
    const EnginePtr engine = engine_with(keyring_of(2));
    const auto status = [&](caas_engine* on, const std::uint8_t* id, const void* data, const void* stored) {
        int generation = 99;
        caas_error error = {};
        const caas_status result = caas_verify(on, id, data, 1, stored, 1, CAAS_FORM_RAW, &generation, &error);
        EXPECT_EQ(generation, 0);
        EXPECT_EQ(error.status, result);
        return result;
    };
    EXPECT_EQ(status(nullptr, uuid.data(), "x", "x"), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(status(engine.get(), nullptr, "x", "x"), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(status(engine.get(), uuid.data(), nullptr, "x"), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(status(engine.get(), uuid.data(), "x", nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_verify(engine.get(), uuid.data(), "x", 1, "x", 1, CAAS_FORM_RAW, nullptr, nullptr),
              CAAS_ERR_ARGUMENT);
    caas_engine_unload(engine.get());
    EXPECT_EQ(status(engine.get(), uuid.data(), "x", "x"), CAAS_ERR_NO_KEYRING);
}

}  // namespace
}  // namespace caas::test
