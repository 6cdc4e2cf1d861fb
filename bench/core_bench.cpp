// core_bench: what the core alone costs on the rows of the bench, and the floor under that: the same number of
// compressions and AES blocks at the speed OpenSSL reaches on long inputs. Prints one JSON object of nanoseconds.
#include "../src/caas.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Row {
    std::array<std::uint8_t, CAAS_UUID_BYTES> uuid;
    std::string data;
};
using Rows = std::vector<Row>;

constexpr std::size_t kLongInput = 1 << 20;
constexpr int kLongInputRounds = 8;
constexpr double kAesBlocksPerRow = 14;  // two for each of the seven blocks of key material

[[noreturn]] void fail(const char* what) {
    (void)std::fprintf(stderr, "core_bench: %s\n", what);
    std::exit(1);
}

void require(bool condition, const char* what) {
    if (!condition) fail(what);
}

// Processor time of this process, as the server's side of the bench counts it.
double processor_ns() {
    timespec now{};
    require(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0, "no clock");
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <typename Body>
double nanoseconds(Body body) {
    const double start = processor_ns();
    body();
    return processor_ns() - start;
}

std::array<std::uint8_t, CAAS_UUID_BYTES> parse_uuid(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c != '-') digits.push_back(c);
    }
    std::array<std::uint8_t, CAAS_UUID_BYTES> uuid{};
    require(digits.size() == 2 * uuid.size(), "a line does not begin with a UUID");
    for (std::size_t i = 0; i < uuid.size(); i++) {
        uuid[i] = static_cast<std::uint8_t>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
    }
    return uuid;
}

// Lines of COPY: UUID, tab, value. The bench makes values without a backslash.
Rows read_rows(const char* path) {
    std::ifstream file(path);
    require(file.is_open(), "the file of rows cannot be opened");
    Rows rows;
    for (std::string line; std::getline(file, line);) {
        const std::size_t tab = line.find('\t');
        require(tab != std::string::npos, "a line has no tab");
        rows.push_back({parse_uuid(std::string_view(line).substr(0, tab)), line.substr(tab + 1)});
    }
    require(!rows.empty(), "the file of rows is empty");
    return rows;
}

caas_engine* load_engine(const char* keyring) {
    caas_engine* engine = nullptr;
    require(caas_engine_new(&engine, nullptr) == CAAS_OK, "no engine");
    require(caas_engine_load(engine, keyring, nullptr) == CAAS_OK, "the keyring cannot be loaded");
    return engine;
}

// ---- the core's own time ----

std::string hex_digest(caas_engine* engine, const Row& row, int generation) {
    std::array<std::uint8_t, CAAS_DIGEST_MAX_BYTES> digest{};
    std::size_t len = 0;
    require(caas_digest(engine, row.uuid.data(), generation, row.data.data(), row.data.size(), digest.data(), &len,
                        nullptr) == CAAS_OK,
            "caas_digest failed");
    std::string hex(2 * len, '0');
    caas_hex_encode(digest.data(), len, hex.data());
    return hex;
}

// What a row of the SQL function asks of the core: caas_digest and hex.
double digest_time(caas_engine* engine, const Rows& rows) {
    std::array<char, 2 * CAAS_DIGEST_MAX_BYTES> hex{};
    const double total = nanoseconds([&] {
        for (const Row& row : rows) {
            std::uint8_t digest[CAAS_DIGEST_MAX_BYTES];
            std::size_t len = 0;
            require(caas_digest(engine, row.uuid.data(), 0, row.data.data(), row.data.size(), digest, &len, nullptr) ==
                        CAAS_OK,
                    "caas_digest failed");
            caas_hex_encode(digest, len, hex.data());
        }
    });
    return total / static_cast<double>(rows.size());
}

double verify_time(caas_engine* engine, const Rows& rows, int generation) {
    std::vector<std::string> stored;
    for (const Row& row : rows) stored.push_back(hex_digest(engine, row, generation));
    const double total = nanoseconds([&] {
        for (std::size_t i = 0; i < rows.size(); i++) {
            int matched = 0;
            require(caas_verify(engine, rows[i].uuid.data(), rows[i].data.data(), rows[i].data.size(), stored[i].data(),
                                stored[i].size(), CAAS_FORM_HEX, &matched, nullptr) == CAAS_OK,
                    "caas_verify failed");
            require(generation == 0 || matched == generation, "caas_verify named another generation");
        }
    });
    return total / static_cast<double>(rows.size());
}

// ---- the floor ----

struct Algorithm {
    const char* name;
    const char* hash;  // whose compression function it is
    enum { hmac, blake2, kmac } kind;
    std::size_t block_bytes;
};

constexpr std::array<Algorithm, 8> kAlgorithms = {{
    {"blake2b-512", "BLAKE2B-512", Algorithm::blake2, 128},
    {"blake2s-256", "BLAKE2S-256", Algorithm::blake2, 64},
    {"hmac-sha256", "SHA2-256", Algorithm::hmac, 64},
    {"hmac-sha384", "SHA2-384", Algorithm::hmac, 128},
    {"hmac-sha512", "SHA2-512", Algorithm::hmac, 128},
    {"hmac-sha512-256", "SHA2-512/256", Algorithm::hmac, 128},
    {"kmac128", "KECCAK-KMAC-128", Algorithm::kmac, 168},
    {"kmac256", "KECCAK-KMAC-256", Algorithm::kmac, 136},
}};

std::size_t blocks(std::size_t bytes, std::size_t block_bytes) { return (bytes + block_bytes - 1) / block_bytes; }

// Compressions that no implementation of the format can avoid for a message of salt and data.
std::size_t compressions(const Algorithm& algorithm, std::size_t message, std::size_t output) {
    const std::size_t block = algorithm.block_bytes;
    const std::size_t length_field = 1 + block / 8;  // of SHA-2: 80, then 8 or 16 bytes
    switch (algorithm.kind) {
        case Algorithm::hmac:
            return blocks(block + message + length_field, block) + blocks(block + output + length_field, block);
        case Algorithm::blake2:
            return blocks(block + message, block);
        case Algorithm::kmac:  // key block; message, right_encode and padding; the prefix block is the same for all
            return 1 + blocks(message + 3 + 1, block);
    }
    return 0;
}

double compression_time(const Algorithm& algorithm, const std::vector<std::uint8_t>& input) {
    EVP_MD* md = EVP_MD_fetch(nullptr, algorithm.hash, nullptr);
    EVP_MD_CTX* ctx = EVP_MD_CTX_new();
    require(md != nullptr && ctx != nullptr && EVP_DigestInit_ex2(ctx, md, nullptr) == 1, "no hash");
    const double total = nanoseconds([&] {
        for (int i = 0; i < kLongInputRounds; i++) {
            require(EVP_DigestUpdate(ctx, input.data(), input.size()) == 1, "a hash failed");
        }
    });
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
    return total * static_cast<double>(algorithm.block_bytes) / (kLongInputRounds * static_cast<double>(input.size()));
}

double aes_block_time(const std::vector<std::uint8_t>& input) {
    std::vector<std::uint8_t> out(input.size());
    EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
    EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
    require(
        cipher != nullptr && ctx != nullptr && EVP_EncryptInit_ex2(ctx, cipher, input.data(), nullptr, nullptr) == 1,
        "no AES");
    const double total = nanoseconds([&] {
        for (int i = 0; i < kLongInputRounds; i++) {
            int written = 0;
            require(EVP_EncryptUpdate(ctx, out.data(), &written, input.data(), static_cast<int>(input.size())) == 1,
                    "AES failed");
        }
    });
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return total * 16 / (kLongInputRounds * static_cast<double>(input.size()));
}

// ---- rows by what their UUID selects ----

struct Group {
    Rows rows;
    std::size_t compressions = 0;
};

std::map<std::string, Group> by_algorithm(caas_engine* engine, const Rows& rows) {
    std::map<std::string, Group> groups;
    for (const Row& row : rows) {
        caas_profile_info profile{};
        require(caas_profile(engine, row.uuid.data(), 0, &profile, nullptr) == CAAS_OK, "caas_profile failed");
        for (const Algorithm& algorithm : kAlgorithms) {
            if (std::strcmp(algorithm.name, profile.algorithm) != 0) continue;
            Group& group = groups[algorithm.name];
            group.rows.push_back(row);
            group.compressions +=
                compressions(algorithm, static_cast<std::size_t>(profile.salt_length) + row.data.size(),
                             static_cast<std::size_t>(profile.digest_length));
        }
    }
    return groups;
}

void print(const char* separator, const std::string& name, double value) {
    (void)std::printf("%s\"%s\": %.1f", separator, name.c_str(), value);
}

void print_mix(caas_engine* engine, const Rows& rows) {
    const std::vector<std::uint8_t> input(kLongInput, 'x');
    auto groups = by_algorithm(engine, rows);
    (void)digest_time(engine, Rows(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 10)));
    double floor = 0;
    for (const Algorithm& algorithm : kAlgorithms) {
        floor += static_cast<double>(groups[algorithm.name].compressions) * compression_time(algorithm, input);
    }
    print("", "core", digest_time(engine, rows));
    print(", ", "floor", floor / static_cast<double>(rows.size()) + kAesBlocksPerRow * aes_block_time(input));
}

void print_details(caas_engine* engine, const Rows& rows) {
    const std::vector<std::uint8_t> input(kLongInput, 'x');
    const double aes = kAesBlocksPerRow * aes_block_time(input);
    const char* separator = "";
    for (const auto& [name, group] : by_algorithm(engine, rows)) {
        print(separator, "core " + name, digest_time(engine, Rows(group.rows)));
        separator = ", ";
        for (const Algorithm& algorithm : kAlgorithms) {
            if (name != algorithm.name) continue;
            print(separator, "floor " + name,
                  static_cast<double>(group.compressions) / static_cast<double>(group.rows.size()) *
                          compression_time(algorithm, input) +
                      aes);
        }
    }
    print(separator, "core verify active", verify_time(engine, rows, 0));
    print(separator, "core verify oldest", verify_time(engine, rows, 1));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4 || (std::string_view(argv[1]) != "mix" && std::string_view(argv[1]) != "details")) {
        fail("usage: core_bench mix|details KEYRING ROWS");
    }
    const Rows rows = read_rows(argv[3]);
    caas_engine* engine = load_engine(argv[2]);
    (void)std::printf("{");
    std::string_view(argv[1]) == "mix" ? print_mix(engine, rows) : print_details(engine, rows);
    (void)std::printf("}\n");
    caas_engine_free(engine);
    return 0;
}
