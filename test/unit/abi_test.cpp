// The contract of caas.h: outputs on failure, optional pointers, and an engine after a failed load.
#include "../../src/core/digest_pool.hpp"
#include "support.hpp"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace caas::test {
namespace {

const Blob kUuid = parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c");
constexpr std::string_view kData = "example sensitive data";

std::string three_generations() {
    return std::string(kVersionLine) + generation_line(1, "retired", secret_of(1)) +
           generation_line(2, "active", secret_of(2)) + generation_line(3, "retired", secret_of(3));
}

bool all_zero(const void* memory, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(memory);
    return std::all_of(bytes, bytes + size, [](std::uint8_t byte) { return byte == 0; });
}

TEST(Abi, Versions) {
    const std::string control = read_whole_file("caas.control");
    EXPECT_NE(control.find("default_version = '" + std::string(caas_library_version()) + "'"), std::string::npos);
    EXPECT_TRUE(std::string_view(caas_openssl_version()).starts_with("OpenSSL "));
}

TEST(Abi, EngineWithoutKeyring) {
    const EnginePtr engine = new_engine();
    EXPECT_EQ(digest_of(engine.get(), kUuid, kData).status, CAAS_ERR_NO_KEYRING);
    EXPECT_EQ(digest_of(engine.get(), kUuid, kData, 1).status, CAAS_ERR_NO_KEYRING);
    caas_keyring_info info;
    std::memset(&info, 0x5A, sizeof info);
    caas_engine_keyring(engine.get(), &info);
    EXPECT_TRUE(all_zero(&info, sizeof info));
    std::memset(&info, 0x5A, sizeof info);
    caas_engine_keyring(nullptr, &info);
    EXPECT_TRUE(all_zero(&info, sizeof info));
    caas_engine_unload(engine.get());
    caas_engine_unload(nullptr);
    caas_engine_free(nullptr);
    EXPECT_EQ(caas_engine_new(nullptr, nullptr), CAAS_ERR_ARGUMENT);
}

// Calls caas_digest on dirty outputs. True when it fails with `status`, zeroes the outputs and fills the error.
void expect_digest_fails(caas_engine* engine, const std::uint8_t* uuid, int generation, const void* data,
                         std::size_t length, caas_status status) {
    std::uint8_t out[CAAS_DIGEST_MAX_BYTES];
    std::memset(out, 0x5A, sizeof out);
    std::size_t out_len = 99;
    caas_error error = {};
    EXPECT_EQ(caas_digest(engine, uuid, generation, data, length, out, &out_len, &error), status);
    EXPECT_EQ(error.status, status);
    EXPECT_TRUE(all_zero(out, sizeof out));
    EXPECT_EQ(out_len, 0U);
    EXPECT_EQ(caas_digest(engine, uuid, generation, data, length, out, &out_len, nullptr), status);
}

TEST(Abi, DigestFailures) {
    const EnginePtr engine = engine_with(three_generations());
    expect_digest_fails(nullptr, kUuid.data(), 0, "x", 1, CAAS_ERR_ARGUMENT);
    expect_digest_fails(engine.get(), nullptr, 0, "x", 1, CAAS_ERR_ARGUMENT);
    expect_digest_fails(engine.get(), kUuid.data(), 0, nullptr, 1, CAAS_ERR_ARGUMENT);
    for (const int unknown : {-1, 4, 65535, 65536, 0x7FFFFFFF}) {
        expect_digest_fails(engine.get(), kUuid.data(), unknown, "x", 1, CAAS_ERR_UNKNOWN_GENERATION);
    }
    std::uint8_t out[CAAS_DIGEST_MAX_BYTES] = {};
    std::size_t out_len = 99;
    EXPECT_EQ(caas_digest(engine.get(), kUuid.data(), 0, "x", 1, nullptr, &out_len, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(out_len, 0U);
    EXPECT_EQ(caas_digest(engine.get(), kUuid.data(), 0, "x", 1, out, nullptr, nullptr), CAAS_ERR_ARGUMENT);
    caas_engine_unload(engine.get());
    expect_digest_fails(engine.get(), kUuid.data(), 0, "x", 1, CAAS_ERR_NO_KEYRING);
}

TEST(Abi, NullDataOfLengthZero) {
    const EnginePtr engine = engine_with(three_generations());
    std::uint8_t out[CAAS_DIGEST_MAX_BYTES];
    // Several users, so that every algorithm is selected.
    for (std::uint8_t last = 0; last < 100; last++) {
        Blob uuid(kUuid);
        uuid[15] = last;
        std::size_t length = 0;
        ASSERT_EQ(caas_digest(engine.get(), uuid.data(), 0, nullptr, 0, out, &length, nullptr), CAAS_OK);
        EXPECT_EQ(hex(Bytes(out, length)), digest_of(engine.get(), uuid, "").hex);
        int generation = 0;
        ASSERT_EQ(caas_verify(engine.get(), uuid.data(), nullptr, 0, out, length, CAAS_FORM_RAW, &generation, nullptr),
                  CAAS_OK);
        EXPECT_EQ(generation, 2);
        ASSERT_EQ(caas_verify(engine.get(), uuid.data(), nullptr, 0, nullptr, 0, CAAS_FORM_RAW, &generation, nullptr),
                  CAAS_OK);
        EXPECT_EQ(generation, 0);
        ASSERT_EQ(caas_verify(engine.get(), uuid.data(), nullptr, 0, nullptr, 0, CAAS_FORM_HEX, &generation, nullptr),
                  CAAS_OK);
        EXPECT_EQ(generation, 0);
    }
}

TEST(Abi, ErrorIsTouchedOnFailureOnly) {
    const TempFolder folder;
    const std::string path = folder.write("keyring", three_generations());
    caas_error error;
    std::memset(&error, 0x5A, sizeof error);
    const caas_error before = error;
    caas_engine* engine = nullptr;
    ASSERT_EQ(caas_engine_new(&engine, &error), CAAS_OK);
    const EnginePtr owner(engine);
    ASSERT_EQ(caas_engine_load(engine, path.c_str(), &error), CAAS_OK);
    std::uint8_t out[CAAS_DIGEST_MAX_BYTES];
    std::size_t length = 0;
    ASSERT_EQ(caas_digest(engine, kUuid.data(), 0, "x", 1, out, &length, &error), CAAS_OK);
    int generation = 0;
    ASSERT_EQ(caas_verify(engine, kUuid.data(), "x", 1, out, length, CAAS_FORM_RAW, &generation, &error), CAAS_OK);
    caas_profile_info profile;
    ASSERT_EQ(caas_profile(engine, kUuid.data(), 0, &profile, &error), CAAS_OK);
    caas_generation_info info;
    ASSERT_EQ(caas_engine_generation(engine, 0, &info, &error), CAAS_OK);
    caas_api_key_list list;
    ASSERT_EQ(caas_api_key_list_parse("", &list, &error), CAAS_OK);
    EXPECT_EQ(std::memcmp(&error, &before, sizeof error), 0);
}

TEST(Abi, ProfileFailures) {
    const EnginePtr engine = engine_with(three_generations());
    caas_profile_info profile;
    const auto failed = [&](caas_engine* on, const std::uint8_t* uuid, int generation) {
        std::memset(&profile, 0x5A, sizeof profile);
        return caas_profile(on, uuid, generation, &profile, nullptr);
    };
    EXPECT_EQ(failed(engine.get(), kUuid.data(), 4), CAAS_ERR_UNKNOWN_GENERATION);
    EXPECT_TRUE(all_zero(&profile, sizeof profile));
    EXPECT_EQ(failed(engine.get(), nullptr, 0), CAAS_ERR_ARGUMENT);
    EXPECT_TRUE(all_zero(&profile, sizeof profile));
    EXPECT_EQ(failed(nullptr, kUuid.data(), 0), CAAS_ERR_ARGUMENT);
    EXPECT_TRUE(all_zero(&profile, sizeof profile));
    EXPECT_EQ(caas_profile(engine.get(), kUuid.data(), 0, nullptr, nullptr), CAAS_ERR_ARGUMENT);
}

TEST(Abi, GenerationsNewestFirst) {
    const EnginePtr engine = engine_with(three_generations());
    caas_generation_info info;
    for (int index = 0; index < 3; index++) {
        ASSERT_EQ(caas_engine_generation(engine.get(), index, &info, nullptr), CAAS_OK);
        EXPECT_EQ(info.number, 3 - index);
        EXPECT_EQ(info.active, info.number == 2 ? 1 : 0);
        EXPECT_STREQ(info.created, "2026-11-24T02:00:00Z");
        EXPECT_EQ(std::strlen(info.check_value), 16U);
    }
    for (const int index : {-1, 3, 1000}) {
        std::memset(&info, 0x5A, sizeof info);
        EXPECT_EQ(caas_engine_generation(engine.get(), index, &info, nullptr), CAAS_ERR_ARGUMENT);
        EXPECT_TRUE(all_zero(&info, sizeof info));
    }
    std::memset(&info, 0x5A, sizeof info);
    EXPECT_EQ(caas_engine_generation(nullptr, 0, &info, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_TRUE(all_zero(&info, sizeof info));
    EXPECT_EQ(caas_engine_generation(engine.get(), 0, nullptr, nullptr), CAAS_ERR_ARGUMENT);
    caas_engine_unload(engine.get());
    std::memset(&info, 0x5A, sizeof info);
    EXPECT_EQ(caas_engine_generation(engine.get(), 0, &info, nullptr), CAAS_ERR_NO_KEYRING);
    EXPECT_TRUE(all_zero(&info, sizeof info));
}

TEST(Abi, LongestPoolsFitTheirPlace) {
    std::string all;
    for (const DigestAlgorithm& algorithm : digest_algorithms)
        all += (all.empty() ? "" : ",") + std::string(algorithm.name);
    const EnginePtr engine =
        engine_with(std::string(kVersionLine) + generation_line(1, "active", secret_of(1), " digests=" + all));
    caas_generation_info info = {};
    ASSERT_EQ(caas_engine_generation(engine.get(), 0, &info, nullptr), CAAS_OK);
    EXPECT_EQ(info.digests, all);
}

TEST(Abi, KeyringInfo) {
    const std::string text = std::string(kVersionLine) +
                             generation_line(7, "active", secret_of(1), " digests=hmac-sha384,hmac-md5") +
                             generation_line(9, "retired", secret_of(2), " digests=kmac256");
    const TempFolder folder;
    const std::string path = folder.write("keyring", text);
    const EnginePtr engine = new_engine();
    ASSERT_EQ(caas_engine_load(engine.get(), path.c_str(), nullptr), CAAS_OK);
    caas_keyring_info info = {};
    caas_engine_keyring(engine.get(), &info);
    EXPECT_EQ(info.loaded, 1);
    EXPECT_EQ(info.active, 7);
    EXPECT_EQ(info.count, 2);
    EXPECT_EQ(info.longest, 48);  // of the active pool alone
    EXPECT_EQ(info.warnings, unsigned{CAAS_WARN_WEAK_DIGEST});
    struct stat status = {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(info.changed_usec, status.st_ctim.tv_sec * 1000000 + status.st_ctim.tv_nsec / 1000);

    const std::uint32_t fingerprint = info.fingerprint;
    EXPECT_NE(fingerprint, 0U);
    const auto reloaded = [&](std::string_view content) {
        EXPECT_EQ(load(engine.get(), content), CAAS_OK);
        caas_engine_keyring(engine.get(), &info);
        return info.fingerprint;
    };
    EXPECT_EQ(reloaded(text), fingerprint);
    EXPECT_NE(reloaded(text + "# more\n"), fingerprint);
}

TEST(Abi, FailedLoadLeavesNoKeyring) {
    const TempFolder folder;
    const std::string good = folder.write("good", three_generations());
    const std::string syntax = folder.write("syntax", three_generations() + "junk\n");
    const std::string open_to_all = folder.write("open", three_generations(), 0644);
    const std::string missing = folder.file("missing");
    const EnginePtr engine = new_engine();
    const std::pair<const char*, caas_status> failures[] = {
        {syntax.c_str(), CAAS_ERR_KEYRING_SYNTAX},
        {open_to_all.c_str(), CAAS_ERR_KEYRING_PERMISSIONS},
        {missing.c_str(), CAAS_ERR_KEYRING_FILE},
        {nullptr, CAAS_ERR_ARGUMENT},
    };
    for (const auto& [path, status] : failures) {
        ASSERT_EQ(caas_engine_load(engine.get(), good.c_str(), nullptr), CAAS_OK);
        ASSERT_EQ(digest_of(engine.get(), kUuid, kData).status, CAAS_OK);
        caas_error error = {};
        EXPECT_EQ(caas_engine_load(engine.get(), path, &error), status);
        EXPECT_EQ(error.status, status);
        EXPECT_EQ(digest_of(engine.get(), kUuid, kData).status, CAAS_ERR_NO_KEYRING) << status;
        caas_keyring_info info;
        caas_engine_keyring(engine.get(), &info);
        EXPECT_TRUE(all_zero(&info, sizeof info));
    }
    EXPECT_EQ(caas_engine_load(nullptr, good.c_str(), nullptr), CAAS_ERR_ARGUMENT);
    caas_error error = {};
    ASSERT_EQ(caas_engine_load(engine.get(), syntax.c_str(), &error), CAAS_ERR_KEYRING_SYNTAX);
    EXPECT_EQ(error.line, 5);
}

TEST(Abi, LoadReplacesTheKeyring) {
    const EnginePtr engine = engine_with(three_generations());
    const std::string under_2 = digest_of(engine.get(), kUuid, kData).hex;
    ASSERT_EQ(load(engine.get(), published_keyring()), CAAS_OK);
    const std::string published = digest_of(engine.get(), kUuid, kData).hex;
    EXPECT_NE(published, under_2);
    EXPECT_EQ(digest_of(engine.get(), kUuid, kData, 2).status, CAAS_ERR_UNKNOWN_GENERATION);
    ASSERT_EQ(load(engine.get(), three_generations()), CAAS_OK);
    EXPECT_EQ(digest_of(engine.get(), kUuid, kData).hex, under_2);
}

TEST(Abi, EnginesAreIndependent) {
    const EnginePtr first = engine_with(three_generations());
    const EnginePtr second = engine_with(published_keyring());
    const std::string of_first = digest_of(first.get(), kUuid, kData).hex;
    EXPECT_NE(digest_of(second.get(), kUuid, kData).hex, of_first);
    caas_engine_unload(second.get());
    EXPECT_EQ(digest_of(first.get(), kUuid, kData).hex, of_first);
}

// While this property is set, OpenSSL finds only algorithms that FIPS allows.
TEST(Abi, AlgorithmThatOpenSslDoesNotProvide) {
    const EnginePtr engine = new_engine();
    const std::string text = std::string(kVersionLine) + "\n" + generation_line(1, "active", secret_of(1));
    ASSERT_EQ(EVP_set_default_properties(nullptr, "fips=yes"), 1);
    caas_error error = {};
    EXPECT_EQ(load(engine.get(), text, &error), CAAS_ERR_KEYRING_ALGORITHM);
    ASSERT_EQ(EVP_set_default_properties(nullptr, ""), 1);
    EXPECT_EQ(error.line, 3);
    EXPECT_STREQ(error.algorithm, "blake2b-512");
    EXPECT_STREQ(error.reason, "this OpenSSL does not provide an algorithm that the keyring names");
    EXPECT_EQ(digest_of(engine.get(), kUuid, kData).status, CAAS_ERR_NO_KEYRING);
    EXPECT_EQ(load(engine.get(), text), CAAS_OK);
}

TEST(Abi, CleanseOverwrites) {
    std::uint8_t bytes[100];
    std::memset(bytes, 0x5A, sizeof bytes);
    caas_cleanse(bytes, 99);
    EXPECT_TRUE(all_zero(bytes, 99));
    EXPECT_EQ(bytes[99], 0x5A);
    caas_cleanse(nullptr, 0);
}

}  // namespace
}  // namespace caas::test
