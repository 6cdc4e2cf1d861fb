/*
 * caas_pg.h - declarations that the files of src/pg share.
 *
 * This folder is C. It includes the headers of the server and caas.h, and no
 * header of OpenSSL or C++. The core never calls back, so the longjmp of an
 * ereport() here cannot skip the destructors of a C++ frame.
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
#include "server_versions.h"

/* ---- guc.c: the settings ---- */

extern char				  *caas_keyring_file;
extern caas_password_costs caas_password_cost;
extern int				   caas_password_limit;

extern void caas_define_settings(void);

/* ---- session.c: the gate (the API key check of a session) and the engine of this backend ---- */

/*
 * Returns the engine for a call that needs the API key. Raises 28000 when the
 * key is not accepted, and the errors of caas_keyring_engine. The engine stays
 * valid until the server processes a reload, so for the whole of one SQL
 * function call.
 */
extern caas_engine *caas_gated_engine(void);

/*
 * Raises 42501 within a security-restricted operation: ANALYZE, REINDEX, a
 * materialized view and the like run the code of a table's owner in the session
 * of whoever maintains the table, with that session's API key. Functions that
 * return plaintext or test a password call this; function is their SQL name.
 */
extern void caas_refuse_restricted(const char *function);

/* Returns the engine with the keyring loaded. Needs no API key: for administrators' functions. */
extern caas_engine *caas_keyring_engine(void);

/* Loads the keyring unless it is current. On failure returns false and fills error; raises nothing.
 */
extern bool caas_try_keyring(caas_engine **engine, caas_error *error);

/*
 * Reads the keyring file, as it is now, into *engine, which is made when it is
 * NULL. On failure the engine has no keyring.
 */
extern caas_status caas_read_keyring(caas_engine **engine, caas_error *error);

/* The message about a loaded keyring of which caas_keyring_info.warnings has the bit. */
typedef struct caas_keyring_warning
{
	unsigned	bit;
	const char *text;
	const char *hint;
} caas_keyring_warning;

extern const caas_keyring_warning *caas_keyring_warnings(void); /* the last has the bit 0 */

/* Says why the gate of this session is closed, as a static text for users; NULL when it is open. */
extern const char *caas_key_problem(void);

/* Returns the name that the server's list gives the key of this session, or the entry of
 * caas.trusted_nodes that lets it in without one; NULL when there is neither. */
extern const char *caas_key_name(void);

/*
 * Keeps the key of this session after it was set for one transaction alone, until it
 * is released. The server's list still decides whether it is accepted.
 */
extern void caas_session_hold_key(void);
extern void caas_session_release_key(void);

/* For the assign hooks. They also run outside transactions, and before the variable changes, so
 * these functions read no catalog and raise no error. */
extern void caas_session_key_changed(bool is_set, const uint8_t *digest);
extern void caas_session_list_changed(const caas_api_key_list *list);
extern void caas_session_require_changed(bool require);
extern void caas_session_exempt_changed(bool exempt);
extern void caas_session_node_changed(void);
extern void caas_session_keyring_changed(void);
extern void caas_session_tell_workers(void); /* sets caas_parallel_state to the present state */
extern void caas_session_init(void);

/* True within the statement whose call loaded the library, and within one that was planned before
 * that. */
extern bool caas_planned_before_loading(void);

/* The state that a leader passes to its parallel workers, as the value of a setting. It is an
 * integer, so the leader can assign the C variable directly. */
extern int caas_parallel_state;

/* ---- node.c: other servers, whose sessions here need no API key ---- */

#define CAAS_NODES_MAX 64

typedef struct caas_node_list caas_node_list;

extern bool caas_check_trusted_nodes(char **newval, void **extra, GucSource source);
extern void caas_assign_trusted_nodes(const char *newval, void *extra);

/* Returns the entry of caas.trusted_nodes, a static text, that lets this session in, or NULL. */
extern const char *caas_node_entry(void);

/* Tells whether an entry names the role that this session logged in as, with any method. */
extern bool caas_node_is_listed(void);

/* False when the library came too late to see how clients log in: then no entry lets any in. */
extern bool caas_node_sees_login(void);

extern int	 caas_node_count(void);
extern char *caas_node_role(int index); /* palloc'd */
extern void	 caas_node_init(void);

/* ---- error.c: the errors of the core as errors of the server ---- */

/*
 * Hides statement and context in the server's log, since they can hold
 * plaintext. Every ereport() of this folder has it; a lint checks that.
 */
#define caas_hide() (errhidestmt(true), errhidecontext(true))

/* Raises the error that a failed call of the core reported. */
extern __attribute__((noreturn)) void caas_raise(const caas_error *error);

/* Does the same with the caller's hint instead of the table's. */
extern __attribute__((noreturn)) void caas_raise_with_hint(const caas_error *error,
														   const char		*hint);

/* Installs the log hook that makes caas_hide() hold for errors of parallel workers too. */
extern void caas_error_init(void);

/* Describes a keyring failure, palloc'd; with the path of the file only when with_path is set. */
extern char *caas_keyring_problem(const caas_error *error, bool with_path);

/* The hint against it, a static text. */
extern const char *caas_keyring_hint(const caas_error *error);

/* Tells whether the current user may see paths of the server: superuser or pg_read_all_settings. */
extern bool caas_may_see_paths(void);

/* ---- bytes.c: SQL values as bytes ---- */

/* The bytes of a value, as the formats use them. */
typedef struct caas_bytes
{
	const char *data;
	size_t		len;
	void	   *owned; /* memory to pfree, or NULL */
} caas_bytes;

/*
 * caas_text_bytes converts a text to UTF-8, and raises 22021 when that is not
 * possible. caas_bytea_bytes only detoasts. Release with caas_bytes_release.
 */
extern caas_bytes caas_text_bytes(Datum value);
extern caas_bytes caas_bytea_bytes(Datum value);
extern void		  caas_bytes_release(caas_bytes *bytes);

/*
 * Converts a bytea that holds UTF-8 to a text in the database's encoding. When
 * that is not possible it raises 22021 or 22P05, or returns NULL if quiet.
 */
extern struct varlena *caas_text_of_utf8(struct varlena *utf8, bool quiet);

/* ---- fn_digest.c ---- */

/* Returns the digest as text (lower-case hex) or bytea, palloc'd; generation 0 is the active one.
 */
extern Datum caas_digest_datum(caas_engine *engine, const pg_uuid_t *uuid, int generation,
							   const caas_bytes *data, bool as_text);

/* ---- fn_shape.c ---- */

extern PGDLLEXPORT Datum caas_sql_is_digest_text(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum caas_sql_is_digest_bytea(PG_FUNCTION_ARGS);

/* ---- fn_sealed.c, fn_index.c ---- */

/* Returns the sealed value as bytea, palloc'd. */
extern Datum caas_seal_datum(caas_engine *engine, const pg_uuid_t *uuid, const caas_bytes *context,
							 const caas_bytes *data);

/* Returns the blind index of length bytes as bytea, palloc'd; generation 0 is the active one. */
extern Datum caas_index_datum(caas_engine *engine, int generation, const caas_bytes *context,
							  const caas_bytes *data, int length);

/*
 * Returns a text's bytes, normalised; a length of 0 means that nothing remains
 * and the text has no index. The result is a copy in memory of the caller's
 * context, and holds plaintext: release it with caas_normalized_release.
 */
extern caas_bytes caas_normalized_bytes(caas_normalization normalization, const caas_bytes *text);
extern void		  caas_normalized_release(caas_bytes *normalized);

/* ---- fn_uuid.c: users whose ids are not UUIDs ---- */

/*
 * Tells whether caas_uuid_of_id takes ids of this type and collation: smallint,
 * integer, bigint, text and varchar, whose equality is that of their text. Not
 * char(n), citext, or a nondeterministic collation.
 */
extern bool caas_uuid_takes(Oid type, Oid collation);

/* Fills uuid with that of an id of such a type; name_space is UTF-8. Raises 22023 and 22021. */
extern void caas_uuid_of_id(const caas_bytes *name_space, Oid type, Datum id, pg_uuid_t *uuid);

/* ---- password_slots.c: the limit on password hashes that run at a time in the whole server ----
 */

extern void caas_password_slots_init(void);
extern void caas_password_slot_take(void); /* waits for a free slot; a cancel ends the wait */
extern void caas_password_slot_give(void);

#endif
