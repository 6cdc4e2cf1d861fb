/*
 * caas_pg.h - what the files of src/pg share: the server's door to the core.
 *
 * This folder is C and thin: postgres.h and caas.h, no OpenSSL, no C++. The
 * core never calls back, so ereport() here can not jump over a C++ frame.
 */
#ifndef CAAS_PG_H
#define CAAS_PG_H

#include "postgres.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/autovacuum.h"
#include "utils/guc.h"
#include "utils/uuid.h"

#ifdef CAAS_CORE_TRANSLATION_UNIT
#error "src/pg must not see a header of the core"
#endif

#include "../caas.h"

#if PG_VERSION_NUM >= 170000
#define IsAutoVacuumWorkerProcess() AmAutoVacuumWorkerProcess()
#endif

/* ---- guc.c: the settings ---- */

extern char				  *caas_keyring_file;
extern caas_password_costs caas_password_cost;
extern int				   caas_password_limit;

extern void caas_define_settings(void);

/* ---- session.c: who may call, and the engine of this backend ---- */

/*
 * The engine for a call that needs the API key. Raises 28000 when the key is
 * not accepted, and what caas_keyring_engine raises. The result is good until
 * the next call into the server that may process a reload: within one SQL
 * function call, always.
 */
extern caas_engine *caas_gated_engine(void);

/*
 * Raises 42501 within a security-restricted operation: ANALYZE, REINDEX, a
 * materialized view and the like run the code of a table's owner in the session
 * of whoever maintains the table, with that session's API key. Functions that
 * return plaintext or test a password call this; function is their SQL name.
 */
extern void caas_refuse_restricted(const char *function);

/* The engine for administrators' functions: the keyring loaded, no API key asked for. */
extern caas_engine *caas_keyring_engine(void);

/* Loads the keyring when that is due. On failure returns false and fills error, raising nothing. */
extern bool caas_try_keyring(caas_engine **engine, caas_error *error);

/* Why the gate of this session is closed, as a static text for users; NULL when it is open. */
extern const char *caas_key_problem(void);

/* The name that the server's list gives the key of this session; NULL when it has none. */
extern const char *caas_key_name(void);

/* For the assign hooks, which run outside a transaction too, and before the variable changes: no
 * catalog, no error. */
extern void caas_session_key_changed(bool is_set, const uint8_t *digest);
extern void caas_session_list_changed(const caas_api_key_list *list);
extern void caas_session_require_changed(bool require);
extern void caas_session_exempt_changed(bool exempt);
extern void caas_session_keyring_changed(void);
extern void caas_session_tell_workers(void); /* sets caas_parallel_state to what holds now */
extern void caas_session_init(void);

/* What a leader tells its parallel workers; one integer, since its C variable may be assigned
 * directly. */
extern int caas_parallel_state;

/* ---- error.c: one table from status to SQLSTATE ---- */

/*
 * Hides statement and context in the server's log, since they can hold
 * plaintext. Every ereport() of this folder has it; a lint checks that.
 */
#define caas_hide() (errhidestmt(true), errhidecontext(true))

/* Raises the error that a failed call of the core reported. */
extern __attribute__((noreturn)) void caas_raise(const caas_error *error);

/* The same with a hint of the caller's in place of the table's. */
extern __attribute__((noreturn)) void caas_raise_with_hint(const caas_error *error,
														   const char		*hint);

/* Installs the log hook that makes caas_hide() hold for errors of parallel workers too. */
extern void caas_error_init(void);

/* The text of a keyring failure for caas_status; names the path only where that is allowed. */
extern char *caas_keyring_problem(const caas_error *error, bool with_path);

/* Whether the current user may see paths of the server: superuser or pg_read_all_settings. */
extern bool caas_may_see_paths(void);

/* ---- fn_digest.c ---- */

/* A value's bytes as the formats want them. */
typedef struct caas_bytes
{
	const char *data;
	size_t		len;
	void	   *owned; /* to pfree, or NULL */
} caas_bytes;

/*
 * The bytes of a text value in UTF-8; raises 22021 when that is not possible.
 * The bytea twin only detoasts. Release with caas_bytes_release.
 */
extern caas_bytes caas_text_bytes(Datum value);
extern caas_bytes caas_bytea_bytes(Datum value);
extern void		  caas_bytes_release(caas_bytes *bytes);

/*
 * Makes a text in the database's encoding of a bytea that holds UTF-8. When that
 * is not possible raises 22021 or 22P05, or returns NULL where quiet.
 */
extern struct varlena *caas_text_of_utf8(struct varlena *utf8, bool quiet);

/* The digest as text (lower-case hex) or bytea, palloc'd; generation 0 is the active one. */
extern Datum caas_digest_datum(caas_engine *engine, const pg_uuid_t *uuid, int generation,
							   const caas_bytes *data, bool as_text);

/* ---- fn_sealed.c, fn_index.c ---- */

/* The sealed value as bytea, palloc'd. */
extern Datum caas_seal_datum(caas_engine *engine, const pg_uuid_t *uuid, const caas_bytes *context,
							 const caas_bytes *data);

/* The blind index of length bytes as bytea, palloc'd; generation 0 is the active one. */
extern Datum caas_index_datum(caas_engine *engine, int generation, const caas_bytes *context,
							  const caas_bytes *data, int length);

/* ---- password_slots.c: how many password hashes run at a time in the whole server ---- */

extern void caas_password_slots_init(void);
extern void caas_password_slot_take(void); /* waits; can be cancelled */
extern void caas_password_slot_give(void);

#endif
