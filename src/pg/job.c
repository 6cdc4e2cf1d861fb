/*
 * job.c - the procedures caas_backfill, caas_rotate and caas_cutover.
 */
#include "job.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "postmaster/interrupt.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define MAX_PARTS 1024

/* ---- transactions ---- */

static void
set_local(const char *name, const char *value)
{
	(void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
							false);
}

/* The server reads the configuration between the statements of a client alone, and a job can take
 * hours: an API key that was withdrawn ends it, and a new keyring is used. */
static void
reload_settings(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}

static void
commit(void)
{
	SPI_commit();
	SPI_start_transaction();
	reload_settings();
}

/*
 * Every batch must see what others have committed, whatever the session's default.
 * The settings hold for one transaction, so each begins with them.
 */
void
caas_job_commit(const caas_job *job)
{
	commit();
	set_local("transaction_isolation", "read committed");
	set_local("lock_timeout", psprintf("%d", job->lock_timeout_ms));
}

/* SPI leaves its own memory context, in which memory would grow from batch to batch. */
int
caas_job_run(SPIPlanPtr plan, Datum *values)
{
	MemoryContext caller = CurrentMemoryContext;
	int			  result = SPI_execute_plan(plan, values, NULL, false, 0);

	MemoryContextSwitchTo(caller);
	if (result < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("caas cannot run a statement of a job"), caas_hide()));
	return result;
}

void
caas_job_execute(const char *statement)
{
	MemoryContext caller = CurrentMemoryContext;

	if (SPI_execute(statement, false, 0) < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("caas cannot run a statement of a job"), caas_hide()));
	MemoryContextSwitchTo(caller);
}

/* ---- the lock that says that a job runs ---- */

/* Sessions see it in pg_locks; it ends with the session at the latest. */
static LOCKTAG
lock_tag(const caas_job *job, Oid table)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, job->state_table, table,
					   (uint16)(job->kind * MAX_PARTS * 2 + job->part));
	return tag;
}

static void
lock_job(const caas_job *job, Oid table)
{
	LOCKTAG tag = lock_tag(job, table);

	if (LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
					errmsg("caas_%s of \"%s\", part %d of %d, is running in another session",
						   job->name, get_rel_name(table), job->part, job->parts),
					errhint("The view caas_progress shows it."), caas_hide()));
}

static void
unlock_job(const caas_job *job, Oid table)
{
	LOCKTAG tag = lock_tag(job, table);

	(void)LockRelease(&tag, ExclusiveLock, true);
}

/* ---- the tables ---- */

static bool
exists(Oid table)
{
	return get_rel_name(table) != NULL;
}

static void
refuse_kind(Oid table)
{
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("\"%s\" stores no rows in this database", get_rel_name(table)),
					errhint("Run the job where the rows are."), caas_hide()));
}

static void
refuse_distributed(const caas_job *job)
{
	const char *source =
		job->source == NULL ? "" : psprintf(", %s", quote_literal_cstr(job->source));

	caas_refuse_distributed(
		job->relation, psprintf("caas_%s", job->name),
		psprintf(
			"Run the job over the shards: %s",
			caas_over_shards(job->relation, psprintf("CALL %s.caas_%s(%%L::pg_catalog.regclass%s)",
													 job->schema, job->name, source))));
}

/* The table itself, its partitions and its inheritance children, in memory that lasts. */
static List *
tables_of(const caas_job *job)
{
	List	 *tables = NIL;
	ListCell *cell;

	LockRelationOid(job->relation, AccessShareLock); /* find_all_inheritors() locks the others */
	foreach (cell, find_all_inheritors(job->relation, AccessShareLock, NULL))
	{
		char kind = get_rel_relkind(lfirst_oid(cell));

		if (kind == RELKIND_RELATION)
			tables = lappend_oid(tables, lfirst_oid(cell));
		else if (kind != RELKIND_PARTITIONED_TABLE)
			refuse_kind(lfirst_oid(cell));
	}
	return tables;
}

static caas_work *
plan_work(const caas_job *job, Oid table)
{
	caas_work *work;

	PushActiveSnapshot(GetTransactionSnapshot());
	work = caas_job_plan(job, table);
	PopActiveSnapshot();
	return work;
}

static void
run_work(caas_job *job, caas_work *work)
{
	caas_job_state state;
	int64		   before;

	caas_job_state_begin(job, work->table, &state);
	caas_job_commit(job);
	before = state.rows;
	caas_job_passes(job, work, &state);
	job->rows += state.rows - before;
	job->conflicts += state.conflicts;
}

static void
free_work(caas_work *work)
{
	SPI_freeplan(work->update);
	SPI_freeplan(work->update_all);
	SPI_freeplan(work->find);
	SPI_freeplan(work->remains);
}

static void
run_planned(caas_job *job, caas_work *work)
{
	PG_TRY();
	{
		run_work(job, work);
	}
	PG_CATCH();
	{
		free_work(work);
		PG_RE_THROW();
	}
	PG_END_TRY();
	free_work(work);
}

/*
 * Returns false when the table declares nothing for the job. When another generation
 * was activated meanwhile, the rows before it are done again.
 */
static bool
run_locked(caas_job *job, Oid table)
{
	caas_work *work;

	do
	{
		work = plan_work(job, table);
		if (work == NULL)
			return false;
		run_planned(job, work);
	} while (job->kind == CAAS_JOB_ROTATE && work->generation != caas_active_generation());
	return true;
}

/* The privileges are those that an UPDATE needs. They are checked before any lock that others wait
 * for. */
static void
require_privileges(Oid table)
{
	const AclMode modes[] = {ACL_SELECT, ACL_UPDATE};

	for (int i = 0; i < (int)lengthof(modes); i++)
		if (pg_class_aclcheck(table, GetUserId(), modes[i]) != ACLCHECK_OK &&
			pg_attribute_aclcheck_all(table, GetUserId(), modes[i], ACLMASK_ANY) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(table));
}

/* An error ends the transaction of the CALL, which releases the lock too. */
static bool
run_table(caas_job *job, Oid table)
{
	bool declared;

	if (!exists(table))
		return false;
	require_privileges(table);
	lock_job(job, table);
	declared = run_locked(job, table);
	unlock_job(job, table);
	return declared;
}

static void
refuse_undeclared(const caas_job *job)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					job->source != NULL
						? errmsg("no trigger of caas protects column \"%s\" of relation \"%s\"",
								 job->source, get_rel_name(job->relation))
						: errmsg("relation \"%s\" declares nothing that %s could change",
								 get_rel_name(job->relation), job->name),
					errhint("The view caas_columns shows what is declared. Create a trigger first, "
							"or call caas_protect."),
					caas_hide()));
}

/* Every row gets a new version, and VACUUM makes the old ones free later. */
static void
announce_growth(const caas_job *job, const List *tables)
{
	int64	  bytes = 0;
	ListCell *cell;

	foreach (cell, tables)
	{
		LOCAL_FCINFO(call, 1);
		Datum size;

		InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
		call->args[0].value = ObjectIdGetDatum(lfirst_oid(cell));
		call->args[0].isnull = false;
		size = pg_total_relation_size(call);
		bytes += call->isnull ? 0 : DatumGetInt64(size);
	}
	ereport(NOTICE,
			(errmsg("table and indexes of \"%s\" have %s, and may grow by as much until VACUUM",
					get_rel_name(job->relation),
					TextDatumGetCString(DirectFunctionCall1(pg_size_pretty, Int64GetDatum(bytes)))),
			 caas_hide()));
}

static void
run_tables(caas_job *job)
{
	List	 *tables = tables_of(job);
	ListCell *cell;
	bool	  declared = false;

	announce_growth(job, tables);
	foreach (cell, tables)
		declared |= run_table(job, lfirst_oid(cell));
	if (!declared)
		refuse_undeclared(job);
}

/* ---- the call ---- */

static int
count_argument(FunctionCallInfo fcinfo, int number, int least, int most, const char *name)
{
	int value = PG_GETARG_INT32(number);

	if (value < least || value > most)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must be from %d to %d", name, least, most), caas_hide()));
	return value;
}

/* Reads the arguments from this one on; a null is refused. */
static void
read_options(FunctionCallInfo fcinfo, caas_job *job, int number)
{
	for (int i = 0; i < PG_NARGS() - 1; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only max_lag_bytes of caas_%s may be null", job->name), caas_hide()));
	job->relation = PG_GETARG_OID(0);
	if (!exists(job->relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no relation with the OID %u", job->relation), caas_hide()));
	job->part = count_argument(fcinfo, number, 1, MAX_PARTS, "part");
	job->parts = count_argument(fcinfo, number + 1, job->part, MAX_PARTS, "parts");
	job->batch_ms = count_argument(fcinfo, number + 2, 1, 60000, "batch_ms");
	job->pause_ms = count_argument(fcinfo, number + 3, 0, 3600000, "pause_ms");
	job->lock_timeout_ms = count_argument(fcinfo, number + 4, 0, INT_MAX, "lock_timeout_ms");
	job->max_lag = PG_ARGISNULL(number + 5) ? -1 : Max(PG_GETARG_INT64(number + 5), 0);
}

/* The triggers do not fire in a replica's session, so an index would stay as it is. */
static void
require_origin(const caas_job *job)
{
	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("caas_%s cannot run with session_replication_role = replica", job->name),
					errdetail("The triggers of the table would not fire."),
					errhint("RESET session_replication_role."), caas_hide()));
}

static void
require_own_transactions(FunctionCallInfo fcinfo, const caas_job *job)
{
	const CallContext *call = (const CallContext *)fcinfo->context;

	if (call != NULL && IsA(call, CallContext) && !call->atomic)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			 errmsg("caas_%s commits, so it cannot run inside a transaction block", job->name),
			 errhint("Write CALL by itself, outside BEGIN, functions and procedures with a "
					 "SET clause."),
			 caas_hide()));
}

/* A role that does not see the state of standbys must not take that for none. */
static void
require_lag(const caas_job *job)
{
	if (job->max_lag < 0 || has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("max_lag_bytes needs the privileges of pg_read_all_stats"), caas_hide()));
}

static void
warn_of_timeout(const caas_job *job)
{
	const char *timeout = GetConfigOption("statement_timeout", false, false);

	if (strcmp(timeout, "0") != 0)
		ereport(WARNING,
				(errmsg("statement_timeout counts for all of caas_%s", job->name),
				 errhint("SET statement_timeout = 0. A job that is interrupted goes on where it "
						 "was when it is called again."),
				 caas_hide()));
}

static void
find_state(FunctionCallInfo fcinfo, caas_job *job)
{
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);

	job->schema = caas_extension_schema(fcinfo);
	job->state_table = get_relname_relid("caas_jobs", schema);
	job->conflict_table = get_relname_relid("caas_job_conflicts", schema);
}

static void
run(caas_job *job)
{
	caas_job_commit(job);
	if (job->kind == CAAS_JOB_CUTOVER)
		caas_cutover_triggers(job);
	run_tables(job);
	/* Other parts may still have plaintext. */
	if (job->kind == CAAS_JOB_CUTOVER && job->conflicts == 0 && job->parts == 1)
		caas_cutover_constraint(job);
	ereport(job->conflicts > 0 ? WARNING : NOTICE,
			(errmsg("caas_%s of \"%s\": " INT64_FORMAT " rows changed, " INT64_FORMAT " conflicts",
					job->name, get_rel_name(job->relation), job->rows, job->conflicts),
			 job->conflicts > 0 ? errhint("The view caas_conflicts lists the ids of the rows.") : 0,
			 caas_hide()));
	commit(); /* ends the settings of the last transaction */
}

/*
 * Runs the job with the key that the session has now: a key that was set for one
 * transaction would be gone after the first batch.
 */
static Datum
call_job(FunctionCallInfo fcinfo, caas_job *job, int options)
{
	require_own_transactions(fcinfo, job);
	require_origin(job);
	read_options(fcinfo, job, options);
	require_lag(job);
	(void)caas_gated_engine();
	warn_of_timeout(job);
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot begin a job"), caas_hide()));
	find_state(fcinfo, job);
	refuse_distributed(job);
	caas_session_hold_key();
	PG_TRY();
	{
		run(job);
	}
	PG_FINALLY();
	{
		caas_session_release_key();
	}
	PG_END_TRY();
	SPI_finish();
	return (Datum)0;
}

/* caas_backfill(relation regclass, part, parts, batch_ms, pause_ms, lock_timeout_ms integer,
 * max_lag_bytes bigint) */
PG_FUNCTION_INFO_V1(caas_sql_backfill);
Datum
caas_sql_backfill(PG_FUNCTION_ARGS)
{
	caas_job job = {.kind = CAAS_JOB_BACKFILL, .name = "backfill"};

	return call_job(fcinfo, &job, 1);
}

/* caas_rotate(relation regclass, part, parts, batch_ms, pause_ms, lock_timeout_ms integer,
 * max_lag_bytes bigint) */
PG_FUNCTION_INFO_V1(caas_sql_rotate);
Datum
caas_sql_rotate(PG_FUNCTION_ARGS)
{
	caas_job job = {.kind = CAAS_JOB_ROTATE, .name = "rotate"};

	return call_job(fcinfo, &job, 1);
}

/* caas_cutover(relation regclass, source name, part, ..): as above */
PG_FUNCTION_INFO_V1(caas_sql_cutover);
Datum
caas_sql_cutover(PG_FUNCTION_ARGS)
{
	caas_job job = {.kind = CAAS_JOB_CUTOVER, .name = "cutover"};

	if (!PG_ARGISNULL(1))
		job.source = pstrdup(NameStr(*PG_GETARG_NAME(1)));
	return call_job(fcinfo, &job, 2);
}
