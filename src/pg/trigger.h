/*
 * trigger.h - what the files of caas_encrypt_trigger() share.
 *
 * trigger.c fires; trigger_args.c reads and checks the arguments once per
 * statement and table, trigger_neighbours.c what other triggers the table has;
 * trigger_memory.c remembers what a firing left behind.
 */
#ifndef CAAS_TRIGGER_H
#define CAAS_TRIGGER_H

#include "caas_pg.h"

#include "commands/trigger.h"

/* A protected value as a firing left it in a row, with the user it belongs to. */
typedef struct caas_left
{
	struct caas_left *next;
	Oid				  relation;
	char			 *name; /* of the source column */
	bool			  set;
	bool			  has_uuid;
	pg_uuid_t		  uuid;
	Oid				  from; /* of a value that may move: the row's place before the UPDATE */
	ItemPointerData	  tid;
	Size			  room;
	char			 *value; /* a varlena, as it stood in the tuple */
} caas_left;

/* A column to protect. */
typedef struct caas_column
{
	AttrNumber source;
	AttrNumber target; /* the source itself when it is replaced in place */
	bool	   source_is_text;
	bool	   target_is_text;
	int		   limit;		  /* of varchar(n), or -1 */
	Oid		   source_domain; /* InvalidOid when the type is no domain */
	Oid		   target_domain;
	void	  *source_checks; /* caches of domain_check */
	void	  *target_checks;
	caas_left *inserted; /* what this statement's last INSERT firing left in this table */
	caas_left *moving;	 /* what its last UPDATE firing left in a partition, NULL when not one */
} caas_column;

/* One trigger of one table in one statement. */
typedef struct caas_trigger
{
	AttrNumber	uuid;
	bool		lengths_checked;
	int			ncolumns;
	int			nchanges; /* the changes of the row that is being worked on */
	int		   *attributes;
	Datum	   *values;
	bool	   *nulls;
	caas_column columns[FLEXIBLE_ARRAY_MEMBER];
} caas_trigger;

/* Reads the arguments of a trigger; the result lives in context. Raises what is wrong with them. */
extern caas_trigger *caas_trigger_open(const TriggerData *call, MemoryContext context);

/* Raises 39P01 when the table's triggers together would let a value of this argument through, or
 * digest it twice. */
extern void caas_trigger_check_neighbours(const TriggerData *call, const char *argument);

extern const char *caas_trigger_column(const TriggerData *call, AttrNumber attribute);

/* Raises 22001 unless every digest of the active generation fits into every target. */
extern void caas_trigger_check_lengths(caas_trigger *trigger, const TriggerData *call,
									   caas_engine *engine);

/*
 * The place where the statement that context belongs to remembers a column's
 * value. The name is enough to find it again from another partition, whose
 * columns may be numbered otherwise; relation is InvalidOid for what moves.
 */
extern caas_left *caas_left_open(MemoryContext context, Oid relation, const char *name);
extern void		  caas_left_set(caas_left *left, MemoryContext context, Datum value,
								const pg_uuid_t *uuid);
extern bool		  caas_left_is(const caas_left *left, Datum value);

/* Whether the row that an UPDATE firing left has gone to another partition. */
extern bool caas_left_moved(const caas_left *left);

/* Whether two values have the same bytes, whatever their storage. */
extern bool caas_same_image(Datum a, Datum b);

#endif
