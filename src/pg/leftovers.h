/*
 * leftovers.h - what the catalogs tell caas_status.
 */
#ifndef CAAS_LEFTOVERS_H
#define CAAS_LEFTOVERS_H

#include "caas_pg.h"

/* The extension's version in this database, palloc'd, or NULL when it is not installed. */
extern char *caas_installed_version(void);

/* text[]: where a caas.api_key is stored that every role can read; empty as it should be. */
extern Datum caas_stored_api_keys(void);

#endif
