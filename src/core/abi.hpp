// What the files of the C ABI share: the only place where exceptions end.
#pragma once
#include "core_only.hpp"

#include "engine.hpp"

#include <new>

struct caas_engine {
    caas::Engine core;
};

namespace caas {

// Fills error, unless null, and gives its status back.
caas_status report(Error failure, caas_error* error);

// Runs body, which returns an Outcome, and turns whatever it throws into a status.
template <typename Body>
caas_status guarded(caas_error* error, Body body) noexcept {
    try {
        const Outcome outcome = body();
        return outcome.ok() ? CAAS_OK : report(outcome.error(), error);
    } catch (const std::bad_alloc&) {
        return report(Error{.status = CAAS_ERR_NO_MEMORY}, error);
    } catch (...) {
        return report(Error{.status = CAAS_ERR_INTERNAL}, error);
    }
}

inline Error bad_argument(const char* reason) { return Error{.status = CAAS_ERR_ARGUMENT, .reason = reason}; }

// A pointer may be missing only where its length is 0.
inline bool readable(const void* data, std::size_t len) { return data != nullptr || len == 0; }

inline Bytes view(const void* data, std::size_t len) { return {static_cast<const std::uint8_t*>(data), len}; }

}  // namespace caas
