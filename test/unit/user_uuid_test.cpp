// UUIDs of users whose ids are not UUIDs, spec section 12.
#include "../../src/core/text.hpp"
#include "published.hpp"
#include "support.hpp"

#include <openssl/evp.h>

#include <cstring>
#include <thread>

namespace caas::test {
namespace {

struct Made {
    caas_status status;
    Blob uuid;
};

Made uuid_of(std::string_view name_space, std::string_view id) {
    Blob uuid(CAAS_UUID_BYTES, 0x5A);
    caas_error error = {};
    const caas_status status =
        caas_user_uuid(name_space.data(), name_space.size(), id.data(), id.size(), uuid.data(), &error);
    if (status != CAAS_OK) {
        EXPECT_EQ(error.status, status);
        EXPECT_EQ(hex(uuid), hex(Blob(CAAS_UUID_BYTES)));
    }
    return {status, uuid};
}

// RFC 9562, 5.5, over OpenSSL's one-shot hash.
Blob named(const Blob& scope, std::string_view name) {
    Blob input(scope);
    input.insert(input.end(), name.begin(), name.end());
    Blob hash(EVP_MAX_MD_SIZE);
    EXPECT_EQ(EVP_Digest(input.data(), input.size(), hash.data(), nullptr, EVP_sha1(), nullptr), 1);
    hash.resize(CAAS_UUID_BYTES);
    hash[6] = static_cast<std::uint8_t>(0x50 | (hash[6] & 0x0F));
    hash[8] = static_cast<std::uint8_t>(0x80 | (hash[8] & 0x3F));
    return hash;
}

Blob reference_uuid(std::string_view name_space, std::string_view id) {
    return named(named(parse_uuid("5f7e9d0a-3c41-5b8e-9a62-c0de5a17ca45"), name_space), id);
}

TEST(UserUuid, Vectors) {
    const std::vector<Record> vectors = read_flat_json("test/vectors/uuid.json");
    EXPECT_EQ(vectors.size(), 22U);
    for (const Record& vector : vectors) {
        const Made made = uuid_of(vector.at("namespace"), vector.at("id"));
        EXPECT_EQ(made.status, CAAS_OK);
        EXPECT_EQ(hex(made.uuid), hex(parse_uuid(vector.at("uuid"))))
            << vector.at("namespace") << " " << vector.at("id");
    }
}

// Namespaces of all lengths, in turn and again: that of the last call is kept.
TEST(UserUuid, IsTheFormat) {
    Random random;
    std::string name_space = "users";
    for (int i = 0; i < 5000; i++) {
        if (random.below(3) == 0)
            name_space.assign(1 + random.below(i % 20 == 0 ? 1024 : 3), static_cast<char>('a' + i % 2));
        const std::string id(1 + random.below(i % 20 == 0 ? 1024 : 40), static_cast<char>('0' + random.below(10)));
        ASSERT_EQ(hex(uuid_of(name_space, id).uuid), hex(reference_uuid(name_space, id))) << name_space << " " << id;
    }
}

TEST(UserUuid, Limits) {
    const std::string longest(1024, 'x');
    EXPECT_EQ(uuid_of("", "1").status, CAAS_ERR_NAMESPACE);
    EXPECT_EQ(uuid_of(longest + "x", "1").status, CAAS_ERR_NAMESPACE);
    EXPECT_EQ(uuid_of("users", "").status, CAAS_ERR_USER_ID);
    EXPECT_EQ(uuid_of("users", longest + "x").status, CAAS_ERR_USER_ID);
    EXPECT_EQ(uuid_of(longest, longest).status, CAAS_OK);
    EXPECT_EQ(uuid_of("", "").status, CAAS_ERR_NAMESPACE);
}

TEST(UserUuid, WhatIsNoTextIsRefused) {
    for (const std::string_view bad :
         {std::string_view("a\0b", 3), std::string_view("\xFF"), std::string_view("\xED\xA0\x80")}) {
        EXPECT_EQ(uuid_of("users", bad).status, CAAS_ERR_TEXT);
        EXPECT_EQ(uuid_of(bad, "42").status, CAAS_ERR_TEXT);
    }
    EXPECT_EQ(uuid_of("users", "42").status, CAAS_OK) << "a refusal leaves nothing behind";
    std::uint8_t uuid[CAAS_UUID_BYTES];
    EXPECT_EQ(caas_user_uuid(nullptr, 5, "1", 1, uuid, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_user_uuid("users", 5, nullptr, 1, uuid, nullptr), CAAS_ERR_ARGUMENT);
    EXPECT_EQ(caas_user_uuid("users", 5, "1", 1, nullptr, nullptr), CAAS_ERR_ARGUMENT);
}

TEST(UserUuid, ThreadsHaveTheirOwnHash) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([t] {
            const std::string name_space(static_cast<std::size_t>(t + 1), 'n');
            for (int i = 0; i < 5000; i++) {
                const std::string id = std::to_string(i);
                Blob uuid(CAAS_UUID_BYTES);
                EXPECT_EQ(
                    caas_user_uuid(name_space.data(), name_space.size(), id.data(), id.size(), uuid.data(), nullptr),
                    CAAS_OK);
                if (i % 100 == 0) {
                    EXPECT_EQ(hex(uuid), hex(reference_uuid(name_space, id)));
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace caas::test
