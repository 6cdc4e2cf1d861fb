/*
 * trigger_columns.h - what caas_encrypt_trigger() and caas_seal_trigger() share.
 *
 * trigger_columns.c reads and checks the columns that the arguments name, once
 * per statement and table; trigger_firing.c is the frame of one firing.
 */
#ifndef CAAS_TRIGGER_COLUMNS_H
#define CAAS_TRIGGER_COLUMNS_H

#include "caas_pg.h"

#include "commands/trigger.h"

/* ---- the two trigger functions ---- */

/* The parts of one argument, palloc'd as one text. */
typedef struct caas_names
{
	char *source;
	char *target;  /* the source itself when it is replaced in place */
	char *index;   /* NULL when none is named */
	char *context; /* NULL when none is given */
} caas_names;

/* How a trigger function reads its arguments, and its own words in messages. */
typedef struct caas_trigger_kind
{
	const char *name;
	const char *example;	   /* of its arguments */
	const char *forms_example; /* with all that an argument can be */
	const char *forms;		   /* of an argument that names columns */
	const char *not_null_hint;
	const char *used_twice_hint;
	const char *update_of_hint;
	const char *two_triggers_hint;
	PGFunction	function;
	caas_names (*split)(const char *argument);
} caas_trigger_kind;

extern const caas_trigger_kind caas_encrypt_kind;
extern const caas_trigger_kind caas_seal_kind;

/* Cuts text at the first separator and returns what follows it; NULL when there is none. */
extern char *caas_cut(char *text, char separator);

/* ---- trigger_columns.c: the arguments. Each function raises what is wrong with them ---- */

/* The arguments of one trigger while they are read. */
typedef struct caas_arguments
{
	const caas_trigger_kind *kind;
	const TriggerData		*call;
	Bitmapset				*used; /* columns that have a part already */
} caas_arguments;

/* A column that a trigger reads or writes. */
typedef struct caas_place
{
	AttrNumber attribute;
	bool	   is_text; /* else bytea */
	int		   limit;	/* of varchar(n), or -1 */
	Oid		   domain;	/* InvalidOid when the type is no domain */
	void	  *checks;	/* cache of domain_check */
} caas_place;

extern caas_arguments caas_arguments_begin(const TriggerData *call, const caas_trigger_kind *kind);

/* The number of the uuid column, which the first argument names. */
extern AttrNumber caas_uuid_argument(caas_arguments *arguments);

/* A column of text or bytea; the second form allows bytea alone. */
extern caas_place caas_place_of(const caas_arguments *arguments, const char *name);
extern caas_place caas_bytea_place_of(const caas_arguments *arguments, const char *name);

extern void caas_refuse_not_null(const caas_arguments *arguments, const caas_place *source);
extern void caas_use_once(caas_arguments *arguments, AttrNumber attribute);

/* UPDATE OF that leaves out a column would let its change through unseen. */
extern void caas_check_update_of(const caas_arguments *arguments, AttrNumber attribute);

/* Refuses another trigger of caas that fires together with this one and has a part for the column.
 */
extern void caas_refuse_second_trigger(const caas_arguments *arguments, const char *name);

/* Raises 39P01 when INSERT or UPDATE of the column fires no trigger of this function: it would
 * store plaintext. */
extern void caas_require_both_events(const caas_arguments *arguments, const char *name);

extern const char *caas_trigger_column(const TriggerData *call, AttrNumber attribute);
extern bool		   caas_trigger_is_enabled(const Trigger *definition);
extern bool		   caas_trigger_protects(const caas_trigger_kind *kind, const Trigger *definition,
										 const char *name);

/* ---- trigger_firing.c: one firing ---- */

/* What firings of one trigger write into a row: room that is used again for each. */
typedef struct caas_changes
{
	int	   count;
	int	  *attributes;
	Datum *values;
	bool  *nulls;
} caas_changes;

typedef struct caas_firing
{
	const TriggerData *call;
	MemoryContext	   context; /* of the statement */
	TupleTableSlot	  *row;		/* as it would be stored */
	TupleTableSlot	  *before;	/* NULL on INSERT */
	AttrNumber		   uuid_column;
	const pg_uuid_t	  *uuid;	  /* NULL when the column is null */
	bool			   same_uuid; /* as before */
	caas_engine		  *engine;	  /* asked for by the first value that needs it */
	caas_changes	  *changes;
} caas_firing;

/* The call, when it is BEFORE INSERT OR UPDATE FOR EACH ROW; else raises 39P01. */
extern const TriggerData *caas_trigger_call(FunctionCallInfo fcinfo, const caas_trigger_kind *kind);

extern void caas_changes_init(caas_changes *changes, int room, MemoryContext context);

extern caas_firing caas_firing_begin(FunctionCallInfo fcinfo, AttrNumber uuid_column,
									 caas_changes *changes);

/* The engine; raises what caas_gated_engine raises. */
extern caas_engine *caas_firing_engine(caas_firing *now);

/* The row's user; raises 22004, naming the column that has a value, when there is none. */
extern const pg_uuid_t *caas_firing_uuid(const caas_firing *now, const caas_place *place);

/* Whether the row has another value in the column than before; always true on INSERT. */
extern bool caas_firing_changed(const caas_firing *now, AttrNumber attribute);

/* The row gets this value, which its domain allows: the server checks none on what a trigger
 * returns. */
extern void caas_firing_write(const caas_firing *now, caas_place *place, Datum value, bool is_null);

/* The row to store. All of it is in the server's per-row context, reset after each row. */
extern HeapTuple caas_firing_end(const caas_firing *now);

/* The bytes of a source. Release with caas_bytes_release. */
extern caas_bytes caas_place_bytes(const caas_place *place, Datum value);

extern bool caas_same_user(const pg_uuid_t *a, const pg_uuid_t *b);

/* Whether two values have the same bytes, whatever their storage. */
extern bool caas_same_image(Datum a, Datum b);

#endif
