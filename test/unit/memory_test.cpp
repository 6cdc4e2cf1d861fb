// Secrets lie in locked memory and are overwritten when they are freed.
#include "../../src/core/keyring.hpp"
#include "../../src/core/profile.hpp"
#include "../../src/core/secret.hpp"
#include "faults.hpp"
#include "reference.hpp"
#include "support.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <vector>

namespace caas::test {
namespace {

const Blob kUuid = parse_uuid("4dbcbcfe-4800-40a8-badf-c26b73af230c");
const std::string kText = std::string(kVersionLine) + generation_line(2, "active", secret_of(2)) +
                          generation_line(1, "retired", secret_of(1));

// The flags of the mapping that holds an address, from /proc/self/smaps.
std::string mapping_flags(const void* address) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    std::ifstream maps("/proc/self/smaps");
    std::string line;
    bool inside = false;
    while (std::getline(maps, line)) {
        unsigned long from = 0;
        unsigned long to = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) inside = wanted >= from && wanted < to;
        if (inside && line.starts_with("VmFlags:")) return line + " ";
    }
    return "";
}

TEST(Memory, SecretsAreLockedAndNotDumped) {
    const SecretKey<32> key;
    if (caas_secrets_locked() == 0) GTEST_SKIP() << "the limit of locked memory (ulimit -l) is too low here";
    const std::string flags = mapping_flags(key.expose().data());
    EXPECT_NE(flags.find(" lo "), std::string::npos) << flags;  // locked
    EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;  // not dumped
}

// As many blocks as several threads with engines of long keyrings take.
TEST(Memory, TheArenaGrows) {
    const std::size_t before = secret_blocks_taken();
    {
        std::vector<SecretKey<32>> keys(20000);
        for (std::size_t i = 0; i < keys.size(); i++) keys[i].expose_mutable()[0] = static_cast<std::uint8_t>(i);
        EXPECT_EQ(secret_blocks_taken(), before + keys.size());
        std::set<const std::uint8_t*> places;
        for (std::size_t i = 0; i < keys.size(); i++) {
            places.insert(keys[i].expose().data());
            ASSERT_EQ(keys[i].expose()[0], static_cast<std::uint8_t>(i));
        }
        EXPECT_EQ(places.size(), keys.size());
        if (caas_secrets_locked() != 0) {
            EXPECT_NE(mapping_flags(keys.back().expose().data()).find(" lo "), std::string::npos);
        }
    }
    EXPECT_EQ(secret_blocks_taken(), before);
}

TEST(Memory, SecretKeyIsCleansed) {
    const std::uint8_t* place = nullptr;
    {
        SecretKey<32> key(std::span<const std::uint8_t, 32>(secret_of(5).data(), 32));
        place = key.expose().data();
        ASSERT_EQ(hex(Bytes(place, 32)), hex(secret_of(5)));
    }
    EXPECT_EQ(hex(Bytes(place, 32)), std::string(64, '0'));  // the arena stays mapped
}

TEST(Memory, ScratchSecretIsCleansed) {
    const Blob secret = secret_of(6);
    const FreedMemoryWatch watch(secret);
    auto scratch = std::make_unique<ScratchSecret<100>>();
    std::memcpy(scratch->reserve(40) + 8, secret.data(), secret.size());
    scratch.reset();
    EXPECT_EQ(watch.found(), 0);
}

TEST(Memory, ProfileIsCleansed) {
    auto kdf = SubjectKdf::create(SecretKey<32>(std::span<const std::uint8_t, 32>(secret_of(5).data(), 32)));
    ASSERT_TRUE(kdf.ok());
    const Blob key = reference_okm(secret_of(5), kUuid, 32);
    const FreedMemoryWatch watch(key);
    auto profile = std::make_unique<DigestProfile>();
    ASSERT_TRUE(profile->derive(kdf.value(), as_uuid(kUuid), default_pool(digest_pool)));
    EXPECT_EQ(hex(profile->expose_key()), hex(key));
    profile.reset();
    EXPECT_EQ(watch.found(), 0);
}

TEST(Memory, FileContentIsCleansed) {
    const Blob text = blob_of(base64(secret_of(5)));
    const FreedMemoryWatch watch(text);
    SecretText content(100);
    content.expose_mutable().append(reinterpret_cast<const char*>(text.data()), text.size());
    { const SecretText moved(std::move(content)); }
    EXPECT_EQ(watch.found(), 0);
}

TEST(Memory, EngineGivesEverySecretBack) {
    const std::size_t before = secret_blocks_taken();
    {
        const EnginePtr engine = engine_with(kText);
        EXPECT_GT(secret_blocks_taken(), before);
        ASSERT_EQ(digest_of(engine.get(), kUuid, "x").status, CAAS_OK);
        ASSERT_EQ(digest_of(engine.get(), kUuid, "x", 1).status, CAAS_OK);
        caas_engine_unload(engine.get());
        EXPECT_EQ(secret_blocks_taken(), before);
        ASSERT_EQ(load(engine.get(), kText), CAAS_OK);
    }
    EXPECT_EQ(secret_blocks_taken(), before);
}

// Loads, computes and unloads while every freed block of C++ and OpenSSL is searched.
int freed_blocks_with(Bytes pattern) {
    const TempFolder folder;
    const std::string path = folder.write("keyring", kText);
    caas_error error = {};
    std::uint8_t out[CAAS_DIGEST_MAX_BYTES];
    std::size_t length = 0;
    caas_generation_info info = {};
    const FreedMemoryWatch watch(pattern);
    const EnginePtr engine = new_engine();
    EXPECT_EQ(caas_engine_load(engine.get(), path.c_str(), &error), CAAS_OK);
    EXPECT_EQ(caas_digest(engine.get(), kUuid.data(), 0, "x", 1, out, &length, &error), CAAS_OK);
    EXPECT_EQ(caas_engine_generation(engine.get(), 0, &info, &error), CAAS_OK);
    caas_engine_unload(engine.get());
    return watch.found();
}

TEST(Memory, FreedMemoryHoldsNoSecret) {
    const Blob secret = secret_of(2);
    EXPECT_EQ(freed_blocks_with(secret), 0);
    EXPECT_EQ(freed_blocks_with(blob_of(base64(secret).substr(0, 40))), 0);
    EXPECT_EQ(freed_blocks_with(reference_hmac("SHA512", blob_of("caas/v1"), secret)), 0);
    const Blob purpose_key = reference_purpose_key(secret, "digest");
    EXPECT_EQ(freed_blocks_with(purpose_key), 0);
    EXPECT_EQ(freed_blocks_with(Bytes(purpose_key).first(16)), 0);
    EXPECT_EQ(freed_blocks_with(reference_purpose_key(secret, "check")), 0);
    EXPECT_EQ(freed_blocks_with(reference_okm(purpose_key, kUuid, 32)), 0);
}

TEST(Memory, WatchSeesWhatIsFreed) {
    const Blob pattern = secret_of(9);
    const FreedMemoryWatch watch(pattern);
    {
        const Blob copy(pattern);
        EXPECT_EQ(copy, pattern);  // g++ 16 leaves a copy out that nothing reads
    }
    EXPECT_EQ(watch.found(), 1);
    auto* block = static_cast<std::uint8_t*>(OPENSSL_malloc(100));
    ASSERT_NE(block, nullptr);
    std::memcpy(block + 7, pattern.data(), pattern.size());
    OPENSSL_free(block);
    EXPECT_EQ(watch.found(), 2);
}

}  // namespace
}  // namespace caas::test
