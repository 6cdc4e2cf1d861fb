/*
 * table_plan.c - the rows that functions about tables return, and the queries and statements that
 * they run.
 */
#include "table_plan.h"

#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* ---- plans ---- */

void
caas_plan_add(caas_plan *plan, caas_step_kind kind, const char *statement, const char *detail)
{
	caas_step *step = palloc(sizeof *step);

	step->kind = kind;
	step->statement = statement;
	step->detail = detail;
	*plan = lappend(*plan, step);
}

void
caas_plan_find(caas_plan *plan, const char *query, Datum tables, Datum columns)
{
	Oid		  types[] = {OIDARRAYOID, TEXTARRAYOID};
	Datum	  parameters[] = {tables, columns};
	ListCell *cell;

	foreach (cell, caas_query(query, lengthof(types), types, parameters))
		caas_plan_add(plan, CAAS_FINDING, NULL, lfirst(cell));
}

void
caas_plan_run(const caas_plan *plan)
{
	ListCell *cell;

	foreach (cell, *plan)
	{
		const caas_step *step = lfirst(cell);

		if (step->kind == CAAS_STATEMENT)
			(void)caas_run(step->statement);
	}
}

static void
put_step(FunctionCallInfo fcinfo, const caas_step *step, int number)
{
	static const char *const kinds[] = {"finding", "statement", "by hand"};
	Datum					 values[4] = {Int32GetDatum(number)};
	bool					 nulls[4] = {false};

	values[1] = CStringGetTextDatum(kinds[step->kind]);
	nulls[2] = step->statement == NULL;
	if (!nulls[2])
		values[2] = CStringGetTextDatum(step->statement);
	nulls[3] = step->detail == NULL;
	if (!nulls[3])
		values[3] = CStringGetTextDatum(step->detail);
	caas_rows_put(fcinfo, values, nulls);
}

Datum
caas_plan_return(FunctionCallInfo fcinfo, const caas_plan *plan)
{
	int number = 0;

	(void)caas_rows_begin(fcinfo, 4);
	for (caas_step_kind kind = CAAS_FINDING; kind <= CAAS_BY_HAND; kind++)
	{
		ListCell *cell;

		foreach (cell, *plan)
		{
			const caas_step *step = lfirst(cell);

			if (step->kind == kind)
				put_step(fcinfo, step, ++number);
		}
	}
	return (Datum)0;
}

/* ---- queries and statements ---- */

int
caas_begin_queries(void)
{
	int level = NewGUCNestLevel();

	(void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							GUC_ACTION_SAVE, true, 0, false);
	(void)set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							true, 0, false);
	return level;
}

void
caas_end_queries(int level)
{
	AtEOXact_GUC(false, level);
}

/* A row of texts in the caller's memory. */
static const char **
copy_row(HeapTuple row, TupleDesc columns, MemoryContext caller)
{
	MemoryContext own;
	const char	**texts = MemoryContextAlloc(caller, columns->natts * sizeof(char *));

	for (int i = 0; i < columns->natts; i++)
	{
		const char *text = SPI_getvalue(row, columns, i + 1);

		own = MemoryContextSwitchTo(caller);
		texts[i] = text == NULL ? NULL : pstrdup(text);
		MemoryContextSwitchTo(own);
	}
	return texts;
}

List *
caas_query_rows(const char *query, int nparameters, Oid *types, Datum *parameters)
{
	MemoryContext caller = CurrentMemoryContext;
	List		 *rows = NIL;

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot()); /* since the function may have waited for a lock */
	if (SPI_execute_with_args(query, nparameters, types, parameters, NULL, true, 0) !=
		SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot read the catalogs"),
						caas_hide()));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		const char	**row = copy_row(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, caller);
		MemoryContext own = MemoryContextSwitchTo(caller);

		rows = lappend(rows, row);
		MemoryContextSwitchTo(own);
	}
	PopActiveSnapshot();
	SPI_finish();
	return rows;
}

List *
caas_query(const char *query, int nparameters, Oid *types, Datum *parameters)
{
	List	 *rows = caas_query_rows(query, nparameters, types, parameters);
	ListCell *cell;

	foreach (cell, rows)
		lfirst(cell) = (char *)*(const char **)lfirst(cell);
	return rows;
}

uint64
caas_run(const char *statement)
{
	uint64 processed;

	SPI_connect();
	if (SPI_execute(statement, false, 0) < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot run: %s", statement),
						caas_hide()));
	processed = SPI_processed;
	SPI_finish();
	CommandCounterIncrement();
	return processed;
}

/* ---- names and arrays ---- */

Datum
caas_oid_array(const List *oids)
{
	Datum	 *elements = palloc(Max(list_length(oids), 1) * sizeof(Datum));
	int		  n = 0;
	ListCell *cell;

	foreach (cell, oids)
		elements[n++] = ObjectIdGetDatum(lfirst_oid(cell));
	return PointerGetDatum(construct_array(elements, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

Datum
caas_text_array(const List *texts)
{
	Datum	 *elements = palloc(Max(list_length(texts), 1) * sizeof(Datum));
	int		  n = 0;
	ListCell *cell;

	foreach (cell, texts)
		elements[n++] = CStringGetTextDatum((const char *)lfirst(cell));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

List *
caas_array_elements(ArrayType *array, Oid type)
{
	List  *elements = NIL;
	Datum *values;
	bool  *nulls;
	int	   count;

	if (type == NAMEOID)
		deconstruct_array(array, type, NAMEDATALEN, false, TYPALIGN_CHAR, &values, &nulls, &count);
	else
		deconstruct_array(array, type, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no column is named"),
						errhint("Name one or more columns."), caas_hide()));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an argument is null"),
							errhint("Name one or more columns."), caas_hide()));
		elements = lappend(elements, type == NAMEOID ? pstrdup(NameStr(*DatumGetName(values[i])))
													 : TextDatumGetCString(values[i]));
	}
	return elements;
}

/* ---- which tables ---- */

void
caas_require_table(Relation relation, const char *function)
{
	char kind = relation->rd_rel->relkind;

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", RelationGetRelationName(relation)),
				 errhint("%s() is for tables that store rows and partitioned tables.", function),
				 caas_hide()));
	if (IsSystemRelation(relation) || RELATION_IS_OTHER_TEMP(relation))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is a table of the system or of another session",
							   RelationGetRelationName(relation)),
						errhint("%s() is for tables of users.", function), caas_hide()));
}

void
caas_require_owner(Oid table)
{
	bool  owns = pg_class_ownercheck(table, GetUserId());
	char *name = get_rel_name(table);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("there is no relation with the OID %u", table), caas_hide()));
	if (!owns)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must be owner of table %s", name), caas_hide()));
}
