/*
 * job_state.c - the rows of caas_jobs and caas_job_conflicts.
 *
 * The roles that run a job have no privileges on these tables, so the rows are
 * written without SQL, as the server writes its catalogs: no code of a user runs,
 * whatever has the name of the tables by now.
 */
#include "job.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* The columns of caas_jobs. */
enum
{
	JOB_NAME = 1,
	JOB_RELATION,
	JOB_PART,
	JOB_PARTS,
	JOB_FILENODE,
	JOB_ROLE,
	JOB_PASS,
	JOB_NEXT_BLOCK,
	JOB_FIRST_BLOCK,
	JOB_LAST_BLOCK,
	JOB_ROWS_DONE,
	JOB_CONFLICTS,
	JOB_FINISHED,
	JOB_STARTED_AT,
	JOB_RESUMED_AT,
	JOB_RESUMED_ROWS,
	JOB_RESUMED_BLOCK,
	JOB_UPDATED_AT,
	JOB_COLUMNS = JOB_UPDATED_AT
};

/* The columns of caas_job_conflicts. The first four are those of caas_jobs. */
enum
{
	CONFLICT_ID = JOB_PARTS + 1,
	CONFLICT_SQLSTATE,
	CONFLICT_CONSTRAINT,
	CONFLICT_NOTED_AT,
	CONFLICT_COLUMNS = CONFLICT_NOTED_AT
};

/* A row under construction. */
typedef struct caas_tuple
{
	Datum values[JOB_COLUMNS];
	bool  nulls[JOB_COLUMNS];
} caas_tuple;

static void
set(caas_tuple *row, int column, Datum value)
{
	row->values[column - 1] = value;
	row->nulls[column - 1] = false;
}

static void
set_text(caas_tuple *row, int column, const char *text)
{
	row->nulls[column - 1] = text == NULL;
	if (text != NULL)
		row->values[column - 1] = CStringGetTextDatum(text);
}

static Relation
open_table(Oid table, int ncolumns)
{
	Relation relation = table_open(table, RowExclusiveLock);

	if (RelationGetDescr(relation)->natts != ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the table %s has not the columns that the library writes",
						caas_table_name(table)),
				 errhint("ALTER EXTENSION caas UPDATE creates the tables anew."), caas_hide()));
	return relation;
}

/* Begins a scan for the rows of the job: of this part, or with any_part of all. */
static SysScanDesc
begin_scan(const caas_job *job, Oid table, Relation relation, bool any_part)
{
	ScanKeyData keys[4];

	ScanKeyInit(&keys[0], JOB_RELATION, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
	ScanKeyInit(&keys[1], JOB_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(job->name));
	keys[1].sk_collation = DEFAULT_COLLATION_OID;
	ScanKeyInit(&keys[2], JOB_PART, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(job->part));
	ScanKeyInit(&keys[3], JOB_PARTS, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(job->parts));
	return systable_beginscan(relation, InvalidOid, false, NULL, any_part ? 2 : 4, keys);
}

static void
set_key(caas_tuple *row, const caas_job *job, Oid table)
{
	set_text(row, JOB_NAME, job->name);
	set(row, JOB_RELATION, ObjectIdGetDatum(table));
	set(row, JOB_PART, Int32GetDatum(job->part));
	set(row, JOB_PARTS, Int32GetDatum(job->parts));
}

/* ---- caas_jobs ---- */

static void
set_progress(caas_tuple *row, const caas_job_state *state, bool finished)
{
	set(row, JOB_PASS, Int32GetDatum(state->pass));
	set(row, JOB_NEXT_BLOCK, Int64GetDatum(state->next));
	set(row, JOB_FIRST_BLOCK, Int64GetDatum(state->begin));
	set(row, JOB_LAST_BLOCK, Int64GetDatum(state->end));
	set(row, JOB_ROWS_DONE, Int64GetDatum(state->rows));
	set(row, JOB_CONFLICTS, Int64GetDatum(state->conflicts));
	set(row, JOB_FINISHED, BoolGetDatum(finished));
	set(row, JOB_UPDATED_AT, TimestampTzGetDatum(GetCurrentTimestamp()));
}

static int64
number_at(const caas_tuple *row, int column)
{
	return DatumGetInt64(row->values[column - 1]);
}

/* Takes over what a call that did not finish has done in the same file. */
static bool
resume(caas_tuple *row, caas_job_state *state)
{
	if (DatumGetBool(row->values[JOB_FINISHED - 1]) ||
		DatumGetObjectId(row->values[JOB_FILENODE - 1]) != state->filenode)
		return false;
	state->pass = DatumGetInt32(row->values[JOB_PASS - 1]);
	state->next = (BlockNumber)number_at(row, JOB_NEXT_BLOCK);
	state->rows = number_at(row, JOB_ROWS_DONE);
	state->conflicts = number_at(row, JOB_CONFLICTS);
	return true;
}

static void
begin_row(caas_tuple *row, const caas_job *job, Oid table, const caas_job_state *state,
		  bool resumed)
{
	Datum now = TimestampTzGetDatum(GetCurrentTimestamp());

	set_key(row, job, table);
	set_progress(row, state, false);
	set(row, JOB_FILENODE, ObjectIdGetDatum(state->filenode));
	set(row, JOB_ROLE, ObjectIdGetDatum(GetUserId()));
	if (!resumed)
		set(row, JOB_STARTED_AT, now);
	set(row, JOB_RESUMED_AT, now);
	set(row, JOB_RESUMED_ROWS, Int64GetDatum(state->rows));
	set(row, JOB_RESUMED_BLOCK, Int64GetDatum(state->next));
}

static Oid
filenode_of(Oid table)
{
	Relation relation = table_open(table, AccessShareLock);
	Oid		 filenode = relation->rd_rel->relfilenode;

	table_close(relation, AccessShareLock);
	return filenode;
}

void
caas_job_state_begin(const caas_job *job, Oid table, caas_job_state *state)
{
	Relation	relation = open_table(job->state_table, JOB_COLUMNS);
	SysScanDesc scan = begin_scan(job, table, relation, false);
	HeapTuple	old = systable_getnext(scan);
	caas_tuple	row = {0};
	bool		resumed = false;

	memset(state, 0, sizeof *state);
	state->filenode = filenode_of(table);
	state->pass = 1;
	if (HeapTupleIsValid(old))
	{
		heap_deform_tuple(old, RelationGetDescr(relation), row.values, row.nulls);
		resumed = resume(&row, state);
	}
	begin_row(&row, job, table, state, resumed);
	if (HeapTupleIsValid(old))
	{
		HeapTuple new = heap_form_tuple(RelationGetDescr(relation), row.values, row.nulls);

		CatalogTupleUpdate(relation, &old->t_self, new);
	}
	else
		CatalogTupleInsert(relation,
						   heap_form_tuple(RelationGetDescr(relation), row.values, row.nulls));
	systable_endscan(scan);
	table_close(relation, RowExclusiveLock);
	CommandCounterIncrement();
}

/* Somebody may have deleted the row, which means to begin anew. */
static void
refuse_without_state(void)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the state of this job is gone from caas_jobs"),
					errhint("Call the procedure again."), caas_hide()));
}

void
caas_job_state_write(const caas_job *job, Oid table, const caas_job_state *state, bool finished)
{
	Relation	relation = open_table(job->state_table, JOB_COLUMNS);
	SysScanDesc scan = begin_scan(job, table, relation, false);
	HeapTuple	old = systable_getnext(scan);
	caas_tuple	row;

	if (!HeapTupleIsValid(old))
		refuse_without_state();
	heap_deform_tuple(old, RelationGetDescr(relation), row.values, row.nulls);
	set_progress(&row, state, finished);
	CatalogTupleUpdate(relation, &old->t_self,
					   heap_form_tuple(RelationGetDescr(relation), row.values, row.nulls));
	systable_endscan(scan);
	table_close(relation, RowExclusiveLock);
	CommandCounterIncrement();
}

/* ---- caas_job_conflicts ---- */

/* A call without parts tries the rows of all parts again. */
void
caas_job_forget_conflicts(const caas_job *job, Oid table)
{
	Relation	relation = open_table(job->conflict_table, CONFLICT_COLUMNS);
	SysScanDesc scan = begin_scan(job, table, relation, job->parts == 1);
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(scan)))
		CatalogTupleDelete(relation, &row->t_self);
	systable_endscan(scan);
	table_close(relation, RowExclusiveLock);
	CommandCounterIncrement();
}

void
caas_job_add_conflict(const caas_job *job, Oid table, const char *id, const ErrorData *error)
{
	Relation   relation = open_table(job->conflict_table, CONFLICT_COLUMNS);
	caas_tuple row = {0};
	NameData   constraint;

	set_key(&row, job, table);
	set_text(&row, CONFLICT_ID, id);
	set_text(&row, CONFLICT_SQLSTATE, unpack_sql_state(error->sqlerrcode));
	row.nulls[CONFLICT_CONSTRAINT - 1] = error->constraint_name == NULL;
	if (error->constraint_name != NULL)
	{
		namestrcpy(&constraint, error->constraint_name);
		set(&row, CONFLICT_CONSTRAINT, NameGetDatum(&constraint));
	}
	set(&row, CONFLICT_NOTED_AT, TimestampTzGetDatum(GetCurrentTimestamp()));
	CatalogTupleInsert(relation,
					   heap_form_tuple(RelationGetDescr(relation), row.values, row.nulls));
	table_close(relation, RowExclusiveLock);
	CommandCounterIncrement();
}
