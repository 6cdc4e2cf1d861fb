// Each algorithm of the pool against published vectors. The core takes keys of 32 bytes: an HMAC key that is shorter is
// the same key with zeroes behind it (RFC 2104), for the others only vectors with 32 bytes fit.
#include "../../src/core/digest_pool.hpp"
#include "published.hpp"
#include "support.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace caas::test {
namespace {

struct Case {
    std::string algorithm;
    Blob key;
    Blob message;
    std::string mac;  // hex, at full length
};

class PublishedMac {
public:
    explicit PublishedMac(std::string_view name) {
        const auto id = find_algorithm(digest_pool, name);
        if (!id) throw std::runtime_error("not in the pool: " + std::string(name));
        algorithm_ = &digest_algorithms[*id];
        mac_ = make_mac(*algorithm_);
    }
    bool provided() const { return mac_ != nullptr; }
    std::size_t output_bytes() const { return algorithm_->output_bytes; }
    bool takes_key(std::size_t size) const {
        return size == kMacKeyBytes || (algorithm_->kind == MacKind::hmac && size < kMacKeyBytes);
    }
    // The message cut in two at `cut`: the first part goes in as salt.
    std::string compute(Blob key, Bytes message, std::size_t cut) {
        key.resize(kMacKeyBytes);
        Blob out(output_bytes());
        EXPECT_TRUE(mac_->compute(std::span<const std::uint8_t, kMacKeyBytes>(key.data(), kMacKeyBytes),
                                  message.first(cut), message.subspan(cut), out.data()));
        return hex(out);
    }

private:
    const DigestAlgorithm* algorithm_;
    std::unique_ptr<Mac> mac_;
};

// Runs one vector at every cut that a salt can have.
void run(const Case& vector) {
    PublishedMac mac(vector.algorithm);
    ASSERT_TRUE(mac.provided()) << vector.algorithm;
    for (std::size_t cut = 0; cut <= std::min(vector.message.size(), kMaxSaltBytes); cut++) {
        ASSERT_EQ(mac.compute(vector.key, vector.message, cut), vector.mac)
            << vector.algorithm << " key " << hex(vector.key) << " message " << hex(vector.message) << " cut " << cut;
    }
}

int run_rfc_file(const std::string& path, const std::string& algorithm) {
    int seen = 0;
    Record record;
    for_each_line(path, [&](const std::string& line) {
        if (!read_field(line, record) || !line.starts_with("MD = ")) return;
        const Case vector = {algorithm, unhex(record.at("Key")), unhex(record.at("Msg")), record.at("MD")};
        if (vector.key.size() > kMacKeyBytes) return;
        run(vector);
        seen++;
    });
    return seen;
}

TEST(Published, RfcFilesOfHmac) {
    const std::pair<const char*, const char*> files[] = {
        {"HMAC/rfc-2202-md5.txt", "hmac-md5"},
        {"HMAC/rfc-2202-sha1.txt", "hmac-sha1"},
        {"HMAC/rfc-2286-ripemd160.txt", "hmac-ripemd160"},
        {"HMAC/rfc-4231-sha224.txt", "hmac-sha224"},
        {"HMAC/rfc-4231-sha256.txt", "hmac-sha256"},
        {"HMAC/rfc-4231-sha384.txt", "hmac-sha384"},
        {"HMAC/rfc-4231-sha512.txt", "hmac-sha512"},
    };
    for (const auto& [file, algorithm] : files) {
        const std::string path = published_path(file);
        if (path.empty()) GTEST_SKIP() << kNoPublishedVectors;
        EXPECT_GE(run_rfc_file(path, algorithm), 4) << file;
    }
}

std::vector<Case> own_file() {
    std::vector<Case> cases;
    for (const Record& vector : read_flat_json("test/vectors/mac_published.json")) {
        cases.push_back({vector.at("algorithm"), unhex(vector.at("key")), unhex(vector.at("data")), vector.at("mac")});
    }
    return cases;
}

TEST(Published, FileOfTheProject) {
    const std::vector<Case> cases = own_file();
    ASSERT_GT(cases.size(), 30U);
    for (const Case& vector : cases) run(vector);
}

// The result must match a valid vector and differ from an invalid one, whose tag is changed. Tags may be truncated.
void run_wycheproof(PublishedMac& mac, const WycheproofMac& test) {
    const Blob message = unhex(test.message);
    for (const std::size_t cut : {std::size_t{0}, std::size_t{8}, kMaxSaltBytes}) {
        const std::string computed = mac.compute(unhex(test.key), message, std::min(message.size(), cut));
        ASSERT_EQ(computed.substr(0, test.tag.size()) == test.tag, test.valid) << "test " << test.id << " cut " << cut;
    }
}

TEST(Published, Wycheproof) {
    // The length of KMAC's output enters the computation, so a truncated tag is another function.
    struct File {
        const char* name;
        const char* algorithm;
        int fitting;  // at least so many have a key and tag that the core can have
    };
    const File files[] = {
        {"hmac_sha256_test.json", "hmac-sha256", 168},         {"hmac_sha384_test.json", "hmac-sha384", 6},
        {"hmac_sha512_test.json", "hmac-sha512", 6},           {"hmac_sha512_256_test.json", "hmac-sha512-256", 169},
        {"kmac128_no_customization_test.json", "kmac128", 81}, {"kmac256_no_customization_test.json", "kmac256", 81},
    };
    for (const auto& [file, algorithm, fitting] : files) {
        const std::string path = wycheproof_path(file);
        if (path.empty()) GTEST_SKIP() << kNoWycheproof;
        PublishedMac mac(algorithm);
        ASSERT_TRUE(mac.provided()) << algorithm;
        int seen = 0;
        for (const WycheproofMac& test : read_wycheproof_macs(path)) {
            const bool whole = test.tag.size() == 2 * mac.output_bytes();
            if (!mac.takes_key(test.key.size() / 2)) continue;
            if (!whole && std::string_view(algorithm).starts_with("kmac")) continue;
            run_wycheproof(mac, test);
            seen++;
        }
        EXPECT_GE(seen, fitting) << file;
    }
}

TEST(Published, EveryAlgorithmHasAVectorSomewhere) {
    std::set<std::string> covered = {"hmac-md5",    "hmac-sha1",   "hmac-ripemd160", "hmac-sha224",
                                     "hmac-sha256", "hmac-sha384", "hmac-sha512",    "hmac-sha512-256"};
    for (const Case& vector : own_file()) covered.insert(vector.algorithm);
    for (const DigestAlgorithm& algorithm : digest_algorithms) EXPECT_TRUE(covered.contains(algorithm.name));
    EXPECT_EQ(covered.size(), kDigestAlgorithms);
}

}  // namespace
}  // namespace caas::test
