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

#include "nodes/nodes.h"
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
	const char		  *id;			 /* NULL where no user belongs to the value: a blind index. Of a
									  * declaration that is not usable every name can be NULL */
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
	bool foreign_code;			/* the expression runs code that is not the server's or caas's */
	bool usable;				/* statements may be built of it: its columns exist, and their
								 * types are those that caas knows */
	const char *problem;		/* NULL, or what is wrong, for users; a declaration that does
								 * not protect every row can be usable */
} caas_declaration;

/* Returns what the table declares, as caas_declaration *, in the current memory context. */
extern List *caas_table_declarations(Relation relation);

/* Returns those by generated columns and security labels alone. */
extern List *caas_untriggered_declarations(Relation relation);

/*
 * Opens the relation without waiting. Returns NULL when it is gone, when it is a
 * temporary table of another session, or, with *is_locked set, when another session
 * has locked it.
 */
extern Relation caas_open_now(Oid relation, bool *is_locked);

/* The kind as users see it. */
extern const char *caas_declared_kind_name(const caas_declaration *declaration);

/* ---- table_problem.c ---- */

/*
 * Calls the function in a subtransaction that is rolled back. Returns NULL, or the
 * error that it raised when is_expected() says so of its SQLSTATE; raises another one.
 */
extern const ErrorData *caas_error_of(void (*run)(void *argument), void *argument,
									  bool (*is_expected)(int sqlerrcode));

/* The same for errors about a definition: a cancel, for instance, is raised. */
extern const ErrorData *caas_definition_error(void (*examine)(void *argument), void *argument);

/* The error as the problem of a declaration; NULL for NULL. */
extern const char *caas_problem_of(const ErrorData *error);

/* ---- table_code.c ---- */

/* True when the expression calls a function, or has a type, that is neither the server's nor of
 * this extension. */
extern bool caas_has_foreign_code(Node *expression);

/*
 * True when statements of the current user may contain the expression of the
 * generated column: what it calls is the server's or of caas, or the user has the
 * privileges of the table's owner. Of a superuser the owner must be one, too.
 */
extern bool caas_may_evaluate(Relation relation, const caas_declaration *declaration);

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

/* The type of a column, behind its domains. */
extern Oid caas_base_type(Relation relation, const char *column);

/* The name of a normalisation, as SQL and triggers have it. */
extern const char *caas_normalization_name(caas_normalization normalization);

/* A column of the row. */
extern const char *caas_row_column(const char *name);

/*
 * True when both are equal or both are null; type is the base type of the column that
 * one of them is. No operator of the search_path is called, as IS NOT DISTINCT FROM
 * would.
 */
extern const char *caas_same_sql(const char *a, const char *b, Oid type);

/* A text as a literal of the type text, which calls no function of another type. */
extern const char *caas_text_literal(const char *text);

/* The UUID of the row's user. */
extern const char *caas_row_user(Relation relation, const char *schema,
								 const caas_declaration *declaration);

/* The quoted name of the schema of the extension, from a call of one of its functions. */
extern const char *caas_extension_schema(FunctionCallInfo fcinfo);

/* The number of the active generation. Raises what caas_gated_engine() raises. */
extern int caas_active_generation(void);

/* ---- table_shards.c: tables that Citus distributes ---- */

/* Returns the tables of this database whose rows Citus keeps in shards, as Oid. */
extern List *caas_distributed_tables(void);

/* True for one of them. */
extern bool caas_is_distributed(Oid table);

/* True when the table has the name of a shard that Citus knows on this node. */
extern bool caas_is_shard(Relation relation);

/* True when another node of Citus opened this session: "citus" before version 11. */
extern bool caas_is_session_of_citus(void);

/*
 * Returns the statement that runs the command over the shards of the table, in which
 * %L stands for the name of a shard. It finds the function of Citus alone, whatever
 * others have put into the search_path of the one who runs it.
 */
extern const char *caas_over_shards(Oid table, const char *command);

/* Raises 0A000 when the table, a partition or an inheritance child is one of them. function: the
 * name in SQL; hint: what to do instead. */
extern void caas_refuse_distributed(Oid root, const char *function, const char *hint);

/*
 * Lets queries of pg_class see the shards on this server, which Citus hides from
 * clients; for the queries of this GUC nest level.
 */
extern void caas_show_shards(void);

/* ---- label.c ---- */

#define CAAS_LABEL_PROVIDER "caas"

/* Registers the provider of security labels. */
extern void caas_label_init(void);

/* Parses the label of a column. What is wrong with it is the problem of the declaration. */
extern caas_declaration *caas_parse_label(Relation relation, AttrNumber column, const char *label);

#endif
