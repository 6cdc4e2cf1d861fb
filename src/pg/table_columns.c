/*
 * table_columns.c - caas_columns(): what is protected, as rows.
 */
#include "rows.h"
#include "table.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

static Datum
name_or_null(const char *name, bool *is_null)
{
	NameData *copy;

	*is_null = name == NULL;
	if (name == NULL)
		return (Datum)0;
	copy = palloc0(NAMEDATALEN);
	namestrcpy(copy, name);
	return NameGetDatum(copy);
}

static Datum
text_or_null(const char *text, bool *is_null)
{
	*is_null = text == NULL;
	return text == NULL ? (Datum)0 : CStringGetTextDatum(text);
}

static Datum
options(const caas_declaration *declaration)
{
	Datum names[3];
	int	  count = 0;

	if (declaration->keep)
		names[count++] = CStringGetTextDatum("keep");
	if (declaration->keeps_digests)
		names[count++] = CStringGetTextDatum("digests=keep");
	if (declaration->takes_anything)
		names[count++] = CStringGetTextDatum("digests=plaintext");
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The normalisation of the blind index; NULL where there is none. */
static const char *
normalization(const caas_declaration *declaration)
{
	bool has_index = declaration->kind == CAAS_DECLARED_INDEX ||
					 (declaration->kind == CAAS_DECLARED_SEALED && declaration->companion != NULL);

	return has_index ? caas_normalization_name(declaration->normalization) : NULL;
}

#define COLUMNS 15

static void
put_declaration(ReturnSetInfo *result, Oid relation, const caas_declaration *declaration)
{
	static const char *const declared_by[] = {"trigger", "generated column", "label"};
	Datum					 values[COLUMNS];
	bool					 nulls[COLUMNS] = {false};
	int						 i = 0;

	values[i++] = ObjectIdGetDatum(relation);
	values[i++] = CStringGetTextDatum(caas_declared_kind_name(declaration));
	values[i++] = BoolGetDatum(declaration->in_place);
	values[i] = name_or_null(declaration->id, &nulls[i]), i++;
	values[i] = text_or_null(declaration->id_namespace, &nulls[i]), i++;
	values[i] = name_or_null(declaration->source, &nulls[i]), i++;
	values[i] = name_or_null(declaration->target, &nulls[i]), i++;
	values[i] = name_or_null(declaration->companion, &nulls[i]), i++;
	values[i] = text_or_null(declaration->context, &nulls[i]), i++;
	values[i] = text_or_null(normalization(declaration), &nulls[i]), i++;
	values[i++] = options(declaration);
	values[i++] = CStringGetTextDatum(declared_by[declaration->by]);
	values[i] = name_or_null(declaration->trigger, &nulls[i]), i++;
	values[i++] = BoolGetDatum(declaration->enabled);
	values[i] = text_or_null(declaration->problem, &nulls[i]), i++;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_locked(ReturnSetInfo *result, Oid relation)
{
	Datum values[COLUMNS] = {ObjectIdGetDatum(relation)};
	bool  nulls[COLUMNS];

	memset(nulls, true, sizeof nulls);
	nulls[0] = false;
	values[COLUMNS - 1] = CStringGetTextDatum(
		"The table is locked by another session, so what it declares is not known.");
	nulls[COLUMNS - 1] = false;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * caas_table_columns(relation oid) returns setof record. Waits for no lock, so that
 * nobody stops the reports of all others. Returns no row for a relation that does not
 * exist any more, since the view caas_columns names all of pg_class, nor for a
 * temporary table of another session.
 */
PG_FUNCTION_INFO_V1(caas_sql_table_columns);
Datum
caas_sql_table_columns(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = caas_rows_begin(fcinfo, COLUMNS);
	bool		   is_locked;
	Relation	   relation = caas_open_now(PG_GETARG_OID(0), &is_locked);
	ListCell	  *cell;

	if (is_locked)
		put_locked(result, PG_GETARG_OID(0));
	if (relation == NULL)
		return (Datum)0;
	foreach (cell, caas_table_declarations(relation))
		put_declaration(result, RelationGetRelid(relation), lfirst(cell));
	relation_close(relation, AccessShareLock);
	return (Datum)0;
}
