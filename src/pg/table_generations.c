/*
 * table_generations.c - caas_generations: how many values of this database are under each
 * generation, so that one can tell when an old one may be removed.
 */
#include "rows.h"
#include "table.h"

#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/* One call. */
typedef struct caas_report
{
	ReturnSetInfo *result;
	caas_engine	  *engine;
	const char	  *schema;	/* of the extension, quoted */
	const char	  *pending; /* NULL, or why values of an older generation may still come */
} caas_report;

/* ---- transactions that may still store values of an older generation ---- */

/* Returns the text of the only row and column of a query, or NULL. */
static const char *
query_text(const char *query)
{
	const char *text = NULL;

	if (SPI_execute(query, true, 1) != SPI_OK_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot run a query"), caas_hide()));
	if (SPI_processed == 1)
		text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	SPI_freetuptable(SPI_tuptable);
	return text;
}

/* When this session read the keyring, or the file was changed; the later of both. */
static TimestampTz
changed_at(const caas_engine *engine)
{
	caas_keyring_info keyring;
	TimestampTz		  file;

	caas_engine_keyring(engine, &keyring);
	file = keyring.changed_usec - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	return Max(file, PgReloadTime);
}

/* A statement that was running at the reload goes on with the keyring from before it. */
static const char *
find_pending(const caas_engine *engine)
{
	const char *since = quote_literal_cstr(timestamptz_to_str(changed_at(engine)));
	const char *older = psprintf("OPERATOR(pg_catalog.<) %s::pg_catalog.timestamptz", since);
	const char *sessions;
	const char *prepared;

	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		return "This role cannot see the transactions of others (pg_read_all_stats).";
	sessions = query_text(
		psprintf("SELECT pg_catalog.string_agg(a.pid::pg_catalog.text, ', ' ORDER BY a.pid) FROM "
				 "pg_catalog.pg_stat_activity a WHERE a.xact_start %s AND a.pid "
				 "OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() AND a.datname "
				 "OPERATOR(pg_catalog.=) pg_catalog.current_database() AND a.backend_type "
				 "OPERATOR(pg_catalog.=) 'client backend'",
				 older));
	prepared =
		query_text(psprintf("SELECT pg_catalog.string_agg(p.gid, ', ' ORDER BY p.gid) FROM "
							"pg_catalog.pg_prepared_xacts p WHERE p.prepared %s AND p.database "
							"OPERATOR(pg_catalog.=) pg_catalog.current_database()",
							older));
	if (sessions != NULL)
		return psprintf("Transactions are older than the keyring: process %s.", sessions);
	return prepared == NULL
			   ? NULL
			   : psprintf("Prepared transactions are older than the keyring: %s.", prepared);
}

/* ---- the columns ---- */

static const char *
state_of(const caas_report *report, int number)
{
	caas_keyring_info keyring;

	caas_engine_keyring(report->engine, &keyring);
	if (keyring.active == number)
		return "active";
	for (int i = 0; i < keyring.count; i++)
		if (caas_engine_generation_number(report->engine, i) == number)
			return "retired";
	return "absent";
}

#define COLUMNS 8

/* generation 0: unknown, for the reason in remark. */
static void
put_row(const caas_report *report, Oid table, const caas_declaration *declaration, int generation,
		int64 count, const char *remark)
{
	const char *why = remark != NULL ? remark : report->pending;
	NameData	name;
	Datum		values[COLUMNS] = {Int32GetDatum(generation),
								   (Datum)0,
								   ObjectIdGetDatum(table),
								   NameGetDatum(&name),
								   CStringGetTextDatum(caas_declared_kind_name(declaration)),
								   Int64GetDatum(count),
								   BoolGetDatum(why == NULL),
								   (Datum)0};
	bool		nulls[COLUMNS] = {generation == 0, generation == 0, false, false,
								  false,		   false,			false, why == NULL};

	namestrcpy(&name, declaration->target);
	if (generation != 0)
		values[1] = CStringGetTextDatum(state_of(report, generation));
	if (why != NULL)
		values[7] = CStringGetTextDatum(why);
	tuplestore_putvalues(report->result->setResult, report->result->setDesc, values, nulls);
}

/* The generation of a value as SQL; NULL where the table does not say it. */
static const char *
generation_of(const caas_report *report, const caas_declaration *declaration)
{
	const char *target = caas_row_column(declaration->target);

	if (declaration->kind == CAAS_DECLARED_SEALED)
		return psprintf("CASE WHEN %s.caas_is_sealed(%s) THEN %s.caas_generation(%s) END",
						report->schema, target, report->schema, target);
	if (declaration->kind == CAAS_DECLARED_DIGEST && declaration->companion != NULL)
		return caas_row_column(declaration->companion);
	return NULL;
}

static const char *
unknown_remark(const caas_declaration *declaration)
{
	if (declaration->kind == CAAS_DECLARED_SEALED)
		return "These are no sealed values.";
	if (declaration->by == CAAS_BY_GENERATED_COLUMN)
		return "A generated column does not tell its generation; caas_rotate brings it to the "
			   "active one.";
	return declaration->companion != NULL
			   ? "The generation of these digests is not known."
			   : "The generation of these digests is not stored; add a column for it.";
}

static void
count_column(const caas_report *report, Relation relation, const caas_declaration *declaration)
{
	const char *generation = generation_of(report, declaration);

	if (declaration->problem != NULL &&
		get_attnum(RelationGetRelid(relation), declaration->target) <= 0)
		return;
	caas_require_all_rows(relation);
	if (SPI_execute(psprintf("SELECT %s, pg_catalog.count(*) FROM ONLY %s AS " CAAS_ROW
							 " WHERE %s IS NOT NULL GROUP BY 1 ORDER BY 1",
							 generation != NULL ? generation : "NULL::pg_catalog.int4",
							 caas_table_name(RelationGetRelid(relation)),
							 caas_row_column(declaration->target)),
					true, 0) != SPI_OK_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot count rows"), caas_hide()));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool	  is_unknown;
		bool	  is_null;
		int		  number = DatumGetInt32(SPI_getbinval(row, desc, 1, &is_unknown));

		put_row(report, RelationGetRelid(relation), declaration, is_unknown ? 0 : number,
				DatumGetInt64(SPI_getbinval(row, desc, 2, &is_null)),
				is_unknown ? unknown_remark(declaration) : NULL);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* ---- the tables ---- */

/* The tables of this database that declare something and store rows. */
static List *
declaring_tables(const caas_report *report)
{
	List *tables = NIL;

	if (SPI_execute(psprintf("SELECT DISTINCT d.relation::pg_catalog.oid FROM %s.caas_columns d "
							 "ORDER BY 1",
							 report->schema),
					true, 0) != SPI_OK_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot run a query"), caas_hide()));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool is_null;

		tables =
			lappend_oid(tables, DatumGetObjectId(SPI_getbinval(
									SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null)));
	}
	SPI_freetuptable(SPI_tuptable);
	return tables;
}

/* caas_generations() returns setof record */
PG_FUNCTION_INFO_V1(caas_sql_generations);
Datum
caas_sql_generations(PG_FUNCTION_ARGS)
{
	caas_report report = {.result = caas_rows_begin(fcinfo, COLUMNS),
						  .engine = caas_keyring_engine(),
						  .schema = caas_extension_schema(fcinfo)};
	ListCell   *table;
	ListCell   *cell;

	if (SPI_connect() != SPI_OK_CONNECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot run a query"), caas_hide()));
	report.pending = find_pending(report.engine);
	foreach (table, declaring_tables(&report))
	{
		Relation relation = table_open(lfirst_oid(table), AccessShareLock);

		if (relation->rd_rel->relkind == RELKIND_RELATION)
			foreach (cell, caas_table_declarations(relation))
				count_column(&report, relation, lfirst(cell));
		table_close(relation, AccessShareLock);
	}
	SPI_finish();
	return (Datum)0;
}
