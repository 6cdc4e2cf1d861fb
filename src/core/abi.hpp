// The engine as callers of caas.h know it, by pointer alone.
#pragma once
#include "core_only.hpp"

#include "engine.hpp"

struct caas_engine {
    caas::Engine core;
};
