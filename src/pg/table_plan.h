/*
 * table_plan.h - plans: the rows that caas_protect(), caas_unprotect() and their plans return.
 *
 * A plan is made first, and only then are its statements run, so that a plan alone
 * shows just what would happen.
 */
#ifndef CAAS_TABLE_PLAN_H
#define CAAS_TABLE_PLAN_H

#include "rows.h"
#include "table.h"

#include "nodes/pg_list.h"
#include "utils/relcache.h"

typedef enum caas_step_kind
{
	CAAS_FINDING,	/* something that the reader has to know */
	CAAS_STATEMENT, /* what the function runs */
	CAAS_BY_HAND	/* what a function cannot run, or what comes later */
} caas_step_kind;

typedef struct caas_step
{
	caas_step_kind kind;
	const char	  *statement; /* NULL: none */
	const char	  *detail;	  /* NULL: none */
} caas_step;

/* A list of caas_step. */
typedef List *caas_plan;

extern void caas_plan_add(caas_plan *plan, caas_step_kind kind, const char *statement,
						  const char *detail);

/* Adds a finding for each row of a query, whose one column is the detail. */
extern void caas_plan_find(caas_plan *plan, const char *query, Datum tables, Datum columns);

/* Runs the statements. The caller holds no reference to the table, since ALTER TABLE refuses that.
 */
extern void caas_plan_run(const caas_plan *plan);

/* Returns the plan as rows (step, kind, statement, detail), in the order finding, statement, by
 * hand. */
extern Datum caas_plan_return(FunctionCallInfo fcinfo, const caas_plan *plan);

/* ---- queries, for functions about tables ---- */

/*
 * Queries run between these two: with the catalogs alone in the search_path, so that
 * operators and functions are those of the server, and names are printed with their
 * schemas; and with row security off, which fails where a policy would hide rows.
 */
extern int	caas_begin_queries(void);
extern void caas_end_queries(int level);

/*
 * Runs a query that changes nothing, with these parameters; returns its rows as a list of
 * const char *[], or the first column alone as a list of char *, in the caller's memory.
 */
extern List *caas_query_rows(const char *query, int nparameters, Oid *types, Datum *parameters);
extern List *caas_query(const char *query, int nparameters, Oid *types, Datum *parameters);

/* Runs a statement; returns the number of rows that it processed. */
extern uint64 caas_run(const char *statement);

/* The start of queries about columns: tables $1 and names $2. */
#define CAAS_SOURCES                                                                               \
	"WITH RECURSIVE s AS (SELECT a.attrelid AS rel, a.attnum AS num, a.attname AS name "           \
	"FROM pg_attribute a WHERE a.attrelid = ANY ($1) AND a.attname::text = ANY ($2)) "

/* The objects of a catalog that depend on one of these columns. */
#define CAAS_DEPENDENTS                                                                            \
	"FROM s JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.rel AND "   \
	"d.refobjsubid = s.num AND d.classid = "

extern Datum caas_oid_array(const List *oids);
extern Datum caas_text_array(const List *texts); /* of char * */

/* Raises 42809 or 42501 where the relation is no table that the user may declare anything for. */
extern void caas_require_table(Relation relation, const char *function);

/* Raises 42501 unless the user owns the table. Called before any lock that others wait for. */
extern void caas_require_owner(Oid table);

/* The elements of an array of texts or names, as a list of char *; raises 22004 for a null,
 * 22023 for none. */
extern List *caas_array_elements(ArrayType *array, Oid type);

#endif
