// Who owns an engine of the core.
#pragma once
#include "../caas.h"

#include <memory>
#include <vector>

namespace caas::http {

struct EngineFree {
    void operator()(caas_engine* engine) const { caas_engine_free(engine); }
};
using EnginePtr = std::unique_ptr<caas_engine, EngineFree>;

// PasswordEngines has an engine for each thread that hashes passwords, at the place of the thread's number.
using PasswordEngines = std::vector<EnginePtr>;

}  // namespace caas::http
