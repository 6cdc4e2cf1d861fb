/*
 * table_protect.h - caas_protect(): brings protection to a table that exists.
 *
 * table_protect.c makes the plan and runs it, table_protect_check.c refuses what
 * cannot work, table_protect_find.c looks for what a reader of the plan has to know,
 * table_protect_index.c decides about the indexes of blind indexes.
 */
#ifndef CAAS_TABLE_PROTECT_H
#define CAAS_TABLE_PROTECT_H

#include "table_plan.h"
#include "trigger.h"

/* One call of caas_protect(). */
typedef struct caas_protection
{
	Relation	relation;
	const char *table;	/* its name, as in SQL */
	const char *schema; /* that of the extension, as in SQL */
	List	 *members;	/* of Oid: inheritance children, then the table; for triggers and indexes */
	List	 *all;		/* of Oid: the table, its partitions and its inheritance children */
	bool	  has_rows;
	bool	  has_null_ids; /* in rows that have a value to protect */
	List	 *definitions;	/* of caas_definition: digests, sealed values; each has columns */
	caas_plan plan;
} caas_protection;

/* ---- table_protect_check.c ---- */

/* Raises what cannot work: by the columns alone, and by all that is known of the table. */
extern void caas_protect_check_columns(const caas_protection *protection);
extern void caas_protect_check(const caas_protection *protection);

/* ---- table_protect_find.c ---- */

/* True when the query, with a table's name for its %s, returns a row for one of the tables. */
extern bool caas_protect_any(const List *tables, const char *query);

/* Adds the findings to the plan. */
extern void caas_protect_find(caas_protection *protection);

/* ---- table_protect_index.c ---- */

/* Adds the statements that create the index of a blind index's column. */
extern void caas_protect_index(caas_protection *protection, const caas_argument *argument);

/* The sources of all arguments, as a list of char *. */
extern List *caas_protect_sources(const caas_protection *protection);

#endif
