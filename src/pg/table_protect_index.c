/*
 * table_protect_index.c - which indexes the column of a blind index gets.
 *
 * A unique index over the source becomes a unique index over the blind index. It is
 * partial: a row without a value has no index, and a plain UNIQUE would make rows of
 * referencing tables wait for each other.
 */
#include "table_protect.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "nodes/bitmapset.h"
#include "nodes/makefuncs.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

/* Returns the argument of which the column is the source, or NULL. */
static const caas_argument *
argument_of(const caas_protection *protection, const char *column)
{
	ListCell *cell;

	foreach (cell, protection->definitions)
	{
		const caas_definition *definition = lfirst(cell);

		for (int i = 0; i < definition->narguments; i++)
			if (strcmp(definition->arguments[i].source.text, column) == 0)
				return &definition->arguments[i];
	}
	return NULL;
}

/* The column that a key of the new index has in place of this one; NULL where there is none. */
static const char *
counterpart(const caas_protection *protection, const char *column)
{
	const caas_argument *argument = argument_of(protection, column);

	if (argument == NULL)
		return column;
	return argument->context != NULL ? argument->companion.text : NULL;
}

static bool
reads_source(const caas_protection *protection, Relation table, List *expressions)
{
	Bitmapset *columns = NULL;
	int		   column = -1;

	pull_varattnos((Node *)expressions, 1, &columns);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		AttrNumber number = (AttrNumber)(column + FirstLowInvalidHeapAttributeNumber);

		if (number > 0 &&
			argument_of(protection, get_attname(RelationGetRelid(table), number, false)) != NULL)
			return true;
	}
	return false;
}

/* Takes "source IS NOT NULL" off: the new index has the same condition over its own column. */
static List *
without_not_null(Relation table, List *conditions, const caas_argument *argument)
{
	AttrNumber number = get_attnum(RelationGetRelid(table), argument->source.text);
	List	  *others = NIL;
	ListCell  *cell;

	foreach (cell, conditions)
	{
		const NullTest *test = lfirst(cell);

		if (!(IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL && IsA(test->arg, Var) &&
			  ((const Var *)test->arg)->varattno == number))
			others = lappend(others, lfirst(cell));
	}
	return others;
}

/* True for an index over one expression, of the source alone. */
static bool
is_over_source(const caas_argument *argument, Relation table, Relation index)
{
	Bitmapset *columns = NULL;
	int		   source = get_attnum(RelationGetRelid(table), argument->source.text) -
				 FirstLowInvalidHeapAttributeNumber;

	if (index->rd_index->indnkeyatts != 1 || index->rd_index->indkey.values[0] != 0)
		return false;
	pull_varattnos((Node *)RelationGetIndexExpressions(index), 1, &columns);
	return bms_membership(columns) == BMS_SINGLETON && bms_is_member(source, columns);
}

/* Returns the columns of the new index, as SQL, or NULL for an index that is not over the source.
 */
static const char *
key_columns(const caas_protection *protection, const caas_argument *argument, Relation table,
			Relation index)
{
	StringInfoData columns;
	bool		   has_source = false;

	if (is_over_source(argument, table, index))
		return quote_identifier(argument->companion.text);
	initStringInfo(&columns);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber	number = index->rd_index->indkey.values[i];
		const char *name = number > 0 ? get_attname(RelationGetRelid(table), number, false) : NULL;
		const char *own = name == NULL ? NULL : counterpart(protection, name);

		if (own == NULL)
			return NULL;
		has_source = has_source || strcmp(name, argument->source.text) == 0;
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "", quote_identifier(own));
	}
	return has_source ? columns.data : NULL;
}

/* Returns the columns and the condition of a unique index that takes the place of this one, or
 * NULL. */
static const char *
unique_index(const caas_protection *protection, const caas_argument *argument, Relation table,
			 Relation index)
{
	const char *keys;
	List	   *conditions;
	const char *companion = quote_identifier(argument->companion.text);
	const char *more = "";

	if (!index->rd_index->indisunique || !index->rd_index->indisvalid)
		return NULL;
	keys = key_columns(protection, argument, table, index);
	conditions = without_not_null(table, RelationGetIndexPredicate(index), argument);
	if (keys == NULL || reads_source(protection, table, conditions))
		return NULL;
	if (conditions != NIL)
		more = psprintf(" AND %s",
						deparse_expression((Node *)make_ands_explicit(conditions),
										   deparse_context_for(RelationGetRelationName(table),
															   RelationGetRelid(table)),
										   false, false));
	return psprintf("(%s) WHERE %s IS NOT NULL%s", keys, companion, more);
}

static bool
has_own_index(Relation table, const caas_argument *argument, bool is_unique)
{
	bool	  found = false;
	ListCell *cell;

	foreach (cell, RelationGetIndexList(table))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indkey.values[0] == argument->companion.number &&
			argument->companion.number != InvalidAttrNumber && index->rd_index->indisvalid &&
			(index->rd_index->indisunique || !is_unique))
			found = true;
		index_close(index, NoLock);
	}
	return found;
}

/* CREATE INDEX CONCURRENTLY is not for a function, nor for a partitioned table. */
static void
add_index(caas_protection *protection, Oid table, const char *what, const char *columns)
{
	const char *name = caas_table_name(table);
	ListCell   *cell;

	if (!protection->has_rows)
	{
		caas_plan_add(&protection->plan, CAAS_STATEMENT,
					  psprintf("CREATE %s ON %s %s", what, name, columns), NULL);
		return;
	}
	if (get_rel_relkind(table) != RELKIND_PARTITIONED_TABLE)
	{
		caas_plan_add(&protection->plan, CAAS_BY_HAND,
					  psprintf("CREATE %s CONCURRENTLY ON %s %s", what, name, columns),
					  "Before the backfill, in a transaction of its own.");
		return;
	}
	foreach (cell, protection->all)
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_RELATION)
			caas_plan_add(&protection->plan, CAAS_BY_HAND,
						  psprintf("CREATE %s CONCURRENTLY ON %s %s", what,
								   caas_table_name(lfirst_oid(cell)), columns),
						  "Before the backfill, in a transaction of its own.");
	caas_plan_add(&protection->plan, CAAS_BY_HAND,
				  psprintf("CREATE %s ON %s %s", what, name, columns),
				  "After those of the partitions, which become its parts.");
}

/* For one table: a unique index for each one over the source, or else a plain one. */
static void
add_indexes(caas_protection *protection, const caas_argument *argument, Oid oid)
{
	Relation	table = table_open(oid, NoLock);
	const char *companion = quote_identifier(argument->companion.text);
	List	   *created = NIL;
	ListCell   *cell;

	foreach (cell, RelationGetIndexList(table))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		const char *columns = unique_index(protection, argument, table, index);
		ListCell   *other;

		index_close(index, NoLock);
		foreach (other, created)
			if (columns != NULL && strcmp(lfirst(other), columns) == 0)
				columns = NULL;
		if (columns == NULL)
			continue;
		created = lappend(created, (char *)columns);
		if (!has_own_index(table, argument, true))
			add_index(protection, oid, "UNIQUE INDEX", columns);
	}
	if (created == NIL && !has_own_index(table, argument, false))
		add_index(protection, oid, "INDEX",
				  psprintf("(%s) WHERE %s IS NOT NULL", companion, companion));
	table_close(table, NoLock);
}

void
caas_protect_index(caas_protection *protection, const caas_argument *argument)
{
	ListCell *cell;

	foreach (cell, protection->members)
		add_indexes(protection, argument, lfirst_oid(cell));
}
