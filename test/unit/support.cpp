#include "support.hpp"

#include "../../src/core/text.hpp"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace caas::test {

Blob unhex(std::string_view text) {
    Blob out(text.size() / 2);
    if (!hex_decode(as_bytes(text), out)) throw std::invalid_argument("not hex: " + std::string(text));
    return out;
}

std::string hex(Bytes bytes) {
    std::string out(2 * bytes.size(), '\0');
    hex_encode(bytes, out.data());
    return out;
}

Blob blob_of(std::string_view text) { return {text.begin(), text.end()}; }

Blob parse_uuid(std::string_view text) {
    std::string digits(text);
    std::erase(digits, '-');
    Blob uuid = unhex(digits);
    if (uuid.size() != kUuidBytes) throw std::invalid_argument("not a uuid: " + std::string(text));
    return uuid;
}

Random::Random() {
    const char* given = std::getenv("CAAS_TEST_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::cout << "seed: CAAS_TEST_SEED=" << seed << "\n";
    engine_.seed(seed);
}

void Random::fill(std::uint8_t* out, std::size_t count) {
    for (std::size_t i = 0; i < count; i++) out[i] = static_cast<std::uint8_t>(next());
}

Blob Random::bytes(std::size_t count) {
    Blob out(count);
    fill(out.data(), count);
    return out;
}

TempFolder::TempFolder() : path_((std::filesystem::temp_directory_path() / "caas-unit-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::write(std::string_view name, std::string_view content, unsigned mode) const {
    const std::string path = file(name);
    std::ofstream out(path, std::ios::binary);
    out << content;
    out.close();
    if (!out || chmod(path.c_str(), mode) != 0) throw std::runtime_error("cannot write " + path);
    return path;
}

std::string read_whole_file(const std::string& path) {
    const std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path + " (run from the top of the repository)");
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

Blob secret_of(unsigned tag) {
    Blob secret(kSecretBytes, 0xA5);
    for (std::size_t i = 0; i < sizeof tag; i++) secret[i] = static_cast<std::uint8_t>(tag >> (8 * i));
    return secret;
}

std::string base64(Bytes bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(length));
    return out;
}

std::string generation_line(int number, std::string_view state, const Blob& secret, std::string_view pools) {
    return std::to_string(number) + " " + std::string(state) + " 2026-11-24T02:00:00Z " + base64(secret) +
           std::string(pools) + "\n";
}

std::string published_keyring() {
    Blob secret(kSecretBytes);
    for (std::size_t i = 0; i < secret.size(); i++) secret[i] = static_cast<std::uint8_t>(i);
    return std::string(kVersionLine) + generation_line(1, "active", secret);
}

EnginePtr new_engine() {
    caas_engine* engine = nullptr;
    if (caas_engine_new(&engine, nullptr) != CAAS_OK) throw std::runtime_error("no engine");
    return EnginePtr(engine);
}

caas_status load(caas_engine* engine, std::string_view keyring, caas_error* error) {
    const TempFolder folder;
    return caas_engine_load(engine, folder.write("keyring", keyring).c_str(), error);
}

EnginePtr engine_with(std::string_view keyring) {
    EnginePtr engine = new_engine();
    caas_error error = {};
    if (load(engine.get(), keyring, &error) != CAAS_OK) {
        throw std::runtime_error(std::string("keyring not loaded: ") + (error.reason != nullptr ? error.reason : "?"));
    }
    return engine;
}

Digest digest_of(caas_engine* engine, const Blob& uuid, std::string_view data, int generation) {
    std::uint8_t out[CAAS_DIGEST_MAX_BYTES];
    std::size_t length = 0;
    const caas_status status =
        caas_digest(engine, uuid.data(), generation, data.data(), data.size(), out, &length, nullptr);
    return {status, hex(Bytes(out, length))};
}

}  // namespace caas::test
