#include "api_keys.hpp"

#include "../program/report.hpp"

#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace caas::http {

namespace {

constexpr std::uint64_t kAllRights = ~std::uint64_t{0};
constexpr off_t kMaxFileBytes = off_t{1024} * 1024;

program::ProgramError line_failure(const std::string& path, int line, const char* reason) {
    return program::program_error(path + ": line " + std::to_string(line) + ": " + reason);
}

// Anybody who can write the file can give themselves a key, so that only root and the service's user may.
void check_file(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) throw program::errno_error(path, "it cannot be opened");
    if (!S_ISREG(status.st_mode)) throw program::program_error(path + ": it is not a regular file");
    if (status.st_size > kMaxFileBytes) throw program::program_error(path + ": it is larger than 1 MiB");
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        throw program::program_error(path + ": it belongs neither to root nor to the user of the service");
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        throw program::program_error(path + ": others than its owner may write it");
    }
}

// The words of a line before its comment.
std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

// Reads the words of a line. The value is nullptr, or what is wrong with the line.
const char* read_client(const std::vector<std::string>& words, Client& client) {
    if (words[0].find('\0') != std::string::npos) return "there is a zero byte in it";
    const std::size_t colon = words[0].rfind(':');
    if (colon == std::string::npos) return "it does not begin with NAME:SHA-256";
    caas_api_key_list list{};
    caas_error error{};
    if (caas_api_key_list_parse(words[0].c_str(), &list, &error) != CAAS_OK) return error.reason;
    if (list.count != 1) return "there is more than one entry";
    client.name = words[0].substr(0, colon);
    std::copy_n(std::begin(list.digests[0]), client.digest.size(), client.digest.begin());
    client.rights = words.size() == 1 ? kAllRights : 0;
    for (std::size_t i = 1; i < words.size(); i++) {
        const Route* operation = operation_named(words[i]);
        if (operation == nullptr) return "a word after the entry is the name of no operation";
        client.rights |= std::uint64_t{1} << index_of(*operation);
    }
    return nullptr;
}

}  // namespace

ApiKeys ApiKeys::read(const std::string& path) {
    check_file(path);
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(content << file.rdbuf()))) {
        throw program::errno_error(path, "it cannot be read");
    }
    return parse(path, content.str());
}

ApiKeys ApiKeys::parse(const std::string& path, std::string_view text) {
    ApiKeys keys;
    std::istringstream lines{std::string(text)};
    std::string line;
    for (int number = 1; std::getline(lines, line); number++) {
        const std::vector<std::string> words = words_of(line);
        if (words.empty()) continue;
        if (words.size() == 1 && line.find('#') != std::string::npos) {
            throw line_failure(
                path, number,
                "a comment directly behind an entry could be meant as its operations; write it on a line "
                "of its own");
        }
        Client client{};
        if (const char* reason = read_client(words, client)) throw line_failure(path, number, reason);
        for (const Client& other : keys.clients_) {
            if (other.digest == client.digest) throw line_failure(path, number, "the key is there twice");
        }
        if (keys.clients_.size() == CAAS_API_KEYS_MAX) throw line_failure(path, number, "more than 64 API keys");
        keys.clients_.push_back(client);
    }
    if (keys.clients_.empty()) throw program::program_error(path + ": it holds no API key");
    return keys;
}

const Client* ApiKeys::find(std::string_view key) const {
    std::array<std::uint8_t, CAAS_SHA256_BYTES> digest{};
    if (caas_api_key_digest(key.data(), key.size(), digest.data()) != CAAS_OK) {
        throw std::runtime_error("SHA-256 failed");
    }
    const Client* found = nullptr;
    for (const Client& client : clients_) {
        if (CRYPTO_memcmp(client.digest.data(), digest.data(), digest.size()) == 0) found = &client;
    }
    return found;
}

unsigned RateLimiter::wait_for(const std::string& name, std::size_t requests) {
    if (per_second_ == 0) return 0;
    const Clock::time_point now = Clock::now();
    const std::lock_guard lock(mutex_);
    const double limit = per_second_;
    Bucket& bucket = buckets_.try_emplace(name, Bucket{limit, now}).first->second;
    const std::chrono::duration<double> passed = now - bucket.filled;
    bucket.tokens = std::min(limit, bucket.tokens + passed.count() * limit);
    bucket.filled = now;
    if (bucket.tokens < 1) return static_cast<unsigned>(std::ceil((1 - bucket.tokens) / limit));
    bucket.tokens -= static_cast<double>(requests);
    return 0;
}

}  // namespace caas::http
