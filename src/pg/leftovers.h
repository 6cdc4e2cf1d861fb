/*
 * leftovers.h - reads catalogs and configuration files for caas_status.
 */
#ifndef CAAS_LEFTOVERS_H
#define CAAS_LEFTOVERS_H

#include "caas_pg.h"

/* Returns the extension's version in this database, palloc'd; NULL when it is not installed. */
extern char *caas_installed_version(void);

/* Returns text[]: the places where a caas.api_key is stored that every role can read. */
extern Datum caas_stored_api_keys(void);

#endif
