/*
 * table_unprotect.h - caas_unprotect(): the way back to plaintext.
 *
 * table_unprotect.c makes the plan, table_unprotect_values.c the UPDATE that opens the
 * values, runs it all and looks whether every value is there.
 */
#ifndef CAAS_TABLE_UNPROTECT_H
#define CAAS_TABLE_UNPROTECT_H

#include "table_plan.h"
#include "trigger.h"

/* A column that comes back, of one table; its values are texts of SQL. */
typedef struct caas_returning
{
	Oid					 table;
	const caas_argument *argument;
	bool				 is_sealed;
	const char			*source;
	const char			*target;
	const char			*opened; /* the expression that opens the target */
	const char			*value;	 /* the same, as a value of the source */
	const char			*shown;	 /* the source as the text that was sealed */
} caas_returning;

/* One call. */
typedef struct caas_release
{
	Relation	relation;
	const char *schema; /* of the extension, as in SQL */
	List	   *sources;
	List	   *tables;	   /* of Oid: the table, its partitions and inheritance children */
	List	   *returning; /* of caas_returning */
	caas_plan	plan;
} caas_release;

/* ---- table_unprotect_values.c ---- */

/* Sets the expressions that open the values of a sealed column. */
extern void caas_returning_set(caas_returning *column, Relation relation,
							   const caas_definition *definition, const char *schema);

/* Adds the UPDATE of one table. */
extern void caas_release_add_update(caas_release *release, Oid table);

/* Runs the plan. Raises 27000 where a value is not in its column afterwards. */
extern void caas_release_run(const caas_release *release);

#endif
