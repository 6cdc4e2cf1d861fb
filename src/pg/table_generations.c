/*
 * table_generations.c - caas_generations: how many values of this database are under each
 * generation, so that one can tell when an old one may be removed.
 */
#include "rows.h"
#include "table.h"

#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/file_perm.h" /* for stat() */
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/* One call. */
typedef struct caas_report
{
	ReturnSetInfo *result;
	caas_engine	  *engine;
	const char	  *schema;		/* of the extension, quoted */
	const char	  *pending;		/* NULL, or why values of an older generation may still come */
	List		  *distributed; /* of Oid: tables whose rows are in shards */
} caas_report;

/* ---- transactions that may still store values of an older generation ---- */

/* Returns the text of the only row and column of a query, or NULL. */
static const char *
query_text(const char *query)
{
	const char *text = NULL;

	if (SPI_execute(query, false, 1) != SPI_OK_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot run a query"), caas_hide()));
	if (SPI_processed == 1)
		text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	SPI_freetuptable(SPI_tuptable);
	return text;
}

/*
 * When the keyring file was changed for the last time, in the file system or as this
 * session has read it; 0 when it cannot be seen.
 */
static TimestampTz
file_changed_at(const caas_engine *engine)
{
	caas_keyring_info keyring;
	struct stat		  file;
	int64			  usec = 0;

	caas_engine_keyring(engine, &keyring);
	if (caas_keyring_file != NULL && stat(caas_keyring_file, &file) == 0)
		usec = (int64)file.st_ctim.tv_sec * USECS_PER_SEC + file.st_ctim.tv_nsec / 1000;
	return Max(usec, keyring.changed_usec) -
		   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

/*
 * A statement that was running at the reload goes on with the keyring from before it,
 * also through the transactions of a procedure. A walsender and the autovacuum store no
 * values; every other process may.
 */
static const char *
older_sessions(void)
{
	TimestampTz reload = PgReloadTime + USECS_PER_SEC; /* it reaches process after process */
	const char *since =
		psprintf("%s::pg_catalog.timestamptz", quote_literal_cstr(timestamptz_to_str(reload)));

	pgstat_clear_snapshot(); /* that of this transaction would show what was running at its begin */
	return query_text(
		psprintf("SELECT pg_catalog.string_agg(a.pid::pg_catalog.text, ', ' ORDER BY a.pid) FROM "
				 "pg_catalog.pg_stat_activity a WHERE a.pid OPERATOR(pg_catalog.<>) "
				 "pg_catalog.pg_backend_pid() AND a.datname OPERATOR(pg_catalog.=) "
				 "pg_catalog.current_database() AND a.backend_type OPERATOR(pg_catalog.<>) ALL "
				 "(ARRAY['autovacuum worker', 'walsender']::pg_catalog.text[]) AND (a.xact_start "
				 "OPERATOR(pg_catalog.<) %s OR (a.query_start OPERATOR(pg_catalog.<) %s AND "
				 "a.state OPERATOR(pg_catalog.<>) 'idle'::pg_catalog.text) OR a.state "
				 "OPERATOR(pg_catalog.=) 'disabled'::pg_catalog.text)",
				 since, since));
}

static const char *
find_pending(const caas_engine *engine)
{
	const char *found;

	if (RecoveryInProgress())
		return "This is a standby: transactions of the primary are not seen here.";
	if (IsolationUsesXactSnapshot())
		return "This transaction does not see what others commit: call in READ COMMITTED.";
	if (file_changed_at(engine) > PgReloadTime)
		return "The keyring was changed after the last reload: reload the server first.";
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		return "This role cannot see the transactions of others (pg_read_all_stats).";
	found = older_sessions();
	if (found != NULL)
		return psprintf("Transactions are older than the keyring: process %s.", found);
	/* The time of PREPARE is known, that of the first statement is not. */
	found = query_text("SELECT pg_catalog.string_agg(p.gid, ', ' ORDER BY p.gid) FROM "
					   "pg_catalog.pg_prepared_xacts p WHERE p.database OPERATOR(pg_catalog.=) "
					   "pg_catalog.current_database()");
	return found == NULL ? NULL : psprintf("There are prepared transactions: %s.", found);
}

/* ---- rows of the result ---- */

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

/* declaration NULL: of the whole table; generation 0: unknown, for the reason in remark; count -1:
 * not counted. */
static void
put_row(const caas_report *report, Oid table, const caas_declaration *declaration, int generation,
		int64 count, const char *remark)
{
	const char *why = remark != NULL ? remark : report->pending;
	const char *target = declaration != NULL ? declaration->target : NULL;
	NameData	name = {0};
	Datum		values[COLUMNS] = {Int32GetDatum(generation), (Datum)0, ObjectIdGetDatum(table),
								   NameGetDatum(&name)};
	bool		nulls[COLUMNS] = {generation == 0,	   generation == 0, false, target == NULL,
								  declaration == NULL, count < 0,		false, why == NULL};

	if (target != NULL)
		namestrcpy(&name, target);
	if (generation != 0)
		values[1] = CStringGetTextDatum(state_of(report, generation));
	if (declaration != NULL)
		values[4] = CStringGetTextDatum(caas_declared_kind_name(declaration));
	values[5] = Int64GetDatum(count);
	values[6] = BoolGetDatum(why == NULL);
	if (why != NULL)
		values[7] = CStringGetTextDatum(why);
	tuplestore_putvalues(report->result->setResult, report->result->setDesc, values, nulls);
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

/* ---- counting: the rows are read without the planner ---- */

#define MAX_GENERATION 65535

/* The values of one column. */
typedef struct caas_tally
{
	const caas_declaration *declaration;
	AttrNumber				target;
	AttrNumber				companion;		/* of a digest's generation, or InvalidAttrNumber */
	Oid						companion_type; /* int2, int4 or int8 */
	int64				   *counts;			/* by generation; that of 0 is of unknown ones */
} caas_tally;

static int
sealed_generation(Datum value)
{
	struct varlena	*head = PG_DETOAST_DATUM_SLICE(value, 0, CAAS_SEALED_OVERHEAD);
	caas_sealed_info info;

	return caas_sealed_describe(VARDATA_ANY(head), VARSIZE_ANY_EXHDR(head), &info) == CAAS_OK
			   ? info.generation
			   : 0;
}

static int64
integer_of(Datum value, Oid type)
{
	switch (type)
	{
	case INT2OID:
		return DatumGetInt16(value);
	case INT4OID:
		return DatumGetInt32(value);
	default:
		return DatumGetInt64(value);
	}
}

static int
stored_generation(const caas_tally *tally, TupleTableSlot *row)
{
	bool  is_null;
	Datum value = slot_getattr(row, tally->companion, &is_null);
	int64 number = is_null ? 0 : integer_of(value, tally->companion_type);

	return number >= 1 && number <= MAX_GENERATION ? (int)number : 0;
}

static void
count_value(const caas_tally *tally, TupleTableSlot *row)
{
	bool  is_null;
	Datum value = slot_getattr(row, tally->target, &is_null);
	int	  generation = 0;

	if (is_null)
		return;
	if (tally->declaration->kind == CAAS_DECLARED_SEALED)
		generation = sealed_generation(value);
	else if (tally->companion != InvalidAttrNumber)
		generation = stored_generation(tally, row);
	tally->counts[generation]++;
}

/*
 * A query would let the planner run code of the table's owner, such as a function in an
 * index, and this function looks at the tables of everybody. The snapshot is taken here:
 * after the sessions were looked at.
 */
static void
count_rows(Relation relation, List *tallies)
{
	Snapshot		snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc	scan = CAAS_BEGIN_SCAN(relation, snapshot);
	TupleTableSlot *row = table_slot_create(relation, NULL);
	MemoryContext	values =
		AllocSetContextCreate(CurrentMemoryContext, "caas_generations", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = CurrentMemoryContext;
	ListCell	 *cell;

	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(values);
		foreach (cell, tallies)
			count_value(lfirst(cell), row);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(values);
	}
	MemoryContextDelete(values);
	ExecDropSingleTupleTableSlot(row);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
}

static caas_tally *
begin_tally(Relation relation, const caas_declaration *declaration)
{
	caas_tally *tally = palloc0(sizeof *tally);
	Oid			table = RelationGetRelid(relation);

	tally->declaration = declaration;
	tally->target = get_attnum(table, declaration->target);
	if (declaration->kind == CAAS_DECLARED_DIGEST && declaration->companion != NULL)
	{
		tally->companion = get_attnum(table, declaration->companion);
		tally->companion_type = getBaseType(get_atttype(table, tally->companion));
	}
	tally->counts = palloc0((MAX_GENERATION + 1) * sizeof(int64));
	return tally;
}

static void
put_tally(const caas_report *report, Relation relation, const caas_tally *tally)
{
	for (int generation = 1; generation <= MAX_GENERATION; generation++)
		if (tally->counts[generation] > 0)
			put_row(report, RelationGetRelid(relation), tally->declaration, generation,
					tally->counts[generation], NULL);
	if (tally->counts[0] > 0)
		put_row(report, RelationGetRelid(relation), tally->declaration, 0, tally->counts[0],
				unknown_remark(tally->declaration));
}

/* ---- the tables ---- */

static const char *const distributed_remark =
	"Citus keeps the rows in shards, which are counted on the nodes that have them: ask each node.";

/* Returns why the rows cannot be counted, or NULL. */
static const char *
table_remark(const caas_report *report, Relation relation)
{
	Oid table = RelationGetRelid(relation);

	if (list_member_oid(report->distributed, table))
		return distributed_remark;
	if (relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		return "The rows of a foreign table are not read.";
	if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return "This role may not read the table.";
	if (check_enable_rls(table, InvalidOid, true) == RLS_ENABLED)
		return "Row-level security hides rows from this role.";
	return NULL;
}

static void
count_table(const caas_report *report, Relation relation)
{
	const char *remark = table_remark(report, relation);
	List	   *declarations = caas_table_declarations(relation);
	List	   *tallies = NIL;
	ListCell   *cell;

	if (declarations == NIL && remark == distributed_remark && !relation->rd_rel->relispartition)
		put_row(report, RelationGetRelid(relation), NULL, 0, -1, remark);
	if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		return;
	foreach (cell, declarations)
	{
		const caas_declaration *declaration = lfirst(cell);
		const char			   *problem = declaration->usable ? remark : declaration->problem;

		if (problem != NULL)
			put_row(report, RelationGetRelid(relation), declaration, 0, -1, problem);
		else
			tallies = lappend(tallies, begin_tally(relation, declaration));
	}
	if (tallies != NIL)
		count_rows(relation, tallies);
	foreach (cell, tallies)
		put_tally(report, relation, lfirst(cell));
}

/* The tables of this database that declare something, or are locked so that it is not known. */
static List *
declaring_tables(const caas_report *report)
{
	List *tables = NIL;

	if (SPI_execute(psprintf("SELECT DISTINCT d.relation::pg_catalog.oid FROM %s.caas_columns d "
							 "ORDER BY 1",
							 report->schema),
					false, 0) != SPI_OK_SELECT)
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

static void
report_table(const caas_report *report, Oid table)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "caas_generations", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	bool		  is_locked;
	Relation	  relation = caas_open_now(table, &is_locked);

	if (is_locked)
		put_row(report, table, NULL, 0, -1, "The table is locked by another session.");
	if (relation != NULL)
	{
		count_table(report, relation);
		relation_close(relation, AccessShareLock);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
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
	int			level;

	if (SPI_connect() != SPI_OK_CONNECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot run a query"), caas_hide()));
	level = NewGUCNestLevel();
	caas_show_shards();
	report.pending = find_pending(report.engine);
	report.distributed = caas_distributed_tables();
	/* A distributed table counts even where it declares nothing: triggers may be on its shards. */
	foreach (table, list_concat_unique_oid(declaring_tables(&report), report.distributed))
		report_table(&report, lfirst_oid(table));
	AtEOXact_GUC(false, level);
	SPI_finish();
	return (Datum)0;
}
