/*
 * job_state.c - the rows of caas_jobs and caas_job_conflicts.
 *
 * The roles that run a job have no privileges on these tables; their owner does the
 * writing, as in the server's checks of foreign keys.
 */
#include "job.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "access/table.h"

#define MAX_ARGS 12

/* The arguments of a statement. */
typedef struct caas_args
{
	int	  count;
	Oid	  types[MAX_ARGS];
	Datum values[MAX_ARGS];
	char  nulls[MAX_ARGS];
} caas_args;

static void
add(caas_args *args, Oid type, Datum value)
{
	args->types[args->count] = type;
	args->values[args->count] = value;
	args->nulls[args->count++] = ' ';
}

static void
add_text(caas_args *args, const char *text)
{
	add(args, TEXTOID, text == NULL ? (Datum)0 : CStringGetTextDatum(text));
	if (text == NULL)
		args->nulls[args->count - 1] = 'n';
}

/* The columns that name a row: job, relation, part, parts. */
static caas_args
key_of(const caas_job *job, Oid table)
{
	caas_args args = {0};

	add_text(&args, job->name);
	add(&args, OIDOID, ObjectIdGetDatum(table));
	add(&args, INT4OID, Int32GetDatum(job->part));
	add(&args, INT4OID, Int32GetDatum(job->parts));
	return args;
}

#define KEY                                                                                        \
	"job OPERATOR(pg_catalog.=) $1 AND relation OPERATOR(pg_catalog.=) $2 "                        \
	"AND part OPERATOR(pg_catalog.=) $3 AND parts OPERATOR(pg_catalog.=) $4"

/* Runs a statement over a table of the extension as the owner of the tables. */
static void
execute(const caas_job *job, const char *statement, caas_args *args)
{
	Oid user;
	int context;
	int result;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(job->state_owner, context | SECURITY_LOCAL_USERID_CHANGE);
	result = SPI_execute_with_args(statement, args->count, args->types, args->values, args->nulls,
								   false, 0);
	SetUserIdAndSecContext(user, context);
	if (result < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("caas cannot write the state of a job"), caas_hide()));
}

static Oid
filenode_of(Oid table)
{
	Relation relation = table_open(table, AccessShareLock);
	Oid		 filenode = relation->rd_rel->relfilenode;

	table_close(relation, AccessShareLock);
	return filenode;
}

static int64
number_at(int column)
{
	bool is_null;

	return DatumGetInt64(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &is_null));
}

/* Reads the row of a call that did not finish. Returns false when there is none. */
static bool
read_state(const caas_job *job, Oid table, caas_job_state *state)
{
	caas_args args = key_of(job, table);
	bool	  found;

	add(&args, OIDOID, ObjectIdGetDatum(state->filenode));
	execute(
		job,
		psprintf("SELECT pass::pg_catalog.int8, next_block, rows_done, conflicts FROM %s.caas_jobs "
				 "WHERE " KEY " AND filenode OPERATOR(pg_catalog.=) $5 AND NOT finished",
				 job->schema),
		&args);
	found = SPI_processed == 1;
	if (found)
	{
		state->pass = (int)number_at(1);
		state->next = (BlockNumber)number_at(2);
		state->rows = number_at(3);
		state->conflicts = number_at(4);
	}
	SPI_freetuptable(SPI_tuptable);
	return found;
}

void
caas_job_state_begin(const caas_job *job, Oid table, caas_job_state *state)
{
	caas_args args = key_of(job, table);

	memset(state, 0, sizeof *state);
	state->filenode = filenode_of(table);
	state->pass = 1;
	if (!read_state(job, table, state))
		execute(job, psprintf("DELETE FROM %s.caas_jobs WHERE " KEY, job->schema), &args);
	args = key_of(job, table);
	add(&args, OIDOID, ObjectIdGetDatum(state->filenode));
	add(&args, OIDOID, ObjectIdGetDatum(GetUserId()));
	add(&args, INT8OID, Int64GetDatum(state->rows));
	add(&args, INT8OID, Int64GetDatum(state->next));
	execute(
		job,
		psprintf("INSERT INTO %s.caas_jobs AS j (job, relation, part, parts, filenode, role, "
				 "resumed_rows, resumed_block) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
				 "ON CONFLICT (job, relation, part, parts) DO UPDATE SET role = excluded.role, "
				 "resumed_rows = excluded.resumed_rows, resumed_block = excluded.resumed_block, "
				 "resumed_at = pg_catalog.clock_timestamp()",
				 job->schema),
		&args);
}

void
caas_job_state_write(const caas_job *job, Oid table, const caas_job_state *state, bool finished)
{
	caas_args args = key_of(job, table);

	add(&args, INT4OID, Int32GetDatum(state->pass));
	add(&args, INT8OID, Int64GetDatum(state->next));
	add(&args, INT8OID, Int64GetDatum(state->begin));
	add(&args, INT8OID, Int64GetDatum(state->end));
	add(&args, INT8OID, Int64GetDatum(state->rows));
	add(&args, INT8OID, Int64GetDatum(state->conflicts));
	add(&args, BOOLOID, BoolGetDatum(finished));
	execute(job,
			psprintf("UPDATE %s.caas_jobs SET pass = $5, next_block = $6, first_block = $7, "
					 "last_block = $8, rows_done = $9, conflicts = $10, finished = $11, "
					 "updated_at = pg_catalog.clock_timestamp() WHERE " KEY,
					 job->schema),
			&args);
	/* Somebody may have deleted the row, which means to begin anew. */
	if (SPI_processed == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the state of this job is gone from caas_jobs"),
						errhint("Call the procedure again."), caas_hide()));
}

/* A call without parts tries the rows of all parts again. */
void
caas_job_forget_conflicts(const caas_job *job, Oid table)
{
	caas_args args = key_of(job, table);

	execute(job,
			psprintf("DELETE FROM %s.caas_job_conflicts WHERE " KEY
					 " OR ($4 OPERATOR(pg_catalog.=) "
					 "1 AND job OPERATOR(pg_catalog.=) $1 AND relation OPERATOR(pg_catalog.=) $2)",
					 job->schema),
			&args);
}

void
caas_job_add_conflict(const caas_job *job, Oid table, const char *id, const ErrorData *error)
{
	caas_args args = key_of(job, table);

	add_text(&args, id);
	add_text(&args, unpack_sql_state(error->sqlerrcode));
	add_text(&args, error->constraint_name);
	execute(job,
			psprintf("INSERT INTO %s.caas_job_conflicts (job, relation, part, parts, id, sqlstate, "
					 "constraint_name) VALUES ($1, $2, $3, $4, $5, $6, $7)",
					 job->schema),
			&args);
}
