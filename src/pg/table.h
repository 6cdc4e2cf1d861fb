/*
 * table.h - what is protected in a table, and the jobs over its rows.
 *
 * A declaration says that values of a column are protected. It is read from the
 * catalogs each time: from a trigger, from a generated column or from a security
 * label. Nothing is stored besides them.
 */
#ifndef CAAS_TABLE_H
#define CAAS_TABLE_H

#include "caas_pg.h"

#include "nodes/pg_list.h"
#include "utils/relcache.h"

/* ---- table_declare.c ---- */

typedef enum caas_declared_kind
{
	CAAS_DECLARED_DIGEST,
	CAAS_DECLARED_SEALED,
	CAAS_DECLARED_INDEX /* a blind index without its sealed value */
} caas_declared_kind;

typedef enum caas_declared_by
{
	CAAS_BY_TRIGGER,
	CAAS_BY_GENERATED_COLUMN,
	CAAS_BY_LABEL
} caas_declared_by;

/* One protected value of a table. Names are those of columns, without quotes. */
typedef struct caas_declaration
{
	caas_declared_kind kind;
	caas_declared_by   by;
	const char		  *id;			 /* NULL where no user belongs to the value: a blind index */
	const char		  *id_namespace; /* NULL: the id is a uuid */
	const char		  *source;		 /* NULL: the application gives the plaintext */
	const char		  *target;		 /* in place: the source */
	const char		  *companion;	 /* blind index or generation; NULL: none */
	const char		  *context;		 /* NULL: none */
	const char		  *expression;	 /* of the generated column, as SQL */
	caas_normalization normalization;
	bool			   in_place;
	bool			   keep;
	bool			   keeps_digests;  /* the option digests=keep */
	bool			   takes_anything; /* the option digests=plaintext */
	const char		  *trigger;		   /* its name */
	const char		  *function;	   /* the trigger function's name in SQL */
	int16			   events;	/* those that fire enabled triggers, as in pg_trigger.tgtype */
	bool			   enabled; /* the trigger fires in ordinary sessions */
	const char		  *problem; /* NULL, or what is wrong, for users */
} caas_declaration;

/* Returns what the table declares, as caas_declaration *, in the current memory context. */
extern List *caas_table_declarations(Relation relation);

/* Returns those by generated columns and security labels alone. */
extern List *caas_untriggered_declarations(Relation relation);

/* The kind as users see it. */
extern const char *caas_declared_kind_name(const caas_declaration *declaration);

/* ---- table_sql.c: the parts of statements over a table ---- */

/* The name of the row in statements. */
#define CAAS_ROW "caas_row"

/* The qualified and quoted name of a table. */
extern const char *caas_table_name(Oid table);

/*
 * Raises 42501 when row-level security hides rows of the table: a role that does not
 * see them all would leave or count a part of them without a word.
 */
extern void caas_require_all_rows(Relation relation);

/* A column of the row. */
extern const char *caas_row_column(const char *name);

/* The UUID of the row's user. */
extern const char *caas_row_user(Relation relation, const char *schema,
								 const caas_declaration *declaration);

/* The quoted name of the schema of the extension, from a call of one of its functions. */
extern const char *caas_extension_schema(FunctionCallInfo fcinfo);

/* The number of the active generation. Raises what caas_gated_engine() raises. */
extern int caas_active_generation(void);

/* ---- label.c ---- */

#define CAAS_LABEL_PROVIDER "caas"

/* Registers the provider of security labels. */
extern void caas_label_init(void);

/* Parses the label of a column. Raises 22023 for text that is not of the grammar. */
extern caas_declaration *caas_parse_label(Relation relation, AttrNumber column, const char *label);

#endif
