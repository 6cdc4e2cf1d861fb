// Helpers of the unit tests: bytes and hex, files, repeatable randomness, engines with a keyring. The tests run in the
// top folder of the repository.
#pragma once

#include "../../src/caas.h"
#include "../../src/core/kdf.hpp"
#include "../../src/core/secret.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace caas::test {

using Blob = std::vector<std::uint8_t>;

Blob unhex(std::string_view text);
std::string hex(Bytes bytes);
Blob blob_of(std::string_view text);
Blob parse_uuid(std::string_view text);
inline Uuid as_uuid(const Blob& bytes) { return Uuid(bytes.data(), kUuidBytes); }

// A generator of its own for each test. It prints its seed; CAAS_TEST_SEED repeats a run.
class Random {
public:
    Random();
    std::uint64_t next() { return engine_(); }
    std::size_t below(std::size_t bound) { return bound == 0 ? 0 : next() % bound; }
    Blob bytes(std::size_t count);
    void fill(std::uint8_t* out, std::size_t count);

private:
    std::mt19937_64 engine_;
};

// A temporary folder, removed with its content.
class TempFolder {
public:
    TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder();
    std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
    // Writes content with the given mode and returns the path.
    std::string write(std::string_view name, std::string_view content, unsigned mode = 0600) const;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

std::string read_whole_file(const std::string& path);

// 32 bytes that differ from one tag to the next, and from the published secret.
Blob secret_of(unsigned tag);
std::string base64(Bytes bytes);
// A line of a keyring; pools begin with a blank.
std::string generation_line(int number, std::string_view state, const Blob& secret, std::string_view pools = "");
inline constexpr std::string_view kVersionLine = "# caas keyring v1\n";
// The keyring of the published vectors.
std::string published_keyring();

struct EngineFree {
    void operator()(caas_engine* engine) const { caas_engine_free(engine); }
};
using EnginePtr = std::unique_ptr<caas_engine, EngineFree>;

EnginePtr new_engine();
// Loads a keyring through a file, as every caller of the core does.
caas_status load(caas_engine* engine, std::string_view keyring, caas_error* error = nullptr);
EnginePtr engine_with(std::string_view keyring);

struct Digest {
    caas_status status;
    std::string hex;
};
Digest digest_of(caas_engine* engine, const Blob& uuid, std::string_view data, int generation = 0);

}  // namespace caas::test
