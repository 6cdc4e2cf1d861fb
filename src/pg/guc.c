/*
 * guc.c - the settings: caas.api_key of the client, and the settings of the administrator.
 *
 * Check hooks also run in the postmaster and outside transactions, so they
 * return false instead of raising an error. They give a message, because the
 * server's own message prints the value. Assign hooks pass the change to
 * session.c.
 */
#include "caas_pg.h"

#include "access/parallel.h"
#include "tcop/pquery.h"

#ifdef GUC_ALLOW_IN_PARALLEL
/* Lets a parallel worker that loads the library first take over the values of the leader. */
#define CAAS_FLAGS (GUC_NOT_IN_SAMPLE | GUC_ALLOW_IN_PARALLEL)
#else
#define CAAS_FLAGS GUC_NOT_IN_SAMPLE
#endif

/* The default costs of new password hashes are those of docs/spec.md, section 8. */
caas_password_costs caas_password_cost = CAAS_PASSWORD_COSTS;
int					caas_password_limit = 8;

static const char key_mask[] = "********";

char *caas_keyring_file = NULL;
int	  caas_parallel_state = 0;

static char *api_key = NULL; /* the mask or the empty string; the key itself is not kept */
static char *api_key_digests = NULL;
static char *trusted_nodes = NULL;
static bool	 require_api_key = true;
static bool	 exempt_workers = false;

/* The source of a value alone does not tell ALTER SYSTEM from a reload or from pg_file_settings. */
static bool
in_alter_system(void)
{
	return ActivePortal != NULL && ActivePortal->commandTag == CMDTAG_ALTER_SYSTEM;
}

/* Raises an error when a command would store the key where every role can read it. */
static void
refuse_to_store(void)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM),
		 errmsg("caas.api_key cannot be stored in the server"),
		 errdetail("Settings of roles, databases, functions and configuration files can be read by "
				   "others and are in every backup."),
		 errhint(
			 "Let the client set caas.api_key in its own session, with SET or in its connection "
			 "options."),
		 caas_hide()));
}

/* Refuses a stored value with a message that does not print it. */
static bool
ignore_stored(const char *where)
{
	GUC_check_errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM);
	GUC_check_errmsg("caas.api_key is ignored in %s", where);
	GUC_check_errhint("Remove it there and let the client set it in its own session.");
	return false;
}

/* Drops a stored value silently in a starting parallel worker, since its leader has warned. */
static bool
forget_stored(char *value)
{
	caas_cleanse(value, strlen(value));
	return true;
}

/* Puts the key's SHA-256 into extra, and replaces the key by the mask. */
static bool
keep_digest_only(char **newval, void **extra)
{
	uint8_t *digest = guc_malloc(LOG, CAAS_SHA256_BYTES);
	char	*mask = guc_malloc(LOG, sizeof key_mask);

	if (digest == NULL || mask == NULL ||
		caas_api_key_digest(*newval, strlen(*newval), digest) != CAAS_OK)
	{
		guc_free(digest);
		guc_free(mask);
		GUC_check_errmsg("caas.api_key cannot be examined");
		return false;
	}
	memcpy(mask, key_mask, sizeof key_mask);
	caas_cleanse(*newval, strlen(*newval));
	guc_free(*newval);
	*newval = mask;
	*extra = digest;
	return true;
}

static bool
check_api_key(char **newval, void **extra, GucSource source)
{
	if (*newval == NULL || **newval == '\0')
		return true;
	switch (source)
	{
	case PGC_S_TEST:
		refuse_to_store();
		break;
	case PGC_S_ENV_VAR:
	case PGC_S_FILE:
	case PGC_S_ARGV:
		if (in_alter_system())
			refuse_to_store();
		if (!InitializingParallelWorker)
			return ignore_stored("the server's configuration");
		return forget_stored(*newval);
	case PGC_S_GLOBAL:
	case PGC_S_DATABASE:
	case PGC_S_USER:
	case PGC_S_DATABASE_USER:
		if (!InitializingParallelWorker)
			return ignore_stored("ALTER ROLE .. SET or ALTER DATABASE .. SET");
		return forget_stored(*newval);
	default:
		break;
	}
	/* A worker gets the leader's mask. caas.parallel_state tells whether the key is accepted. */
	if (InitializingParallelWorker && strcmp(*newval, key_mask) == 0)
		return true;
	return keep_digest_only(newval, extra);
}

static void
assign_api_key(const char *newval, void *extra)
{
	caas_session_key_changed(newval != NULL && *newval != '\0', extra);
}

static bool
check_api_key_digests(char **newval, void **extra, GucSource source)
{
	caas_api_key_list *list = guc_malloc(LOG, sizeof *list);
	caas_error		   error;

	if (list == NULL)
		return false;
	if (caas_api_key_list_parse(*newval ? *newval : "", list, &error) == CAAS_OK)
	{
		*extra = list;
		return true;
	}
	guc_free(list);
	GUC_check_errmsg("caas.api_key_digests is not a list of API key digests");
	GUC_check_errdetail("Entry %d: %s.", error.line, error.reason ? error.reason : "out of memory");
	GUC_check_errhint("\"caas api-key new\" prints an entry; entries are separated by commas.");
	return false;
}

static void
assign_api_key_digests(const char *newval, void *extra)
{
	caas_session_list_changed(extra);
}

static bool
check_keyring_file(char **newval, void **extra, GucSource source)
{
	if (*newval == NULL || **newval == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errmsg("caas.keyring_file must be an absolute path");
	GUC_check_errhint("A keyring must not lie in the data directory, since every base backup would "
					  "hold it.");
	return false;
}

/* The server calls this in every backend at each reload, even when the value is the same. */
static void
assign_keyring_file(const char *newval, void *extra)
{
	caas_session_keyring_changed();
}

static void
assign_require_api_key(bool newval, void *extra)
{
	caas_session_require_changed(newval);
}

static void
assign_exempt_workers(bool newval, void *extra)
{
	caas_session_exempt_changed(newval);
}

/* No user may set it: the leader assigns the variable, and its worker restores the value. */
static bool
check_parallel_state(int *newval, void **extra, GucSource source)
{
	if (InitializingParallelWorker || *newval == 0)
		return true;
	GUC_check_errmsg("caas.parallel_state cannot be set");
	return false;
}

/*
 * The server passes a setting to parallel workers only when its source is not
 * the default, so this gives it another source. It is done when the library is
 * loaded: a parallel query may have been planned before that, and some parallel
 * commands have no plan. An ordinary SET would be refused in parallel mode.
 */
static void
pass_parallel_state_to_workers(void)
{
	(void)set_config_option("caas.parallel_state", "0", PGC_POSTMASTER, PGC_S_DYNAMIC_DEFAULT,
							GUC_ACTION_SAVE, true, ERROR, false);
	caas_session_tell_workers();
}

static void
define_gate_settings(void)
{
	DefineCustomStringVariable(
		"caas.api_key", "API key of this session.",
		"The client sets it. It is checked against caas.api_key_digests and never shown.", &api_key,
		"", PGC_USERSET, CAAS_FLAGS, check_api_key, assign_api_key, NULL);
	DefineCustomStringVariable(
		"caas.api_key_digests", "API keys that the server accepts.",
		"A list of [name:]sha256, separated by commas: the SHA-256 of each key in hexadecimal.",
		&api_key_digests, "", PGC_SIGHUP, CAAS_FLAGS | GUC_SUPERUSER_ONLY, check_api_key_digests,
		assign_api_key_digests, NULL);
	DefineCustomStringVariable(
		"caas.trusted_nodes", "Other servers whose sessions need no API key.",
		"A list of role@method, separated by commas: the role that the other server logs in as, and "
		"how it proves that: cert, scram-sha-256 or peer. Works only with caas in "
		"shared_preload_libraries.",
		&trusted_nodes, "", PGC_SIGHUP, CAAS_FLAGS | GUC_SUPERUSER_ONLY, caas_check_trusted_nodes,
		caas_assign_trusted_nodes, NULL);
	DefineCustomBoolVariable("caas.require_api_key", "Requires an API key of every session.",
							 "When off, only the EXECUTE privilege is checked.", &require_api_key,
							 true, PGC_SIGHUP, CAAS_FLAGS, NULL, assign_require_api_key, NULL);
	DefineCustomBoolVariable(
		"caas.exempt_workers",
		"Lets autovacuum and logical replication workers call caas without an API key.",
		"When on, a role with EXECUTE and no key can read digests, but no plaintext, from the "
		"statistics of its own tables.",
		&exempt_workers, false, PGC_SIGHUP, CAAS_FLAGS, NULL, assign_exempt_workers, NULL);
}

static void
define_cost(const char *name, const char *what, uint32_t *cost, int low, int high, int flags)
{
	DefineCustomIntVariable(
		name, what, "It applies to new password hashes; stored hashes keep their cost.",
		(int *)cost, (int)*cost, low, high, PGC_SUSET, CAAS_FLAGS | flags, NULL, NULL, NULL);
}

static void
define_password_settings(void)
{
	caas_password_costs *cost = &caas_password_cost;

	define_cost("caas.scrypt_ln", "Binary logarithm of scrypt's cost N.", &cost->scrypt_ln, 10, 18,
				0);
	define_cost("caas.scrypt_p", "Parallelization of scrypt.", &cost->scrypt_p, 1, 16, 0);
	define_cost("caas.argon2_memory", "Memory of Argon2id.", &cost->argon2_m, 8, 262144,
				GUC_UNIT_KB);
	define_cost("caas.argon2_iterations", "Passes of Argon2id.", &cost->argon2_t, 1, 16, 0);
	define_cost("caas.argon2_parallelism", "Lanes of Argon2id.", &cost->argon2_p, 1, 16, 0);
	define_cost("caas.pbkdf2_iterations", "Iterations of PBKDF2.", &cost->pbkdf2_i, 10000, 10000000,
				0);
	DefineCustomIntVariable(
		"caas.max_password_hashes", "Password hashes that may run at a time in the whole server.",
		"Further ones wait. Works only with caas in shared_preload_libraries.",
		&caas_password_limit, 8, 1, 1024, PGC_SIGHUP, CAAS_FLAGS, NULL, NULL, NULL);
}

void
caas_define_settings(void)
{
	define_gate_settings();
	define_password_settings();
	DefineCustomStringVariable(
		"caas.keyring_file", "Path of the keyring.",
		"The path is absolute. Every session reads the file again after a reload of the configuration.",
		&caas_keyring_file, "", PGC_SIGHUP, CAAS_FLAGS | GUC_SUPERUSER_ONLY, check_keyring_file,
		assign_keyring_file, NULL);
	DefineCustomIntVariable(
		"caas.parallel_state", "State that a session passes to its parallel workers.", NULL,
		&caas_parallel_state, 0, 0, PG_INT32_MAX, PGC_SUSET,
		CAAS_FLAGS | GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_DISALLOW_IN_FILE | GUC_NO_RESET_ALL,
		check_parallel_state, NULL, NULL);
	pass_parallel_state_to_workers();
	MarkGUCPrefixReserved("caas");
}
