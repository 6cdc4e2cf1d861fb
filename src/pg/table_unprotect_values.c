/*
 * table_unprotect_values.c - opens the values of a table that returns to plaintext, and refuses the
 * result where one would be lost.
 */
#include "table_unprotect.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* ---- the expressions ---- */

/* The user of a row, as an argument of caas_open(). */
static const char *
user_expression(Relation relation, const caas_definition *definition, const char *schema)
{
	const char *id = quote_identifier(definition->id.text);
	Oid			type;

	if (definition->id_namespace == NULL)
		return id;
	type =
		getBaseType(TupleDescAttr(RelationGetDescr(relation), definition->id.number - 1)->atttypid);
	return psprintf("%s.caas_uuid(%s, %s::pg_catalog.%s)", schema,
					quote_literal_cstr(definition->id_namespace), id,
					type == INT2OID || type == INT4OID || type == INT8OID ? "int8" : "text");
}

/*
 * Sets the expressions for the type of the source. A text is assigned without a cast, so
 * that one that has become too long for the column is an error and is not cut; the
 * other types are read from their text, without a length.
 */
void
caas_returning_set(caas_returning *column, Relation relation, const caas_definition *definition,
				   const char *schema)
{
	const caas_argument *argument = column->argument;
	caas_opening		 opening = {.relation = relation, .own = definition};
	caas_attribute		 attribute = caas_open_attribute(&opening, argument->source.number,
														 caas_part_of_source(definition->kind, argument));
	Oid					 type = getBaseType(
						 TupleDescAttr(RelationGetDescr(relation), argument->source.number - 1)->atttypid);
	bool is_bytea = attribute.kind == CAAS_VALUE_BYTEA;

	column->opened =
		psprintf("%s.%s(%s, %s, %s)", schema, is_bytea ? "caas_open_bytea" : "caas_open",
				 user_expression(relation, definition, schema), column->target,
				 quote_literal_cstr(argument->context));
	column->value = column->opened;
	if (attribute.kind == CAAS_VALUE_BOOLEAN || attribute.kind == CAAS_VALUE_OUTPUT)
		column->value = psprintf(
			"CAST(%s AS %s)", column->opened,
			format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	if (is_bytea)
		column->shown = column->source;
	else if (attribute.kind == CAAS_VALUE_BOOLEAN)
		column->shown = psprintf("CASE WHEN %s THEN 'true' ELSE 'false' END", column->source);
	else if (attribute.kind == CAAS_VALUE_TEXT)
		column->shown = psprintf("%s::text", column->source);
	else
		column->shown = psprintf("format('%%s', %s)", column->source);
}

/* ---- the statement ---- */

static const char *
from_table(Oid table)
{
	return psprintf("%s%s", get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					caas_table_name(table));
}

void
caas_release_add_update(caas_release *release, Oid table)
{
	StringInfoData set;
	StringInfoData where;
	ListCell	  *cell;

	initStringInfo(&set);
	initStringInfo(&where);
	foreach (cell, release->returning)
	{
		const caas_returning *column = lfirst(cell);

		if (column->table != table || !column->is_sealed)
			continue;
		appendStringInfo(&set, "%s%s = COALESCE(%s, %s)", set.len > 0 ? ", " : "", column->source,
						 column->source, column->value);
		appendStringInfo(&where, "%s(%s IS NULL AND %s IS NOT NULL)", where.len > 0 ? " OR " : "",
						 column->source, column->target);
	}
	if (set.len > 0)
		caas_plan_add(
			&release->plan, CAAS_STATEMENT,
			psprintf("UPDATE %s SET %s WHERE %s", from_table(table), set.data, where.data),
			"It opens every sealed value, and needs the API key and EXECUTE on caas_open().");
}

/* ---- the result ---- */

/*
 * Refuses the result unless each protected value is in its source: a rule or a trigger
 * may have kept the UPDATE from a row, and a type may not have taken the text as it was.
 */
static void
require_values(const caas_returning *column)
{
	const char *query = psprintf(
		"SELECT 1 FROM %s WHERE %s IS NOT NULL AND (%s IS NULL%s) LIMIT 1",
		from_table(column->table), column->target, column->source,
		column->is_sealed ? psprintf(" OR %s IS DISTINCT FROM %s", column->shown, column->opened)
						  : "");

	if (caas_query(query, 0, NULL, NULL) != NIL)
		ereport(
			ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("a value of column \"%s\" of relation \"%s\" would be lost",
					column->argument->source.text, get_rel_name(column->table)),
			 errdetail("A row has a protected value, and its column is null or has another one."),
			 errhint(column->is_sealed
						 ? "Look for a rule or trigger that changes or skips the row, and for a "
						   "column of a shorter type. Where the column has the newer value, "
						   "UPDATE .. SET %s = %s protects it first."
						 : "The option keep was added later: these rows have a digest alone.",
					 column->source, column->source),
			 caas_hide()));
}

static void
set_fixed(const char *setting, const char *value)
{
	(void)set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							false);
}

/* The texts of values are those that were sealed under the settings of trigger_types.c alone. */
static void
require_all_values(const caas_release *release)
{
	int		  level = caas_begin_queries();
	ListCell *cell;

	set_fixed("DateStyle", "ISO");
	set_fixed("IntervalStyle", "postgres");
	set_fixed("TimeZone", "UTC");
	set_fixed("extra_float_digits", "1");
	set_fixed("bytea_output", "hex");
	foreach (cell, release->returning)
		require_values(lfirst(cell));
	caas_end_queries(level);
}

/* ---- running the plan ---- */

/* Raises a data error anew, without the value that it may have in its message. */
static void
hide_value(MemoryContext caller, const char *table)
{
	ErrorData *error;
	int		   category;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
	if (error->hide_stmt ||
		(category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION))
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("a value of relation \"%s\" cannot be stored as plaintext", table),
			 error->constraint_name != NULL
				 ? errdetail("Constraint \"%s\" refuses it.", error->constraint_name)
				 : errdetail("The type of a column does not take it."),
			 errhint("Change the column, or drop the constraint, and call caas_unprotect() again."),
			 caas_hide()));
}

/*
 * The statements run with the search_path of the caller, since the UPDATE fires the
 * table's other triggers; they name everything with its schema, and no operator. Row
 * security is off, which fails where a policy would hide a row.
 */
void
caas_release_run(const caas_release *release)
{
	MemoryContext caller = CurrentMemoryContext;
	int			  level = NewGUCNestLevel();

	set_fixed("row_security", "off");
	PG_TRY();
	{
		caas_plan_run(&release->plan);
	}
	PG_CATCH();
	{
		hide_value(caller, get_rel_name(linitial_oid(release->tables)));
	}
	PG_END_TRY();
	AtEOXact_GUC(false, level);
	require_all_values(release);
}
