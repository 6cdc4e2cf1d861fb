// Every header of the core includes this first. It keeps headers of the server and of the core out of one translation
// unit.
#pragma once
#if defined(POSTGRES_H) || defined(C_H)
#error "src/core must not see a PostgreSQL header"
#endif
#define CAAS_CORE_TRANSLATION_UNIT 1
