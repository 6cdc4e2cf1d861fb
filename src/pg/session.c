/*
 * session.c - the gate (the API key check of this session) and the engine of this backend.
 *
 * The first call makes the engine, in the process that uses it. After a reload
 * the engine reads the keyring again. A call on the row path tests one flag,
 * session.ready; every change that could close the gate or replace the keyring
 * clears it.
 */
#include "caas_pg.h"
#include "trigger.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "replication/logicalworker.h"
#include "tcop/pquery.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"

/* The clock of a file's change time is coarser than that of a statement's start. */
#define CLOCK_SLACK_USEC 20000

static struct
{
	caas_engine *engine;
	bool		 ready;		/* the gate is open and the keyring current */
	bool		 open;		/* the gate was open when it was last checked */
	bool		 stale;		/* the keyring must be read again */
	TimestampTz	 loaded_at; /* PgReloadTime when the keyring was read */

	bool			  require_key;
	bool			  exempt_workers;
	bool			  key_set; /* the session or, in a parallel worker, its leader has set a key */
	bool			  has_digest; /* key_digest is valid; never in a parallel worker */
	uint8_t			  key_digest[CAAS_SHA256_BYTES];
	caas_api_key_list accepted_keys;
	bool			  holds_key; /* held_digest is valid: a job goes on with this key */
	uint8_t			  held_digest[CAAS_SHA256_BYTES];

	/* A call was evaluated while a plan without bound parameters was made, so its result may be in
	 * a cached plan. */
	bool folded;
	int	 unbound_planning;
} session;

static planner_hook_type next_planner = NULL;

/* ---- the state that is passed to parallel workers ---- */

#define STATE_OPEN 1
#define STATE_FINGERPRINT(state) ((uint32_t)(state) >> 1)

static bool
in_worker(void)
{
	return InitializingParallelWorker || IsParallelWorker();
}

/*
 * Assigns the C variable of the setting directly, as the server does with
 * transaction_read_only. A rollback would undo a SET, but not the loading of the
 * keyring.
 */
void
caas_session_tell_workers(void)
{
	caas_keyring_info keyring;

	if (in_worker())
		return;
	caas_engine_keyring(session.engine, &keyring);
	if (session.stale)
		keyring.fingerprint = 0;
	caas_parallel_state = (int)(keyring.fingerprint << 1) | (session.open ? STATE_OPEN : 0);
}

/* ---- the gate ---- */

static bool
without_client(void)
{
	return IsAutoVacuumWorkerProcess() || IsLogicalWorker();
}

/* The index of the session's key in the server's list, or -1. */
static int
find_key(void)
{
	if (session.has_digest)
		return caas_api_key_find(&session.accepted_keys, session.key_digest);
	return session.holds_key ? caas_api_key_find(&session.accepted_keys, session.held_digest) : -1;
}

/* A key that the session sets decides alone, also where it comes from a trusted node. */
static bool
shows_key(void)
{
	return session.key_set || session.holds_key;
}

static bool
gate_open(void)
{
	if (!session.require_key)
		return true;
	if (without_client())
		return session.exempt_workers;
	if (IsParallelWorker() && (caas_parallel_state & STATE_OPEN) != 0)
		return true;
	return shows_key() ? find_key() >= 0 : caas_node_entry() != NULL;
}

/* Discards cached plans that may hold results from before the gate closed or the keyring changed.
 */
static void
forget_folded_results(void)
{
	if (session.folded)
	{
		session.folded = false;
		ResetPlanCache();
	}
}

static void
gate_changed(void)
{
	bool was_open = session.open;

	session.ready = false;
	session.open = gate_open();
	caas_session_tell_workers();
	if (was_open && !session.open)
		forget_folded_results();
}

void
caas_session_key_changed(bool is_set, const uint8_t *digest)
{
	session.key_set = is_set;
	session.has_digest = digest != NULL;
	if (session.has_digest)
		memcpy(session.key_digest, digest, CAAS_SHA256_BYTES);
	gate_changed();
}

void
caas_session_hold_key(void)
{
	session.holds_key = session.has_digest;
	memcpy(session.held_digest, session.key_digest, CAAS_SHA256_BYTES);
}

void
caas_session_release_key(void)
{
	session.holds_key = false;
	caas_cleanse(session.held_digest, CAAS_SHA256_BYTES);
	gate_changed();
}

void
caas_session_list_changed(const caas_api_key_list *list)
{
	session.accepted_keys = *list;
	gate_changed();
}

void
caas_session_require_changed(bool require)
{
	session.require_key = require;
	gate_changed();
}

void
caas_session_exempt_changed(bool exempt)
{
	session.exempt_workers = exempt;
	gate_changed();
}

void
caas_session_node_changed(void)
{
	gate_changed();
}

/* The reasons for a closed gate, and what helps against each. */
typedef struct key_problem
{
	const char *text;
	const char *hint;
} key_problem;

static const key_problem no_client = {
	"autovacuum and logical replication workers have no client that could set an API key",
	"Autovacuum and logical replication workers have no client that could show a key; "
	"caas.exempt_workers = on lets them in."};
static const key_problem empty_list = {
	"caas.api_key_digests is empty: everybody is refused",
	"The server lists no API key in caas.api_key_digests, so everybody is refused. \"caas setup\" "
	"or \"caas api-key new\" makes a key and what the server lists of it."};
static const key_problem only_nodes = {
	"caas.api_key_digests is empty: only the sessions of caas.trusted_nodes are let in",
	"The server lists no API key in caas.api_key_digests, so everybody but its trusted nodes is "
	"refused."};
static const key_problem late_library = {
	"caas.trusted_nodes lists the role of this session, but needs caas in shared_preload_libraries",
	"caas.trusted_nodes works only with caas in shared_preload_libraries."};
static const key_problem other_method = {
	"caas.trusted_nodes lists the role of this session with another method than it logged in by",
	"The line of pg_hba.conf by which this session logged in has another method than "
	"caas.trusted_nodes lists."};
static const key_problem no_key = {
	"this session has set no caas.api_key",
	"Set caas.api_key in this session to a key that the server lists in caas.api_key_digests."};
static const key_problem unknown_key = {
	"the API key of this session is not in caas.api_key_digests",
	"The caas.api_key that this session has set is not one that the server lists in "
	"caas.api_key_digests."};

static const key_problem *
why_closed(void)
{
	if (without_client())
		return &no_client;
	if (!shows_key() && caas_node_is_listed())
		return caas_node_sees_login() ? &other_method : &late_library;
	if (session.accepted_keys.count == 0)
		return caas_node_count() == 0 ? &empty_list : &only_nodes;
	return session.key_set ? &unknown_key : &no_key;
}

const char *
caas_key_problem(void)
{
	return gate_open() ? NULL : why_closed()->text;
}

const char *
caas_key_name(void)
{
	int index = find_key();

	if (!shows_key())
		return caas_node_entry();
	return index >= 0 && session.accepted_keys.names[index][0] != '\0'
			   ? session.accepted_keys.names[index]
			   : NULL;
}

static void
refuse_without_key(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("no accepted API key"), errhint("%s", why_closed()->hint), caas_hide()));
}

void
caas_refuse_restricted(const char *function)
{
	if (!InSecurityRestrictedOperation())
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		 errmsg("cannot execute %s within a security-restricted operation", function),
		 errdetail("ANALYZE, REINDEX, CREATE INDEX, VACUUM FULL, CLUSTER and materialized views "
				   "run the code of a table's owner in the session of whoever runs the command."),
		 errhint("Use CREATE TABLE AS in place of a materialized view; do not index plaintext."),
		 caas_hide()));
}

/* ---- the keyring ---- */

void
caas_session_keyring_changed(void)
{
	session.ready = false;
	session.stale = true;
	caas_session_tell_workers();
	forget_folded_results();
}

static bool
keyring_is_current(void)
{
	caas_keyring_info keyring;

	caas_engine_keyring(session.engine, &keyring);
	return keyring.loaded && !session.stale && session.loaded_at == PgReloadTime;
}

/* Leader and workers of a query must use the same keyring, even when the file is replaced between
 * their first calls. */
static bool
fits_parallel_query(const caas_keyring_info *keyring)
{
	int64_t begin_usec;

	if (!IsInParallelMode())
		return true;
	if (IsParallelWorker() && STATE_FINGERPRINT(caas_parallel_state) != 0)
		return STATE_FINGERPRINT(caas_parallel_state) == keyring->fingerprint;
	begin_usec = GetCurrentStatementStartTimestamp() +
				 (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	return keyring->changed_usec < begin_usec - CLOCK_SLACK_USEC;
}

static const caas_keyring_warning keyring_warnings[] = {
	{CAAS_WARN_PUBLISHED_SECRET, "the keyring holds the secret of the published test vectors",
	 "This secret is public. Make a keyring with \"caas keyring init\"."},
	{CAAS_WARN_WEAK_DIGEST, "the keyring names a digest algorithm that uses a broken hash",
	 "Rotate to a generation without hmac-md5, hmac-sha1 and hmac-ripemd160."},
	{CAAS_WARN_OPEN_LAST_LINE,
	 "the last line of the keyring does not end in a line feed: its end may be cut off",
	 "Compare the check values of \"caas keyring list\" with those of the original file. When they "
	 "are equal, end the file in a line feed, or in a line \"# end\" where a tool drops the last line "
	 "feed."},
	{0},
};

const caas_keyring_warning *
caas_keyring_warnings(void)
{
	return keyring_warnings;
}

static void
warn_of_keyring(unsigned warnings)
{
	if (in_worker())
		return;
	for (const caas_keyring_warning *warning = keyring_warnings; warning->bit != 0; warning++)
		if (warnings & warning->bit)
			ereport(WARNING,
					(errmsg("%s", warning->text), errhint("%s", warning->hint), caas_hide()));
}

caas_status
caas_read_keyring(caas_engine **engine, caas_error *error)
{
	caas_status status;

	if (*engine == NULL)
	{
		status = caas_engine_new(engine, error);
		if (status != CAAS_OK)
			return status;
	}
	caas_engine_unload(*engine);
	if (caas_keyring_file == NULL || *caas_keyring_file == '\0')
	{
		memset(error, 0, sizeof *error);
		error->status = CAAS_ERR_NO_KEYRING;
		return error->status;
	}
	return caas_engine_load(*engine, caas_keyring_file, error);
}

bool
caas_try_keyring(caas_engine **engine, caas_error *error)
{
	caas_keyring_info keyring;

	if (!keyring_is_current())
	{
		session.ready = false;
		session.stale = true;
		if (caas_read_keyring(&session.engine, error) != CAAS_OK)
			return false;
		caas_engine_keyring(session.engine, &keyring);
		if (!fits_parallel_query(&keyring))
		{
			caas_engine_unload(session.engine);
			memset(error, 0, sizeof *error);
			error->status = CAAS_ERR_NO_KEYRING;
			error->reason = "the keyring changed while a parallel query was starting";
			return false;
		}
		session.stale = false;
		session.loaded_at = PgReloadTime;
		caas_session_tell_workers();
		warn_of_keyring(keyring.warnings);
	}
	*engine = session.engine;
	return true;
}

caas_engine *
caas_keyring_engine(void)
{
	caas_engine *engine = NULL;
	caas_error	 error;

	if (!caas_try_keyring(&engine, &error))
		caas_raise(&error);
	return engine;
}

static caas_engine *
enter_checked(void)
{
	caas_engine *engine;

	session.open = gate_open();
	if (!session.open)
		refuse_without_key();
	engine = caas_keyring_engine();
	caas_session_tell_workers();
	session.ready = true;
	return engine;
}

caas_engine *
caas_gated_engine(void)
{
	if (unlikely(session.unbound_planning > 0))
		session.folded = true;
	/* Compare PgReloadTime: a reload runs no assign hook of a setting from the command line. */
	if (likely(session.ready && session.loaded_at == PgReloadTime))
		return session.engine;
	return enter_checked();
}

/* ---- planning ---- */

/*
 * A plan that is made without bound parameters may be cached, with the results
 * of constant calls in it. A plan for given parameters is used once.
 */
static PlannedStmt *
note_planning(CAAS_PLANNER_PARAMETERS)
{
	int			 outer = session.unbound_planning;
	PlannedStmt *result;

	session.unbound_planning = outer + (bound_params == NULL ? 1 : 0);
	PG_TRY();
	{
		caas_prepare_statement(parse);
		result = next_planner(CAAS_PLANNER_ARGUMENTS);
	}
	PG_FINALLY();
	{
		session.unbound_planning = outer;
	}
	PG_END_TRY();
	return result;
}

/* The start of the statement whose call loaded the library; 0 when it was preloaded. */
static TimestampTz loading_statement = 0;

bool
caas_planned_before_loading(void)
{
	TimestampTz planned = GetCurrentStatementStartTimestamp();

	if (likely(loading_statement == 0))
		return false;
	/* A client can bind a portal, and execute it after a later statement. */
	if (ActivePortal != NULL)
		planned = Min(planned, ActivePortal->creation_time);
	return planned <= loading_statement;
}

void
caas_session_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
	{
		loading_statement = GetCurrentStatementStartTimestamp();
		ResetPlanCache(); /* plans from before the planner hook */
	}

	next_planner = planner_hook ? planner_hook : standard_planner;
	planner_hook = note_planning;
	/* A call that was being planned may have loaded the library, before the hook could note it. */
	session.folded = !process_shared_preload_libraries_in_progress;
	session.stale = true;
	session.require_key = true; /* fail closed until the settings are defined */
}
