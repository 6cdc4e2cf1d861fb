// Included first by every header of the core: a server header and a core header can never meet in one translation unit.
#pragma once
#if defined(POSTGRES_H) || defined(C_H)
#error "src/core must not see a PostgreSQL header"
#endif
#define CAAS_CORE_TRANSLATION_UNIT 1
