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
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

typedef struct caas_trigger_kind caas_trigger_kind;

/* ---- the arguments, parsed ---- */

/* A column as an argument names it. */
typedef struct caas_name
{
	const char *text;	/* NULL: the argument has no such part */
	AttrNumber	number; /* InvalidAttrNumber: the table has no such column */
} caas_name;

/* The option "digests": how the trigger treats a new value in place that has the shape of a digest.
 */
typedef enum caas_shaped
{
	CAAS_SHAPED_REFUSED,
	CAAS_SHAPED_KEPT,	 /* it is stored as it is */
	CAAS_SHAPED_DIGESTED /* it is plaintext */
} caas_shaped;

/* An argument after that of the id column: source[=target[:companion]][@context] [option ..]. */
typedef struct caas_argument
{
	const char		  *text;	  /* all of it */
	caas_name		   source;	  /* the column that statements write plaintext into */
	caas_name		   target;	  /* the column of its digest or sealed value; absent: the source */
	caas_name		   companion; /* the column of the blind index, or of the digest's generation */
	const char		  *context;	  /* NULL: none is given */
	bool			   has_blank; /* the context has a blank without quotes */
	bool			   keep;	  /* the source keeps its value */
	caas_shaped		   shaped;
	caas_normalization normalization; /* of the blind index */
} caas_argument;

/* A trigger of caas on a table, with its arguments parsed. */
typedef struct caas_definition
{
	const Trigger			*trigger;
	const caas_trigger_kind *kind;
	bool					 fires_together; /* another trigger, which fires before the same row */
	caas_name				 id;
	const char				*id_namespace; /* NULL: the id is a uuid */
	int						 narguments;   /* without that of the id column */
	caas_argument			 arguments[FLEXIBLE_ARRAY_MEMBER];
} caas_definition;

/* A trigger while its arguments are being checked. */
typedef struct caas_opening
{
	Relation			   relation;
	const caas_definition *own;
	List				  *definitions; /* own, and the other triggers of caas on the table */
	Bitmapset			  *named;		/* columns that have a part already */
	bool				   is_creation; /* CREATE TRIGGER is being checked, no row */
} caas_opening;

/* ---- an open trigger ---- */

/* The way in which the bytes of a value are made. */
typedef enum caas_value_kind
{
	CAAS_VALUE_TEXT,
	CAAS_VALUE_BYTEA,
	CAAS_VALUE_BOOLEAN,
	CAAS_VALUE_OUTPUT /* by the output function of the type */
} caas_value_kind;

/* A column of the table that a trigger reads or writes. */
typedef struct caas_attribute
{
	AttrNumber		number;
	caas_value_kind kind;
	bool			by_value;
	int16			length;		  /* pg_attribute.attlen */
	FmgrInfo		output;		  /* for CAAS_VALUE_OUTPUT */
	int				limit;		  /* n of varchar(n), or -1 */
	Oid				domain;		  /* InvalidOid when the type is not a domain */
	void		   *domain_cache; /* of domain_check() */
} caas_attribute;

/* The columns that one argument names. */
typedef struct caas_protected_column
{
	caas_attribute	   source;
	caas_attribute	   target; /* the source itself when it is replaced in place */
	bool			   in_place;
	caas_attribute	   companion;
	bool			   has_companion;
	bool			   keep;
	caas_shaped		   shaped;
	caas_normalization normalization;
	void			  *state; /* of the kind: made by its open_column() */
} caas_protected_column;

/* One trigger of one table in one statement. */
typedef struct caas_trigger
{
	const caas_trigger_kind *kind;
	MemoryContext			 context; /* memory that lasts as long as the statement */
	caas_attribute			 id;
	Oid						 id_type;			 /* UUIDOID, or what caas_uuid_of_id() takes */
	caas_bytes				 id_namespace;		 /* in UTF-8, when the id is not a uuid */
	bool					 is_partition_alone; /* the partitioned table has no such trigger */
	bool					 inserted;			 /* an INSERT fired it in this statement */
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
	bool			   has_user;  /* the id column is not null */
	bool			   same_user; /* an UPDATE leaves the id as it is */
	bool			   uuid_known;
	pg_uuid_t		   uuid;   /* of the row's user, once it is known */
	caas_engine		  *engine; /* NULL until a value needs it */
} caas_firing;

/* ---- the two kinds ---- */

struct caas_trigger_kind
{
	const char *name;
	bool		is_seal; /* target and companion are sealed values and blind indexes: bytea */

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

/* ---- trigger_grammar.c ---- */

/* Parses the arguments. Raises 39P01 for text that is not of the grammar; a column that does not
 * exist is left to the caller. */
extern caas_definition *caas_parse_definition(Relation relation, const Trigger *trigger,
											  const caas_trigger_kind *kind);

/* True when an argument of a column names a context, as those of caas_seal_trigger() do. */
extern bool caas_argument_has_context(Relation relation, const Trigger *trigger, const char *text);

/* Appends a name or context in double quotes, as the grammar reads it. */
extern void caas_append_quoted(StringInfo text, const char *name);

/* ---- trigger_types.c ---- */

/* The part that a column has in a trigger. It decides which types are allowed. */
typedef enum caas_part
{
	CAAS_PART_ID,		   /* a uuid */
	CAAS_PART_ID_NAME,	   /* an id that a namespace belongs to */
	CAAS_PART_DIGESTED,	   /* the source of a digest */
	CAAS_PART_SEALED,	   /* the source of a sealed value */
	CAAS_PART_INDEXED,	   /* the source of a sealed value with a blind index */
	CAAS_PART_NORMALIZED,  /* the same, with an index of the normalized text */
	CAAS_PART_DIGEST,	   /* a digest, as text or bytea; also a value in place */
	CAAS_PART_GENERATION,  /* the number of a digest's generation */
	CAAS_PART_SEALED_VALUE /* a sealed value or a blind index */
} caas_part;

/* Describes the column. Raises 42804 for a type that the part does not allow. */
extern caas_attribute caas_open_attribute(const caas_opening *opening, AttrNumber number,
										  caas_part part);

/* Returns the bytes of a value of the column. Release them with caas_bytes_release(). */
extern caas_bytes caas_attribute_bytes(caas_attribute *attribute, Datum value);

/* True when two values of the column have the same bytes, toasted or not. */
extern bool caas_same_image(const caas_attribute *attribute, Datum a, Datum b);

/* ---- trigger_arguments.c ---- */

/*
 * Parses and checks the arguments of the trigger; raises what is wrong with
 * them. The result lives in context.
 */
extern caas_trigger *caas_trigger_open(Relation relation, const Trigger *trigger,
									   const caas_trigger_kind *kind, MemoryContext context);

/*
 * Makes the same checks when the trigger is created or its table changed. A
 * definition that an older release accepted is a warning here, so that a restore
 * does not go on without the trigger; the first firing refuses it.
 */
extern void caas_trigger_check(Relation relation, const Trigger *trigger,
							   const caas_trigger_kind *kind);

/* Refuses one that is not BEFORE INSERT OR UPDATE for each row. */
extern void caas_check_declaration(const Trigger *trigger, const caas_trigger_kind *kind);

/* Recognises the functions of caas under any name in SQL. Returns NULL for another function. */
extern const caas_trigger_kind *caas_kind_of_function(Oid function);

/* True for a function in C with this symbol, under any name in SQL. */
extern bool caas_is_function(Oid function, const char *symbol);

/* The part of an argument's source, for caas_open_attribute(). */
extern caas_part caas_part_of_source(const caas_trigger_kind *kind, const caas_argument *argument);

/* True when the trigger fires in this session. */
extern bool caas_trigger_is_enabled(const Trigger *trigger);

/* Raises or warns that an inheritance child has no such trigger; level is ERROR or WARNING. */
extern void caas_require_children(Relation parent, const caas_definition *own, int level);

/* The name of a column of the table. */
extern const char *caas_column_name(Relation relation, AttrNumber number);

/* ---- trigger.c ---- */

/* Raises that the trigger is declared for an event that it does not handle. */
extern void caas_refuse_declaration(const caas_trigger_kind *kind);

/* The body of both SQL functions. */
extern Datum caas_trigger_fire(FunctionCallInfo fcinfo, const caas_trigger_kind *kind);

/* Returns the engine, or raises what caas_gated_engine() raises. */
extern caas_engine *caas_firing_engine(caas_firing *firing);

/* Returns the uuid of the row's user; NULL when the id is null. */
extern const pg_uuid_t *caas_firing_user(caas_firing *firing);

/* Does the same, and raises 22004 when the id is null; attribute has the value that needs one. */
extern const pg_uuid_t *caas_firing_uuid(caas_firing *firing, const caas_attribute *attribute);

/* True when the row has another value than before the UPDATE, and always on INSERT. */
extern bool caas_firing_changed(const caas_firing *firing, const caas_attribute *attribute);

/* True when an UPDATE of the same user's row leaves the column as it is. */
extern bool caas_firing_leaves(const caas_firing *firing, const caas_attribute *attribute);

/* True when the column is null: in the row, and in the row that an UPDATE replaces. */
extern bool caas_firing_is_null(const caas_firing *firing, const caas_attribute *attribute);
extern bool caas_firing_was_null(const caas_firing *firing, const caas_attribute *attribute);

/*
 * True for a value that was there before the trigger and that this UPDATE leaves
 * alone, in a session without an accepted API key: it stays plaintext.
 */
extern bool caas_firing_stays_unprotected(const caas_firing			  *firing,
										  const caas_protected_column *column);

/*
 * Sets a column of the row. Raises what the column's domain refuses: the server
 * does not check domains after a trigger.
 */
extern void caas_firing_write(const caas_firing *firing, caas_attribute *attribute, Datum value);
extern void caas_firing_write_null(const caas_firing *firing, caas_attribute *attribute);

/* Gives target and companion the values that they had before the UPDATE. */
extern void caas_firing_restore(const caas_firing *firing, caas_protected_column *column);

/*
 * With the option keep, a source that was set to null has been erased: erases
 * target and companion too, and returns true. Without the option, or where the
 * statement sets the target itself, returns false.
 */
extern bool caas_firing_erase(const caas_firing *firing, caas_protected_column *column);

/* The names of the table and of a column, for messages. */
extern const char *caas_firing_relation(const caas_firing *firing);
extern const char *caas_firing_column(const caas_firing *firing, AttrNumber number);

/* True when both are the same user, or both are NULL. */
extern bool caas_same_user(const pg_uuid_t *a, const pg_uuid_t *b);

/* ---- trigger_memory.c: what the firings of caas_encrypt_trigger() left in this statement ---- */

typedef struct caas_memory	   caas_memory; /* of one protected column */
typedef struct caas_remembered caas_remembered;

/* Finds or makes the memory of a column, in the memory context of the statement. */
extern caas_memory *caas_memory_open(Relation relation, const char *source);

/* Remembers the value that this firing leaves in the column; is_new: it made the digest. */
extern void caas_memory_set(caas_firing *firing, caas_memory *memory, Datum value, bool is_new);
extern void caas_memory_forget(const caas_firing *firing, const caas_memory *memory);

/* Finds the value among those that firings of this statement left; NULL when it is not one. */
extern const caas_remembered *caas_memory_find(const caas_firing		   *firing,
											   const caas_protected_column *column, Datum value);

/* The user of a remembered value; NULL when it had none. */
extern const pg_uuid_t *caas_remembered_user(const caas_remembered *remembered);

/* ---- trigger_ddl.c ---- */

/* The trigger of the partitioned table of which this one is a clone, or InvalidOid. */
extern Oid caas_trigger_parent(Oid trigger);

/*
 * The constraints that keep plaintext out of a column: the names of those that the
 * table has, whether one holds for its children too, and the expression of one as SQL;
 * schema is that of the extension, as in SQL.
 */
extern List *caas_guards(Relation relation, const caas_argument *argument, bool with_no_inherit);
extern bool	 caas_has_guard(Relation relation, const caas_argument *argument);
extern const char *caas_guard(Relation relation, const caas_argument *argument, const char *schema);

/* True while caas_protect() creates triggers: it says itself when the constraints can be added. */
extern bool caas_guards_are_planned;

/* When the trigger fires: pg_trigger.tgenabled. */
extern char caas_trigger_state(Oid trigger);

/*
 * Returns the statement that adds the constraint which keeps plaintext out of the
 * argument's source; NULL when there is one, or the option keep needs none.
 * schema is that of the extension, quoted.
 */
extern const char *caas_missing_guard(Relation relation, const caas_argument *argument,
									  const char *schema);

/* ---- trigger_statement.c: the planner's part ---- */

/*
 * Changes the SET lists of a statement that is about to be planned, so that
 * SET source = EXCLUDED.source carries target and companion. Raises 27000 for
 * other uses of a source that would lose its value.
 */
extern void caas_prepare_statement(Query *query);

#endif
