/*
 * leftovers.h - reads catalogs and configuration files for caas_status and caas_doctor.
 */
#ifndef CAAS_LEFTOVERS_H
#define CAAS_LEFTOVERS_H

#include "caas_pg.h"

#include "nodes/pg_list.h"

/* A setting that is stored in a catalog, for roles and databases or in the SET clause of a
 * function. */
typedef struct caas_stored_setting
{
	char *name;
	char *value;
	Oid	  database; /* InvalidOid: all of them */
	Oid	  role;		/* InvalidOid: all of them */
	char *where;	/* for people, such as "role app in database shop" */
	char *command;	/* which removes it when RESET and the name follow */
} caas_stored_setting;

/* Returns the extension's version in this database, palloc'd; NULL when it is not installed. */
extern char *caas_installed_version(void);

/* Returns the settings of roles and databases, each a caas_stored_setting. Their values can be
 * secret. */
extern List *caas_role_settings(void);

/* Returns those that set caas.api_key, in functions too. */
extern List *caas_stored_key_settings(void);

/* True when the server's configuration files set caas.api_key. */
extern bool caas_key_in_files(void);

/* Returns text[]: the places where a caas.api_key is stored that every role can read. */
extern Datum caas_stored_api_keys(void);

#endif
