/*
 * table_check.c - caas_check: what is protected in the rows of a table, and what is
 * not right.
 *
 * One query a protected column groups its rows by what was found in them. Opening
 * the values happens in caas_check_sealed(), which returns no plaintext. Each value
 * is cast to the exact type of a parameter, so that no overloaded function or operator
 * of another role is called.
 */
#include "rows.h"
#include "table.h"

#include "access/table.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

/* ---- the query over one protected column ---- */

/* The SQL expressions that the rows are grouped by. */
typedef struct caas_grouping
{
	const char *found;		 /* text: right, wrong shape, unopenable, wrong index; null: no value */
	const char *generation;	 /* integer or null */
	const char *plaintext;	 /* boolean: the row holds plaintext */
	const char *unprotected; /* boolean: and nothing that protects it */
} caas_grouping;

/* A table whose rows are counted. */
typedef struct caas_counting
{
	Relation	relation;
	const char *schema; /* of the extension, quoted */
	int			active; /* generation */
	double		percent;
} caas_counting;

/* A column of the row as a bytea. */
static const char *
as_bytea(const char *column)
{
	return psprintf("%s::pg_catalog.bytea", caas_row_column(column));
}

/* The digest of a text as a bytea is that of the bytes of its UTF-8. */
static const char *
verified(const caas_counting *counting, const caas_declaration *declaration)
{
	const char *source = caas_row_column(declaration->source);
	bool		is_bytea = caas_base_type(counting->relation, declaration->target) == BYTEAOID;
	const char *type = is_bytea ? "bytea" : "text";
	const char *plaintext = psprintf("%s::pg_catalog.text", source);

	if (is_bytea)
		plaintext = psprintf("pg_catalog.convert_to(%s, 'UTF8')", plaintext);
	return psprintf("coalesce(%s.caas_verify(%s, %s, %s::pg_catalog.%s), %s IS NULL)",
					counting->schema,
					caas_row_user(counting->relation, counting->schema, declaration), plaintext,
					caas_row_column(declaration->target), type, source);
}

/* The number of a stored generation; NULL for what is none. */
static const char *
stored_generation(const char *column)
{
	const char *number = psprintf("%s::pg_catalog.int8", caas_row_column(column));

	return psprintf("CASE WHEN %s OPERATOR(pg_catalog.>=) 1::pg_catalog.int8 AND %s "
					"OPERATOR(pg_catalog.<=) 65535::pg_catalog.int8 THEN %s END",
					number, number, number);
}

/* The generation of a value that its expression gives under the active one. */
static const char *
generation_of_expression(const caas_counting *counting, const caas_declaration *declaration)
{
	const char *target = caas_row_column(declaration->target);

	if (!caas_may_evaluate(counting->relation, declaration))
		return "NULL";
	return psprintf("CASE WHEN %s AND %s IS NOT NULL THEN %d END",
					caas_same_sql(target, declaration->expression,
								  caas_base_type(counting->relation, declaration->target)),
					target, counting->active);
}

static void
group_digest(const caas_counting *counting, const caas_declaration *declaration,
			 caas_grouping *grouping)
{
	const char *target = caas_row_column(declaration->target);
	const char *type =
		caas_base_type(counting->relation, declaration->target) == BYTEAOID ? "bytea" : "text";
	const char *shaped =
		psprintf("%s.caas_is_digest(%s::pg_catalog.%s)", counting->schema, target, type);
	const char *verifies = "true";
	Oid			source_type;

	if (declaration->in_place)
		grouping->plaintext = grouping->unprotected = psprintf("NOT %s", shaped);
	/* The text of other types is not that of a cast under all settings. */
	source_type =
		declaration->keep ? caas_base_type(counting->relation, declaration->source) : InvalidOid;
	if (source_type == TEXTOID || source_type == VARCHAROID)
		verifies = verified(counting, declaration);
	grouping->found = psprintf("CASE WHEN %s IS NOT NULL THEN CASE WHEN NOT %s THEN 'wrong shape' "
							   "WHEN NOT %s THEN 'unopenable' ELSE 'right' END END",
							   target, shaped, verifies);
	if (declaration->companion != NULL)
		grouping->generation = psprintf("CASE WHEN %s IS NOT NULL THEN %s END", target,
										stored_generation(declaration->companion));
	if (declaration->expression != NULL)
		grouping->generation = generation_of_expression(counting, declaration);
}

static void
group_sealed(const caas_counting *counting, const caas_declaration *declaration,
			 caas_grouping *grouping)
{
	const char *sealed = as_bytea(declaration->target);
	bool		has_index = declaration->companion != NULL;

	grouping->found =
		psprintf("%s.caas_check_sealed(%s, %s, %s, %s, %s, %s)", counting->schema,
				 caas_row_user(counting->relation, counting->schema, declaration), sealed,
				 caas_text_literal(declaration->context), has_index ? "true" : "false",
				 has_index ? as_bytea(declaration->companion) : "NULL::pg_catalog.bytea",
				 caas_text_literal(caas_normalization_name(declaration->normalization)));
	grouping->generation =
		psprintf("CASE WHEN %s.caas_is_sealed(%s) THEN %s.caas_generation(%s) END",
				 counting->schema, sealed, counting->schema, sealed);
}

/* A blind index without its sealed value can be compared with its expression alone. */
static void
group_index(const caas_counting *counting, const caas_declaration *declaration,
			caas_grouping *grouping)
{
	grouping->found =
		psprintf("CASE WHEN %s IS NOT NULL THEN 'right' END", caas_row_column(declaration->target));
	grouping->generation = generation_of_expression(counting, declaration);
}

static caas_grouping
group(const caas_counting *counting, const caas_declaration *declaration)
{
	caas_grouping grouping = {
		.generation = "NULL::pg_catalog.int4", .plaintext = "false", .unprotected = "false"};

	if (declaration->source != NULL)
	{
		grouping.plaintext = psprintf("%s IS NOT NULL", caas_row_column(declaration->source));
		grouping.unprotected =
			psprintf("%s AND %s IS NULL", grouping.plaintext, caas_row_column(declaration->target));
	}
	if (declaration->kind == CAAS_DECLARED_DIGEST)
		group_digest(counting, declaration, &grouping);
	else if (declaration->kind == CAAS_DECLARED_SEALED)
		group_sealed(counting, declaration, &grouping);
	else
		group_index(counting, declaration, &grouping);
	return grouping;
}

static void
refuse_problem(Relation relation, const caas_declaration *declaration)
{
	const char *table = caas_table_name(RelationGetRelid(relation));

	if (declaration->target == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the trigger \"%s\" of relation %s cannot be used",
							   declaration->trigger, table),
						errdetail("%s", declaration->problem), caas_hide()));
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the declaration of column \"%s\" of relation %s cannot be used",
						   declaration->target, table),
					errdetail("%s", declaration->problem), caas_hide()));
}

/* Fills SPI_tuptable with found, generation, plaintext, unprotected and the count of rows. */
static void
count_rows(const caas_counting *counting, const caas_grouping *grouping)
{
	const char *sample =
		counting->percent >= 100
			? ""
			: psprintf(" TABLESAMPLE pg_catalog.bernoulli (%.17g)", counting->percent);

	if (SPI_execute(
			psprintf("SELECT (%s)::pg_catalog.text, (%s)::pg_catalog.int4, coalesce(%s, false), "
					 "coalesce(%s, false), pg_catalog.count(*) FROM ONLY %s AS " CAAS_ROW
					 "%s GROUP BY 1, 2, 3, 4",
					 grouping->found, grouping->generation, grouping->plaintext,
					 grouping->unprotected, caas_table_name(RelationGetRelid(counting->relation)),
					 sample),
			true, 0) != SPI_OK_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot count rows"), caas_hide()));
}

/* ---- what was counted ---- */

/* One group of rows. */
typedef struct caas_group
{
	const char *found; /* or NULL */
	bool		has_generation;
	int			generation;
	bool		plaintext;
	bool		unprotected;
	int64		rows;
} caas_group;

static caas_group
read_group(uint64 row)
{
	HeapTuple  tuple = SPI_tuptable->vals[row];
	TupleDesc  desc = SPI_tuptable->tupdesc;
	bool	   is_null;
	caas_group group = {.found = SPI_getvalue(tuple, desc, 1)};

	group.generation = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &is_null));
	group.has_generation = !is_null;
	group.plaintext = DatumGetBool(SPI_getbinval(tuple, desc, 3, &is_null));
	group.unprotected = DatumGetBool(SPI_getbinval(tuple, desc, 4, &is_null));
	group.rows = DatumGetInt64(SPI_getbinval(tuple, desc, 5, &is_null));
	return group;
}

/* The sums over a column. */
typedef struct caas_count
{
	int64 rows, nulls, plaintext, unprotected, protected, unopenable, wrong_index, wrong_shape;
	StringInfoData generations; /* members of a JSON object */
} caas_count;

static void
add_group(caas_count *count, const caas_group *group, bool in_place)
{
	count->rows += group->rows;
	count->plaintext += group->plaintext ? group->rows : 0;
	count->unprotected += group->unprotected ? group->rows : 0;
	if (group->found == NULL)
		count->nulls += group->rows;
	else if (strcmp(group->found, "unopenable") == 0)
		count->unopenable += group->rows;
	else if (strcmp(group->found, "wrong index") == 0)
		count->wrong_index += group->rows;
	else if (strcmp(group->found, "wrong shape") == 0)
		count->wrong_shape += in_place ? 0 : group->rows; /* in place it is plaintext */
	else
		count->protected += group->rows;
}

/* Adds the generations, each once: the groups are few. */
static void
add_generations(caas_count *count, int ngroups, const caas_group *groups)
{
	for (int i = 0; i < ngroups; i++)
	{
		int64 rows = 0;
		bool  is_first = true;

		for (int j = 0; j < ngroups; j++)
			if (groups[j].has_generation && groups[j].generation == groups[i].generation)
			{
				is_first = is_first && j >= i;
				rows += groups[j].rows;
			}
		if (groups[i].has_generation && is_first)
			appendStringInfo(&count->generations, "%s\"%d\": " INT64_FORMAT,
							 count->generations.len > 0 ? ", " : "", groups[i].generation, rows);
	}
}

static caas_group *
read_groups(int *ngroups)
{
	caas_group *groups = palloc(sizeof(caas_group) * Max(SPI_processed, 1));

	*ngroups = (int)SPI_processed;
	for (int i = 0; i < *ngroups; i++)
		groups[i] = read_group(i);
	SPI_freetuptable(SPI_tuptable);
	return groups;
}

/* The upper limit of the share of bad rows, with 95 per cent confidence (Wilson's score interval).
 */
static double
share_at_most(double bad, double rows)
{
	const double z = 1.6448536269514722;
	double		 share;

	if (rows <= 0)
		return 1;
	share = bad / rows;
	return Min(1, (share + z * z / (2 * rows) +
				   z * sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))) /
					  (1 + z * z / rows));
}

/* ---- caas_check ---- */

#define CHECK_COLUMNS 14

static void
put_count(ReturnSetInfo *result, const caas_counting *counting, const caas_declaration *declaration,
		  const caas_count *count)
{
	int64 bad = (declaration->keep || declaration->expression != NULL ? count->unprotected
																	  : count->plaintext) +
				count->unopenable + count->wrong_index + count->wrong_shape;
	bool	 exact = counting->percent >= 100;
	NameData name;
	Datum	 values[CHECK_COLUMNS] = {
		   ObjectIdGetDatum(RelationGetRelid(counting->relation)),
		   NameGetDatum(&name),
		   CStringGetTextDatum(caas_declared_kind_name(declaration)),
		   Int64GetDatum(count->rows),
		   Int64GetDatum(count->nulls),
		   Int64GetDatum(count->plaintext),
		   Int64GetDatum(count->unprotected),
		   Int64GetDatum(count->protected),
		   Int64GetDatum(count->unopenable),
		   Int64GetDatum(count->wrong_index),
		   Int64GetDatum(count->wrong_shape),
		   DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{%s}", count->generations.data))),
		   BoolGetDatum(exact),
		   Float8GetDatum(share_at_most((double)bad, (double)count->rows)),
	   };
	bool nulls[CHECK_COLUMNS] = {false};

	namestrcpy(&name, declaration->target);
	nulls[CHECK_COLUMNS - 1] = exact;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
check_column(ReturnSetInfo *result, const caas_counting *counting,
			 const caas_declaration *declaration)
{
	caas_count	  count = {0};
	caas_grouping grouping;
	caas_group	 *groups;
	int			  ngroups;

	if (!declaration->usable)
		refuse_problem(counting->relation, declaration);
	initStringInfo(&count.generations);
	grouping = group(counting, declaration);
	count_rows(counting, &grouping);
	groups = read_groups(&ngroups);
	for (int i = 0; i < ngroups; i++)
		add_group(&count, &groups[i], declaration->in_place);
	add_generations(&count, ngroups, groups);
	put_count(result, counting, declaration, &count);
}

static double
percent_argument(FunctionCallInfo fcinfo)
{
	double percent = PG_GETARG_FLOAT8(1);

	if (!(percent > 0 && percent <= 100))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("sample_percent must be above 0 and at most 100"), caas_hide()));
	return percent;
}

static void
connect_spi(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot run a query"), caas_hide()));
}

/* Nothing is known of the rows that another server stores. */
static void
refuse_foreign_table(Relation relation)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("%s is a foreign table, whose rows caas_check does not read",
						   caas_table_name(RelationGetRelid(relation))),
					errhint("Check the rows on the server that stores them, and each of the other "
							"partitions here."),
					caas_hide()));
}

static void
check_table(ReturnSetInfo *result, const caas_counting *counting)
{
	Relation  relation = counting->relation;
	char	  kind = relation->rd_rel->relkind;
	List	 *declarations;
	ListCell *cell;

	if (RELATION_IS_OTHER_TEMP(relation) ||
		(kind != RELKIND_RELATION && kind != RELKIND_FOREIGN_TABLE))
		return;
	declarations = caas_table_declarations(relation);
	if (kind == RELKIND_FOREIGN_TABLE && declarations != NIL)
		refuse_foreign_table(relation);
	if (kind == RELKIND_RELATION)
		caas_require_all_rows(relation);
	foreach (cell, declarations)
		check_column(result, counting, lfirst(cell));
}

/* The table, its partitions and its children, locked. */
static List *
tables_below(Oid root)
{
	LockRelationOid(root, AccessShareLock);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(root)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table does not exist"),
						errhint("It may have been dropped meanwhile."), caas_hide()));
	return find_all_inheritors(root, AccessShareLock, NULL);
}

/* The declarations of shards can differ from those of the table. */
static void
refuse_distributed(Oid root, const char *schema)
{
	if (get_rel_name(root) == NULL)
		return;
	caas_refuse_distributed(
		root, "caas_check()",
		psprintf("Check the shards: %s",
				 caas_over_shards(root, psprintf("SELECT pg_catalog.json_agg(c) FROM "
												 "%s.caas_check(%%L::pg_catalog.regclass) c",
												 schema))));
}

/* caas_check(relation regclass, sample_percent double precision) returns setof record */
PG_FUNCTION_INFO_V1(caas_sql_check);
Datum
caas_sql_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = caas_rows_begin(fcinfo, CHECK_COLUMNS);
	caas_counting  counting = {.percent = percent_argument(fcinfo),
							   .active = caas_active_generation(),
							   .schema = caas_extension_schema(fcinfo)};
	ListCell	  *table;

	refuse_distributed(PG_GETARG_OID(0), counting.schema);
	connect_spi();
	foreach (table, tables_below(PG_GETARG_OID(0)))
	{
		counting.relation = relation_open(lfirst_oid(table), NoLock);
		check_table(result, &counting);
		relation_close(counting.relation, NoLock);
	}
	SPI_finish();
	return (Datum)0;
}
