/*
 * job_pass.c - the passes of a job over one table, batch by batch.
 */
#include "job.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "catalog/pg_type.h"
#include "portability/instr_time.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"

/* One pass. */
typedef struct caas_pass
{
	caas_job		*job;
	caas_work		*work;
	caas_job_state	*state;
	bool			 waits;	 /* for rows that others have locked */
	int				 slices; /* of a window */
	int				 blocks; /* of the next batch, whose rows are those of one slice */
	int64			 changed;
	ArrayBuildState *failed;  /* the ctids of rows that could not be changed */
	MemoryContext	 memory;  /* lasts as long as the pass */
	MemoryContext	 scratch; /* lasts as long as a batch */
} caas_pass;

/* ---- the rows of a range ---- */

/* Rows from first on and before last: those of one slice, or with mask 0 all of them. */
typedef struct caas_range
{
	ItemPointerData first, last;
	int				mask, slice;
} caas_range;

static Datum
tid(ItemPointer room, BlockNumber block, OffsetNumber offset)
{
	ItemPointerSet(room, block, offset);
	return PointerGetDatum(room);
}

/* Runs a statement over the range. */
static int
execute_over(SPIPlanPtr plan, const caas_range *range)
{
	Datum values[] = {PointerGetDatum(&range->first), PointerGetDatum(&range->last),
					  Int32GetDatum(range->mask), Int32GetDatum(range->slice)};

	return caas_job_run(plan, values);
}

/* Another trigger may write the source again; the passes would never end. */
static void
refuse_again(const caas_pass *pass, int64 count)
{
	ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
					errmsg("caas_%s changed " INT64_FORMAT
						   " rows of %s that still need it after the UPDATE",
						   pass->job->name, count, pass->work->name),
					errhint("Look for a trigger that fires later and writes the columns again."),
					caas_hide()));
}

/* Changes the rows. Returns how many. */
static int64
update_range(const caas_pass *pass, const caas_range *range)
{
	bool  is_null;
	int64 changed;
	int64 again;

	if (execute_over(pass->waits ? pass->work->update_all : pass->work->update, range) !=
			SPI_OK_SELECT ||
		SPI_processed != 1)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot change rows in a job"),
						caas_hide()));
	changed =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	again = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &is_null));
	SPI_freetuptable(SPI_tuptable);
	if (again > 0)
		refuse_again(pass, again);
	return changed;
}

/* True for an error of one row, which must not end the job. Others are raised. */
static bool
is_of_row(const ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION ||
		   category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		   category == ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION ||
		   error->sqlerrcode == ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION ||
		   error->sqlerrcode == ERRCODE_RAISE_EXCEPTION;
}

/* A transaction of many subtransactions slows down every other session. */
#define ROWS_A_COMMIT 32

static void
commit(caas_pass *pass)
{
	caas_job_state_write(pass->job, pass->work->table, pass->state, false);
	caas_job_commit(pass->job);
}

/* A deferred constraint would end the job at the commit, and nobody would know which row. */
static void
check_constraints(void)
{
	ConstraintsSetStmt *statement = makeNode(ConstraintsSetStmt);

	AfterTriggerSetState(statement); /* SET CONSTRAINTS ALL IMMEDIATE */
}

/* Does the same in a subtransaction. Returns NULL, or the error. */
static ErrorData *
try_once(caas_pass *pass, const caas_range *range)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;
	volatile int64 changed = 0;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(pass->scratch);
	PG_TRY();
	{
		changed = update_range(pass, range);
		check_constraints();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(pass->scratch);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	if (error == NULL)
	{
		pass->changed += changed;
		pass->state->rows += changed;
	}
	return error;
}

/*
 * Returns NULL, or the error of a row; raises others. After a deadlock with a writer
 * the transaction is committed, since it may hold what the writer waits for, and the
 * range is tried again.
 */
static ErrorData *
try_range(caas_pass *pass, const caas_range *range)
{
	ErrorData *error;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		error = try_once(pass, range);
		if (error == NULL || error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
			break;
		commit(pass);
		caas_job_check_plan(pass->job, pass->work);
	}
	if (error != NULL && !is_of_row(error))
		ReThrowError(error);
	return error;
}

/* A definition that suits no row makes every row fail: then the error is raised. */
#define FAILURES_WITHOUT_SUCCESS 100

/* Messages and details of the error may show values. */
static void
refuse_definition(const caas_pass *pass, const ErrorData *error)
{
	ereport(ERROR, (errcode(error->sqlerrcode),
					errmsg("caas_%s could change none of the first %d rows of %s", pass->job->name,
						   FAILURES_WITHOUT_SUCCESS, pass->work->name),
					errdetail("The last error was %s%s%s.", unpack_sql_state(error->sqlerrcode),
							  error->constraint_name != NULL ? ", of the constraint " : "",
							  error->constraint_name != NULL ? error->constraint_name : ""),
					errhint("Update one row by hand to see the error."), caas_hide()));
}

static void
note_failure(caas_pass *pass, ItemPointer row, const char *id, const ErrorData *error)
{
	if (pass->state->rows == 0 && pass->state->conflicts >= FAILURES_WITHOUT_SUCCESS)
		refuse_definition(pass, error);
	pass->failed =
		accumArrayResult(pass->failed, PointerGetDatum(row), false, TIDOID, pass->memory);
	pass->state->conflicts++;
	caas_job_add_conflict(pass->job, pass->work->table, id, error);
}

/* The error of a row that an UPDATE leaves as it is, since another trigger returns NULL. */
static const ErrorData not_updated = {.sqlerrcode = ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION};

/*
 * Changes the rows one by one, after one of them has failed. With all_must_change a
 * row that is not changed has failed too.
 */
static void
update_singly(caas_pass *pass, const caas_range *range, bool all_must_change)
{
	SPITupleTable *rows;
	uint64		   count;

	(void)execute_over(pass->work->find, range);
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		bool		is_null;
		caas_range	single = {.mask = 0};
		ItemPointer row =
			(ItemPointer)DatumGetPointer(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null));
		int64	   before;
		ErrorData *error;

		single.first = single.last = *row;
		ItemPointerSetOffsetNumber(&single.last, ItemPointerGetOffsetNumber(row) + 1);
		before = pass->changed;
		error = try_range(pass, &single);
		if (error == NULL && all_must_change && pass->changed == before)
			note_failure(pass, row, SPI_getvalue(rows->vals[i], rows->tupdesc, 2), &not_updated);
		if (error != NULL)
			note_failure(pass, row, SPI_getvalue(rows->vals[i], rows->tupdesc, 2), error);
		if (i % ROWS_A_COMMIT != ROWS_A_COMMIT - 1)
			continue;
		commit(pass);
		caas_job_check_plan(pass->job, pass->work);
	}
	SPI_freetuptable(rows);
}

/* ---- the batches ---- */

static void
sleep_ms(long milliseconds)
{
	(void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
					PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* True while a standby or subscriber is further behind than the job allows. */
static bool
lags(const caas_job *job)
{
	bool result;

	if (job->max_lag < 0)
		return false;
	caas_job_execute(
		psprintf("SELECT FROM pg_catalog.pg_stat_get_wal_senders() s WHERE "
				 "pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.replay_lsn) "
				 "OPERATOR(pg_catalog.>) " INT64_FORMAT " LIMIT 1",
				 job->max_lag));
	result = SPI_processed > 0;
	SPI_freetuptable(SPI_tuptable);
	return result;
}

#define LAG_CHECK_MS 100

static bool
waits_between_batches(const caas_job *job)
{
	return job->pause_ms > 0 || job->max_lag >= 0;
}

static void
wait_between_batches(const caas_job *job)
{
	if (job->pause_ms > 0)
		sleep_ms(job->pause_ms);
	while (lags(job))
	{
		caas_job_commit(job);
		sleep_ms(LAG_CHECK_MS);
	}
}

/* Doubles or halves the size of a batch at most, so that one slow batch does not decide. */
static void
adapt(caas_pass *pass, double elapsed_ms)
{
	double wanted = pass->blocks * (pass->job->batch_ms / Max(elapsed_ms, 0.01));

	wanted = Min(Max(wanted, pass->blocks / 2.0), pass->blocks * 2.0);
	pass->blocks = (int)Min(Max(wanted, 1.0), (double)pass->work->max_blocks * pass->slices);
}

/* Batches that change nothing are committed about once a second. */
#define QUIET_MS 1000

/* A row is dead for some 200 ms before the next slice comes by. */
#define BATCHES_A_SLICE 4

/*
 * Changes the rows of the range in one transaction, and returns the milliseconds that
 * it took.
 */
static double
run_batch(caas_pass *pass, const caas_range *range, BlockNumber next, instr_time *written)
{
	MemoryContext	caller = MemoryContextSwitchTo(pass->scratch);
	caas_job_state *state = pass->state;
	int64			before = state->rows + state->conflicts;
	instr_time		begin;
	instr_time		now;

	INSTR_TIME_SET_CURRENT(begin);
	caas_job_check_plan(pass->job, pass->work);
	if (try_range(pass, range) != NULL)
		update_singly(pass, range, false);
	state->next = next;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, *written);
	/* No transaction is open during a pause. */
	if (state->rows + state->conflicts != before || waits_between_batches(pass->job) ||
		INSTR_TIME_GET_MILLISEC(now) >= QUIET_MS)
	{
		commit(pass);
		INSTR_TIME_SET_CURRENT(*written);
	}
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, begin);
	wait_between_batches(pass->job);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(pass->scratch);
	return INSTR_TIME_GET_MILLISEC(now);
}

/* True when the first slice found so few rows that the others can go together. */
static bool
are_few(const caas_pass *pass, int64 changed, BlockNumber blocks)
{
	return changed == 0 || (double)changed * pass->slices < blocks * pass->work->rows_a_block / 4;
}

/* The rows of one slice of a window, or with the mask 0 all rows. */
static void
run_slice(caas_pass *pass, BlockNumber begin, BlockNumber until, int mask, int slice,
		  instr_time *written)
{
	bool is_last = slice == mask;

	while (begin < until)
	{
		caas_range	range = {.mask = mask, .slice = slice};
		BlockNumber next = Min(begin + pass->blocks, until);

		(void)tid(&range.first, begin, 0);
		(void)tid(&range.last, next, 0);
		adapt(pass, run_batch(pass, &range, is_last ? next : pass->state->next, written));
		begin = next;
	}
}

/*
 * The rows of a window of blocks, slice by slice. The rows that a slice leaves behind
 * are dead after its commit, so the new rows of the next slice find room in the same
 * pages: the table hardly grows, and where no index changes, none is written. A slice
 * takes several batches, since rows are dead only for snapshots taken later, and other
 * sessions may be in the middle of a short transaction.
 */
static void
run_window(caas_pass *pass, instr_time *written)
{
	caas_job_state *state = pass->state;
	BlockNumber		begin = state->next;
	BlockNumber		until = Min(begin + pass->blocks * BATCHES_A_SLICE, state->end);
	int64			before = state->rows + state->conflicts;

	run_slice(pass, begin, until, pass->slices - 1, 0, written);
	if (pass->slices == 1)
		return;
	if (are_few(pass, state->rows + state->conflicts - before, until - begin))
		run_slice(pass, begin, until, 0, 0, written);
	else
		for (int slice = 1; slice < pass->slices; slice++)
			run_slice(pass, begin, until, pass->slices - 1, slice, written);
}

/* ---- the passes ---- */

#define FIRST_BLOCKS 8

/* The blocks of this part; the last part has those that come while it runs. */
static void
set_range(const caas_job *job, Oid table, caas_job_state *state)
{
	Relation	relation = table_open(table, AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(relation);

	table_close(relation, AccessShareLock);
	state->begin = (BlockNumber)((uint64)blocks * (job->part - 1) / job->parts);
	state->end = (BlockNumber)((uint64)blocks * job->part / job->parts);
	state->next = Max(state->next, state->begin);
}

/* The ctids of the rows that failed. The array under construction stays. */
static Datum
failed_rows(const caas_pass *pass)
{
	int count = pass->failed != NULL ? pass->failed->nelems : 0;
	int lower = 1;

	if (count == 0)
		return PointerGetDatum(construct_empty_array(TIDOID));
	return makeMdArrayResult(pass->failed, 1, &count, &lower, pass->memory, false);
}

/* True when a row is left besides those that failed. */
static bool
row_remains(caas_pass *pass)
{
	ItemPointerData first;
	ItemPointerData last;
	bool			remains;
	/* Rows that others changed meanwhile are behind the blocks of this pass. */
	BlockNumber end = pass->job->part == pass->job->parts ? MaxBlockNumber : pass->state->end;
	Datum values[] = {tid(&first, pass->state->begin, 0), tid(&last, end, 0), failed_rows(pass)};

	(void)caas_job_run(pass->work->remains, values);
	remains = SPI_processed > 0;
	SPI_freetuptable(SPI_tuptable);
	return remains;
}

/* The blocks of this part with those that came while it ran, if it is the last one. */
static BlockNumber
present_end(const caas_pass *pass)
{
	Relation	relation = table_open(pass->work->table, AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(relation);

	table_close(relation, AccessShareLock);
	return pass->job->part == pass->job->parts ? blocks : Min(blocks, pass->state->end);
}

/* Tries what a pass that waited has left, row by row: these rows fail, or are not changed. */
static bool
try_rest(caas_pass *pass)
{
	BlockNumber end = present_end(pass);

	caas_job_forget_conflicts(pass->job, pass->work->table);
	pass->failed = NULL;
	pass->state->conflicts = 0;
	for (BlockNumber block = pass->state->begin; block < end; block += FIRST_BLOCKS)
	{
		caas_range range = {.mask = 0};

		(void)tid(&range.first, block, 0);
		(void)tid(&range.last, Min(block + FIRST_BLOCKS, end), 0);
		caas_job_check_plan(pass->job, pass->work);
		update_singly(pass, &range, true);
		commit(pass);
	}
	return pass->changed > 0;
}

/* Runs the rest of a pass. Returns true when it changed a row. */
static bool
run_pass(caas_pass *pass)
{
	instr_time written;

	if (pass->state->next == 0)
		caas_job_forget_conflicts(pass->job, pass->work->table);
	set_range(pass->job, pass->work->table, pass->state);
	INSTR_TIME_SET_CURRENT(written);
	while (pass->state->next < pass->state->end)
		run_window(pass, &written);
	commit(pass);
	return pass->changed > 0;
}

/*
 * Powers of two. More would find hardly more room in the pages, and read them more
 * often. A rotation leaves the size of rows and most indexes as they are; a backfill
 * gains less.
 */
#define ROTATION_SLICES 8
#define BACKFILL_SLICES 4

static int
slices_of(const caas_job *job, const caas_job_state *state)
{
	if (state->pass > 1) /* it finds few rows */
		return 1;
	return job->kind == CAAS_JOB_ROTATE ? ROTATION_SLICES : BACKFILL_SLICES;
}

/* A pass leaves out the rows that others have locked. The pass after one that changed nothing waits
 * for them. */
void
caas_job_passes(caas_job *job, caas_work *work, caas_job_state *state)
{
	bool waits = false;
	bool changed;
	bool left;

	do
	{
		caas_pass pass = {.job = job, .work = work, .state = state, .waits = waits};

		pass.memory =
			AllocSetContextCreate(CurrentMemoryContext, "caas pass", ALLOCSET_DEFAULT_SIZES);
		pass.scratch = AllocSetContextCreate(pass.memory, "caas batch", ALLOCSET_DEFAULT_SIZES);
		pass.slices = slices_of(job, state);
		pass.blocks = Min(FIRST_BLOCKS, work->max_blocks) * pass.slices;
		changed = run_pass(&pass);
		left = !changed && row_remains(&pass);
		if (left && waits)
		{
			changed = try_rest(&pass);
			left = changed || row_remains(&pass);
		}
		waits = !changed;
		if (changed || left)
		{
			state->pass++;
			state->next = 0;
			state->conflicts = 0;
		}
		MemoryContextDelete(pass.memory);
	} while (changed || left);
	caas_job_state_write(job, work->table, state, true);
	caas_job_commit(job);
}
