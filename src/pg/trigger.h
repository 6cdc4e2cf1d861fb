/*
 * trigger.h - the row triggers caas_encrypt_trigger() and caas_seal_trigger().
 *
 * The way of a row: the SQL function at the end of trigger_encrypt.c or
 * trigger_seal.c calls caas_trigger_fire() in trigger.c. A statement's first
 * firing on a table opens the trigger: caas_trigger_open() in trigger_arguments.c
 * parses and checks the arguments. Every firing calls protect_column() of the
 * trigger's kind for each protected column, which changes the row with
 * caas_firing_write().
 */
#ifndef CAAS_TRIGGER_H
#define CAAS_TRIGGER_H

#include "caas_pg.h"

#include "commands/trigger.h"
#include "nodes/pg_list.h"

typedef struct caas_trigger_kind caas_trigger_kind;

/* ---- the arguments, parsed ---- */

/* An argument after that of the uuid column: source[=target[:companion]][@context]. */
typedef struct caas_argument
{
	const char *text;	   /* all of it */
	const char *source;	   /* the column that statements write plaintext into */
	const char *target;	   /* the column of its digest or sealed value; NULL: the source */
	const char *companion; /* the column of the blind index, or NULL */
	const char *context;   /* NULL: the default */
} caas_argument;

/* A trigger of caas on a table, with its arguments parsed. */
typedef struct caas_definition
{
	const Trigger			*trigger;
	const caas_trigger_kind *kind;
	bool					 fires_together; /* another trigger, which fires before the same row */
	int						 narguments;	 /* without that of the uuid column */
	caas_argument			 arguments[FLEXIBLE_ARRAY_MEMBER];
} caas_definition;

/* A trigger while its arguments are being checked. */
typedef struct caas_opening
{
	Relation			   relation;
	const caas_definition *own;
	List				  *definitions; /* own, and the other triggers of caas on the table */
	Bitmapset			  *named;		/* columns that have a part already */
} caas_opening;

/* ---- an open trigger ---- */

/* A column of the table that a trigger reads or writes. */
typedef struct caas_attribute
{
	AttrNumber number;
	bool	   is_text;		 /* otherwise bytea */
	int		   limit;		 /* n of varchar(n), or -1 */
	Oid		   domain;		 /* InvalidOid when the type is not a domain */
	void	  *domain_cache; /* of domain_check() */
} caas_attribute;

/* The columns that one argument names. */
typedef struct caas_protected_column
{
	caas_attribute source;
	caas_attribute target; /* the source itself when it is replaced in place */
	bool		   in_place;
	caas_attribute companion;
	bool		   has_companion;
	void		  *state; /* of the kind: made by its open_column() */
} caas_protected_column;

/* One trigger of one table in one statement. */
typedef struct caas_trigger
{
	const caas_trigger_kind *kind;
	MemoryContext			 context; /* memory that lasts as long as the statement */
	AttrNumber				 uuid;
	bool					 digests_fit; /* every target was found to have room for a digest */

	/* The columns that the current firing changes. The arrays are used again for each row. */
	int	   nwritten;
	int	  *written_numbers;
	Datum *written_values;
	bool  *written_nulls;

	int					  ncolumns;
	caas_protected_column columns[FLEXIBLE_ARRAY_MEMBER];
} caas_trigger;

/* One firing: one call of a trigger, for one row. */
typedef struct caas_firing
{
	caas_trigger	  *trigger;
	const TriggerData *call;
	TupleTableSlot	  *row;		  /* as it will be stored */
	TupleTableSlot	  *before;	  /* the row that an UPDATE replaces; NULL on INSERT */
	const pg_uuid_t	  *uuid;	  /* the row's user; NULL when the column is null */
	bool			   same_uuid; /* an UPDATE leaves the user as it is */
	caas_engine		  *engine;	  /* NULL until a value needs it */
} caas_firing;

/* ---- the two kinds ---- */

struct caas_trigger_kind
{
	const char *name;
	PGFunction	function;

	/* Parts of an argument. The separator of a part that is not allowed belongs to a name. */
	bool allows_companion;
	bool allows_context;
	bool requires_target;

	bool target_is_bytea; /* so is the companion */
	bool checks_target;	  /* it checks what a statement writes into target and companion */

	const char *declaration_hint; /* for an event that the trigger does not handle */
	const char *arguments_hint;	  /* for wrong arguments */

	/*
	 * Checks what only this kind asks for, and sets column->state. Called once per
	 * statement and table, in the memory context of the statement.
	 */
	void (*open_column)(const caas_opening *opening, const caas_argument *argument,
						caas_protected_column *column);

	/* Decides what the row gets for the column, and writes it. Called for every row. */
	void (*protect_column)(caas_firing *firing, caas_protected_column *column);
};

extern const caas_trigger_kind caas_encrypt_kind;
extern const caas_trigger_kind caas_seal_kind;

extern PGDLLEXPORT Datum caas_sql_encrypt_trigger(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum caas_sql_seal_trigger(PG_FUNCTION_ARGS);

/* ---- trigger_arguments.c ---- */

/*
 * Parses and checks the arguments of the trigger that is called; raises what is
 * wrong with them. The result lives in context.
 */
extern caas_trigger *caas_trigger_open(const TriggerData *call, const caas_trigger_kind *kind,
									   MemoryContext context);

/* True when an UPDATE of any column fires a trigger of this function that protects this one. */
extern bool caas_fires_on_every_update(const caas_opening *opening, const char *column);

/* ---- trigger.c ---- */

/* The body of both SQL functions. */
extern Datum caas_trigger_fire(FunctionCallInfo fcinfo, const caas_trigger_kind *kind);

/* Returns the engine, or raises what caas_gated_engine() raises. */
extern caas_engine *caas_firing_engine(caas_firing *firing);

/* Returns the row's user. Raises 22004 when there is none; attribute has the value that needs one.
 */
extern const pg_uuid_t *caas_firing_uuid(const caas_firing	  *firing,
										 const caas_attribute *attribute);

/* True when the row has another value than before the UPDATE, and always on INSERT. */
extern bool caas_firing_changed(const caas_firing *firing, const caas_attribute *attribute);

/*
 * Sets a column of the row. Raises what the column's domain refuses: the server
 * does not check domains after a trigger.
 */
extern void caas_firing_write(const caas_firing *firing, caas_attribute *attribute, Datum value);
extern void caas_firing_write_null(const caas_firing *firing, caas_attribute *attribute);

/* The names of the table and of a column, for messages. */
extern const char *caas_firing_relation(const caas_firing *firing);
extern const char *caas_firing_column(const caas_firing *firing, AttrNumber number);

/* Returns the bytes of a value of the column. Release them with caas_bytes_release(). */
extern caas_bytes caas_attribute_bytes(const caas_attribute *attribute, Datum value);

extern bool caas_same_user(const pg_uuid_t *a, const pg_uuid_t *b);

/* True when two varlena values have the same bytes, toasted or not. */
extern bool caas_same_image(Datum a, Datum b);

#endif
