#include "base64.hpp"

#include <openssl/evp.h>

#include <climits>
#include <stdexcept>

namespace caas::http {

namespace {

// A string of this size lies on the heap, where freed memory is cleansed, and not within the object on the stack.
constexpr std::size_t kOnHeap = 64;

const unsigned char* in(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* out(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string base64_encode(std::string_view bytes) {
    if (bytes.size() > INT_MAX / 2) throw std::length_error("base64");
    std::string text;
    text.reserve(kOnHeap);
    text.resize((bytes.size() + 2) / 3 * 4 + 1);  // OpenSSL adds a terminator
    text.resize(static_cast<std::size_t>(EVP_EncodeBlock(out(text), in(bytes), static_cast<int>(bytes.size()))));
    return text;
}

bool base64_decode(std::string_view text, std::string& bytes) {
    if (text.size() % 4 != 0 || text.size() > INT_MAX / 2) return false;
    bytes.reserve(kOnHeap);
    bytes.assign(text.size() / 4 * 3, '\0');
    const int length = EVP_DecodeBlock(out(bytes), in(text), static_cast<int>(text.size()));
    if (length < 0) return false;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') padding++;
    bytes.resize(static_cast<std::size_t>(length) - (length > 0 ? padding : 0));
    // OpenSSL skips blanks at both ends and ignores unused bits of the last character.
    return base64_encode(bytes) == text;
}

}  // namespace caas::http
