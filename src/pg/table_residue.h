/*
 * table_residue.h - caas_residue(): where plaintext may still be after a table is protected.
 *
 * table_residue.c makes the rows, table_residue_find.c has the queries over the catalogs.
 */
#ifndef CAAS_TABLE_RESIDUE_H
#define CAAS_TABLE_RESIDUE_H

#include "table_plan.h"

/* One place. */
typedef struct caas_place
{
	const char *object;
	const char *what;
	const char *command; /* NULL: there is none */
} caas_place;

/* The subject of the queries. */
typedef struct caas_residue
{
	Datum tables;	/* oid[]: the table, its partitions and inheritance children */
	Datum sources;	/* text[]: the columns that statements write plaintext into */
	Datum in_place; /* text[]: those of them that hold their own digests */
	Datum schema;	/* text: that of the extension, as in SQL */
	List *places;	/* of caas_place */
} caas_residue;

typedef enum caas_residue_part
{
	CAAS_RESIDUE_COPIES,	   /* what has been copied in the database */
	CAAS_RESIDUE_TRANSACTIONS, /* what keeps VACUUM from removing old rows */
	CAAS_RESIDUE_DEAD_ROWS,	   /* whether autovacuum removes them */
	CAAS_RESIDUE_STATISTICS,   /* indexes and statistics */
	CAAS_RESIDUE_OUTSIDE	   /* replication, WAL, backups, texts of statements */
} caas_residue_part;

extern void caas_residue_add(caas_residue *residue, const char *object, const char *what,
							 const char *command);

/* Adds the places that the queries of a part find. */
extern void caas_residue_find(caas_residue *residue, caas_residue_part part);

/* The server's counts of the dead rows of a table, as a sentence. */
extern const char *caas_residue_age(Oid table);

/* Adds pg_stat_statements where it has statements over the table; its name is without schema. */
extern void caas_residue_find_statements(caas_residue *residue, const char *table);

#endif
