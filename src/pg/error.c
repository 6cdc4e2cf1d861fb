/*
 * error.c - raises errors of the core as errors of the server: one table has SQLSTATE and texts.
 */
#include "caas_pg.h"

#include "access/parallel.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"

typedef struct status_row
{
	caas_status status;
	int			sqlstate;
	const char *message; /* NULL: described by caas_keyring_problem */
	const char *hint;
} status_row;

static emit_log_hook_type next_log_hook = NULL;

static const char changed_hint[] =
	"Repeat the query. If the keyring was replaced, let every session "
	"read it with pg_reload_conf().";
static const char keyring_hint[] =
	"\"caas keyring check\" examines a keyring as the server does. Only its backup brings a "
	"lost one back; a new one opens and verifies nothing that was made before.";

static const status_row status_table[] = {
	{CAAS_ERR_ARGUMENT, ERRCODE_INTERNAL_ERROR, "caas called its core with wrong arguments", NULL},
	{CAAS_ERR_NO_MEMORY, ERRCODE_OUT_OF_MEMORY, "out of memory",
	 "The core could not allocate memory; the call can be repeated."},
	{CAAS_ERR_CRYPTO, ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION, "OpenSSL failed",
	 "caas_status() shows the version of OpenSSL in use."},
	{CAAS_ERR_INTERNAL, ERRCODE_INTERNAL_ERROR, "unexpected failure in the core of caas", NULL},
	{CAAS_ERR_NO_KEYRING, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, NULL,
	 "\"caas setup\" makes one and names it. By hand: \"caas keyring init\", then caas.keyring_file."},
	{CAAS_ERR_KEYRING_FILE, ERRCODE_CONFIG_FILE_ERROR, NULL, keyring_hint},
	{CAAS_ERR_KEYRING_PERMISSIONS, ERRCODE_CONFIG_FILE_ERROR, NULL,
	 "The keyring must belong to the server's user with mode 0600, or to root with 0640. A secret "
	 "that a container platform mounts: root's, with mode 0440 and the server's group."},
	{CAAS_ERR_KEYRING_SYNTAX, ERRCODE_CONFIG_FILE_ERROR, NULL, keyring_hint},
	{CAAS_ERR_KEYRING_ALGORITHM, ERRCODE_CONFIG_FILE_ERROR, NULL,
	 "Load the OpenSSL provider that has it, or name other algorithms in a new generation."},
	{CAAS_ERR_UNKNOWN_GENERATION, ERRCODE_INVALID_PARAMETER_VALUE,
	 "the keyring has no such generation", "caas_keyring() lists the generations."},
	{CAAS_ERR_NOT_ACTIVE, ERRCODE_INVALID_PARAMETER_VALUE,
	 "the generation is not the active one of the keyring",
	 "caas_status() shows the active generation; the keyring of another node may be newer."},
	{CAAS_ERR_CONTEXT, ERRCODE_INVALID_PARAMETER_VALUE, "the context is longer than 1024 bytes",
	 "A context names a column, for instance 'users.ssn'."},
	{CAAS_ERR_NAMESPACE, ERRCODE_INVALID_PARAMETER_VALUE, "the namespace is not 1 to 1024 bytes",
	 "A namespace names a kind of id, for instance 'users'."},
	{CAAS_ERR_USER_ID, ERRCODE_INVALID_PARAMETER_VALUE, "the id is not 1 to 1024 bytes",
	 "Use the table's key, an integer or a text, as the id."},
	{CAAS_ERR_OUTPUT_SIZE, ERRCODE_INTERNAL_ERROR, "caas gave its core too little room", NULL},
	{CAAS_ERR_UNICODE, ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION, "ICU failed",
	 "A session that was short of memory at its first call of ICU has to be opened anew."},
	{CAAS_ERR_MALFORMED, ERRCODE_INVALID_BINARY_REPRESENTATION, "not a sealed value",
	 "caas_seal() makes sealed values."},
	{CAAS_ERR_CANNOT_OPEN, ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION, "cannot open", NULL},
	{CAAS_ERR_PASSWORD_COST, ERRCODE_INVALID_PARAMETER_VALUE,
	 "the cost of password hashes is outside its limits",
	 "See the caas.scrypt_*, caas.argon2_* and caas.pbkdf2_* settings."},
	{CAAS_ERR_TEXT, ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
	 "the text is not valid UTF-8, or cannot be converted to it",
	 "Pass bytes that are not text as bytea."},
};

bool
caas_may_see_paths(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_SETTINGS);
}

char *
caas_keyring_problem(const caas_error *error, bool with_path)
{
	StringInfoData text;

	initStringInfo(&text);
	if (error->status == CAAS_ERR_NO_KEYRING)
	{
		appendStringInfoString(&text, error->reason ? error->reason : "no keyring is configured");
		return text.data;
	}
	if (error->status == CAAS_ERR_NO_MEMORY || error->status == CAAS_ERR_INTERNAL)
	{
		appendStringInfoString(
			&text, "the keyring could not be loaded: out of memory or unexpected failure");
		return text.data;
	}
	appendStringInfoString(&text, "keyring file");
	if (with_path)
		appendStringInfo(&text, " \"%s\"", caas_keyring_file);
	if (error->line > 0)
		appendStringInfo(&text, ", line %d", error->line);
	appendStringInfo(&text, ": %s", error->reason ? error->reason : "cannot be used");
	if (error->algorithm != NULL)
		appendStringInfo(&text, " (%s)", error->algorithm);
	if (error->os_error != 0)
		appendStringInfo(&text, ": %s", strerror(error->os_error));
	return text.data;
}

/* The log gets the path of the keyring; the user gets it only if it may see paths. */
static void
caas_raise_keyring_problem(const status_row *row, const caas_error *error)
{
	bool  with_path = caas_may_see_paths();
	char *logged = caas_keyring_problem(error, true);
	bool  changed = error->status == CAAS_ERR_NO_KEYRING && error->reason != NULL;

	ereport(ERROR, (errcode(row->sqlstate), errmsg("%s", caas_keyring_problem(error, with_path)),
					with_path ? 0 : errdetail_log("%s", logged),
					errhint("%s", changed ? changed_hint : row->hint), caas_hide()));
}

static const status_row *
find_status(caas_status status)
{
	for (size_t i = 0; i < lengthof(status_table); i++)
		if (status_table[i].status == status)
			return &status_table[i];
	return &status_table[0];
}

const char *
caas_keyring_hint(const caas_error *error)
{
	const char *hint = find_status(error->status)->hint;

	return hint ? hint : keyring_hint;
}

void
caas_raise_with_hint(const caas_error *error, const char *hint)
{
	const status_row *row = find_status(error->status);

	if (row->message == NULL)
		caas_raise_keyring_problem(row, error);
	ereport(ERROR,
			(errcode(row->sqlstate), errmsg("%s", row->message),
			 error->reason ? errdetail("%s%s%s.", error->reason, error->algorithm ? ": " : "",
									   error->algorithm ? error->algorithm : "")
						   : 0,
			 hint || row->hint ? errhint("%s", hint ? hint : row->hint) : 0, caas_hide()));
	pg_unreachable();
}

void
caas_raise(const caas_error *error)
{
	caas_raise_with_hint(error, NULL);
}

/* Reduces a context to its last line. Returns false when there is no context. */
static bool
keep_last_line(char *context)
{
	char *newline = context ? strrchr(context, '\n') : NULL;

	if (newline != NULL)
		memmove(context, newline + 1, strlen(newline + 1) + 1);
	return context != NULL;
}

/* A worker puts this mark before the file name of an error that has caas_hide(). */
static const char hidden_mark[] = "caas_hide:";

static bool
has_hidden_mark(const char *filename)
{
	return filename != NULL && strncmp(filename, hidden_mark, sizeof hidden_mark - 1) == 0;
}

/* Only one error is reported at a time, so its file name may lie in a static buffer. */
static void
add_hidden_mark(ErrorData *edata)
{
	static char marked[MAXPGPATH];

	snprintf(marked, sizeof marked, "%s%s", hidden_mark, edata->filename ? edata->filename : "");
	edata->filename = marked;
}

/*
 * The leader of a parallel query raises its worker's error again. The flags
 * that caas_hide() sets do not travel between them, but the name of the source
 * file does: the worker marks it, the leader sets the flags and takes the mark
 * off. The leader then ends its other workers, and each would log the
 * statement: workers leave that to the leader.
 *
 * Autovacuum adds the name of the table to the context last. The operator needs
 * it, and only the lines before it may hold values.
 */
static void
hide_plaintext(ErrorData *edata)
{
	bool marked = has_hidden_mark(edata->filename);
	bool hidden = marked || (edata->hide_stmt && edata->hide_ctx);
	bool in_worker = IsParallelWorker() && edata->elevel >= ERROR;

	if (marked)
		edata->filename += sizeof hidden_mark - 1;
	if (hidden || in_worker)
	{
		edata->hide_stmt = true;
		edata->hide_ctx =
			!(hidden && IsAutoVacuumWorkerProcess() && keep_last_line(edata->context));
	}
	if (next_log_hook)
		next_log_hook(edata);
	if (hidden && in_worker)
		add_hidden_mark(edata);
}

void
caas_error_init(void)
{
	next_log_hook = emit_log_hook;
	emit_log_hook = hide_plaintext;
}
