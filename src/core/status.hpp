// Failures as values. An error holds static text only: no key, no plaintext, no byte of input.
#pragma once
#include "core_only.hpp"

#include "../caas.h"

#include <utility>
#include <variant>

namespace caas {

struct Error {
    caas_status status = CAAS_ERR_INTERNAL;
    int line = 0;
    int os_error = 0;
    const char* reason = nullptr;     // static storage
    const char* algorithm = nullptr;  // static storage
};

inline Error crypto_error(const char* reason) { return Error{.status = CAAS_ERR_CRYPTO, .reason = reason}; }

// Result<T> holds a T or an Error; ask ok() before value().
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, error) {}

    bool ok() const { return content_.index() == 0; }
    T& value() { return *std::get_if<0>(&content_); }
    const T& value() const { return *std::get_if<0>(&content_); }
    const Error& error() const { return *std::get_if<1>(&content_); }

private:
    std::variant<T, Error> content_;
};

struct Done {};
using Outcome = Result<Done>;

}  // namespace caas
