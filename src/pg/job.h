/*
 * job.h - jobs over the rows of a table, which commit batch after batch.
 *
 * A job goes through the blocks of a table. Each batch is a transaction: it changes
 * rows of a range of blocks that still need it and notes in the table caas_jobs
 * how far it came. Passes repeat until one finds nothing. So a job can end at any
 * moment, and the next call goes on from there.
 */
#ifndef CAAS_JOB_H
#define CAAS_JOB_H

#include "table.h"

#include "executor/spi.h"
#include "storage/block.h"
#include "storage/itemptr.h"

typedef enum caas_job_kind
{
	CAAS_JOB_BACKFILL,
	CAAS_JOB_ROTATE,
	CAAS_JOB_CUTOVER
} caas_job_kind;

/* One call of a procedure. */
typedef struct caas_job
{
	caas_job_kind kind;
	const char	 *name;	  /* as in the column job of caas_jobs */
	const char	 *schema; /* of the extension, quoted */
	Oid			  state_table;
	Oid			  conflict_table;
	Oid			  relation; /* as the caller named it */
	const char	 *source;	/* the column that a cutover ends, else NULL */
	int			  part, parts;
	int			  batch_ms;
	int			  pause_ms;
	int			  lock_timeout_ms;
	int64		  max_lag; /* bytes, or -1 for no limit */
	int64		  rows;	   /* changed by this call */
	int64		  conflicts;
} caas_job;

/* A trigger as it was when the job was planned. */
typedef struct caas_job_trigger
{
	Oid	 oid;
	char enabled;
} caas_job_trigger;

/* The work of a job on one table. */
typedef struct caas_work
{
	int			generation; /* the active one */
	Oid			table;
	const char *name;	  /* qualified, as SQL */
	char	   *needs;	  /* the condition of a row that the job has to change */
	char	   *sets;	  /* the SET list */
	const char *id;		  /* as SQL, what names a row in caas_conflicts */
	List	   *triggers; /* of caas_job_trigger *: those that the plan counts on */
	bool		changes_keys;
	int			max_blocks; /* of a batch over all rows */
	double		rows_a_block;
	SPIPlanPtr	update;		/* the rows of a slice of a range that nobody has locked */
	SPIPlanPtr	update_all; /* waits for the others */
	SPIPlanPtr	find;		/* the rows of a slice of a range: ctid and id */
	SPIPlanPtr	remains;	/* a row of a range, without those given */
} caas_work;

/* How far a job is in one table: a row of caas_jobs. */
typedef struct caas_job_state
{
	Oid			filenode;
	int			pass;
	BlockNumber next, begin, end; /* blocks of this pass */
	int64		rows;
	int64		conflicts;
} caas_job_state;

/* ---- job.c ---- */

/* Commits, and begins a transaction in which statements of a job run. */
extern void caas_job_commit(const caas_job *job);

/* Runs a prepared statement with a snapshot of its own. The memory context stays. */
extern int caas_job_run(SPIPlanPtr plan, Datum *values);

/* Runs a statement of the job; raises when the result is not the expected one. */
extern void caas_job_execute(const char *statement);

/* ---- job_plan.c ---- */

/*
 * Decides what the job does with the table, in the current memory context. Returns
 * NULL when it declares nothing that concerns the job. Raises 55000 where a
 * declaration does not protect.
 */
extern caas_work *caas_job_plan(const caas_job *job, Oid table);

/*
 * Called in each transaction before its first UPDATE. Locks the table against DDL.
 * Raises 28000 when the key is not accepted any more, since without one a trigger
 * leaves old plaintext as it is and raises nothing; 55000 when the table's name, its
 * triggers or the schema of the extension are not those of the plan any more; and
 * 42501 when row-level security hides rows.
 */
extern void caas_job_check_plan(const caas_job *job, const caas_work *work);

/* ---- job_pass.c ---- */

/* Changes what is left of the table; returns when a pass found nothing. */
extern void caas_job_passes(caas_job *job, caas_work *work, caas_job_state *state);

/* ---- job_state.c ---- */

/* Reads the state of an earlier call that was interrupted, or begins a new one. */
extern void caas_job_state_begin(const caas_job *job, Oid table, caas_job_state *state);

/* Notes how far the job is, in the current transaction; finished: nothing is left. */
extern void caas_job_state_write(const caas_job *job, Oid table, const caas_job_state *state,
								 bool finished);

/* Forgets the conflicts of the pass before, or adds one. */
extern void caas_job_forget_conflicts(const caas_job *job, Oid table);
extern void caas_job_add_conflict(const caas_job *job, Oid table, const char *id,
								  const ErrorData *error);

/* ---- job_cutover.c ---- */

/* Ends the option keep in the triggers; afterwards, guards the source by a constraint. */
extern void caas_cutover_triggers(const caas_job *job);
extern void caas_cutover_constraint(const caas_job *job);

#endif
