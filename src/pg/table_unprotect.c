/*
 * table_unprotect.c - caas_unprotect() and caas_unprotect_plan(): the way back to plaintext.
 *
 * No value may be lost on it: the table is locked first, every sealed value is
 * opened, and the whole call fails where one does not open or is not what the column
 * holds in the end.
 */
#include "table_unprotect.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static bool
is_named(const List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* ---- what cannot come back ---- */

static void
refuse_digest(Relation relation, const caas_argument *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("column \"%s\" of relation \"%s\" holds no plaintext to return to",
					argument->source.text, RelationGetRelationName(relation)),
			 errdetail("Digests are one-way. Only the option keep leaves the plaintext."),
			 errhint("Restore the column from a backup, or go on with the digests."), caas_hide()));
}

static void
require_context(Relation relation, const Trigger *trigger, const caas_argument *argument)
{
	if (argument->context == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of relation \"%s\" names no context for column \"%s\"",
						trigger->tgname, RelationGetRelationName(relation), argument->source.text),
				 errhint("Create the trigger anew with the context of its values first."),
				 caas_hide()));
}

static void
refuse_clone(Relation relation, const Trigger *trigger)
{
	if (OidIsValid(caas_trigger_parent(trigger->tgoid)))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("trigger \"%s\" of \"%s\" belongs to the partitioned table",
							   trigger->tgname, RelationGetRelationName(relation)),
						errhint("Call caas_unprotect() for the partitioned table."), caas_hide()));
}

/* The trigger of a parent refuses rows of a child that has none. */
static void
refuse_protected_parent(const caas_release *release)
{
	static const char query[] =
		"SELECT i.inhparent FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE "
		"i.inhrelid = $1 AND NOT c.relispartition";
	Oid		  types[] = {OIDOID};
	Datum	  parameters[] = {ObjectIdGetDatum(RelationGetRelid(release->relation))};
	ListCell *cell;

	foreach (cell, caas_query(query, lengthof(types), types, parameters))
	{
		Relation parent = table_open(
			DatumGetObjectId(DirectFunctionCall1(oidin, CStringGetDatum((char *)lfirst(cell)))),
			AccessShareLock);
		const TriggerDesc *triggers = CopyTriggerDesc(parent->trigdesc);

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
			if (caas_kind_of_function(triggers->triggers[i].tgfoid) != NULL)
				ereport(ERROR,
						(errcode(ERRCODE_WRONG_OBJECT_TYPE),
						 errmsg("\"%s\" is an inheritance child of \"%s\", which is protected",
								RelationGetRelationName(release->relation),
								RelationGetRelationName(parent)),
						 errhint("Call caas_unprotect() for the parent."), caas_hide()));
		table_close(parent, AccessShareLock);
	}
}

/* ---- which triggers and columns ---- */

static void
add_returning(caas_release *release, Relation relation, const caas_definition *definition,
			  const caas_argument *argument)
{
	caas_returning *column = palloc0(sizeof *column);

	column->table = RelationGetRelid(relation);
	column->argument = argument;
	column->is_sealed = definition->kind->is_seal;
	if (!column->is_sealed && !argument->keep)
		refuse_digest(relation, argument);
	column->source = quote_identifier(argument->source.text);
	column->target = quote_identifier(argument->target.text);
	if (column->is_sealed)
	{
		require_context(relation, definition->trigger, argument);
		caas_returning_set(column, relation, definition, release->schema);
	}
	release->returning = lappend(release->returning, column);
}

/* An INSERT and an UPDATE trigger share their columns, which come back once. */
static bool
is_returning(const caas_release *release, Oid table, const char *source)
{
	ListCell *cell;

	foreach (cell, release->returning)
	{
		const caas_returning *column = lfirst(cell);

		if (column->table == table && strcmp(column->argument->source.text, source) == 0)
			return true;
	}
	return false;
}

/* Replaces a trigger by one without these columns, or drops it. */
static void
replace_trigger(caas_release *release, Relation relation, const caas_definition *definition)
{
	const Trigger *trigger = definition->trigger;
	const char	  *table = caas_table_name(RelationGetRelid(relation));
	const char	  *name = quote_identifier(trigger->tgname);
	bool both = TRIGGER_FOR_INSERT(trigger->tgtype) && TRIGGER_FOR_UPDATE(trigger->tgtype);
	int	 left = 0;
	StringInfoData arguments;

	initStringInfo(&arguments);
	appendStringInfoString(&arguments, quote_literal_cstr(trigger->tgargs[0]));
	for (int i = 0; i < definition->narguments; i++)
	{
		if (is_named(release->sources, definition->arguments[i].source.text))
			continue;
		appendStringInfo(&arguments, ", %s", quote_literal_cstr(trigger->tgargs[i + 1]));
		left++;
	}
	if (left == definition->narguments)
		return;
	if (left == 0)
	{
		caas_plan_add(&release->plan, CAAS_STATEMENT,
					  psprintf("DROP TRIGGER %s ON %s", name, table), NULL);
		return;
	}
	caas_plan_add(
		&release->plan, CAAS_STATEMENT,
		psprintf("CREATE OR REPLACE TRIGGER %s BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION "
				 "%s.%s(%s)",
				 name,
				 both								   ? "INSERT OR UPDATE"
				 : TRIGGER_FOR_INSERT(trigger->tgtype) ? "INSERT"
													   : "UPDATE",
				 table, quote_identifier(get_namespace_name(get_func_namespace(trigger->tgfoid))),
				 quote_identifier(get_func_name(trigger->tgfoid)), arguments.data),
		NULL);
	if (trigger->tgenabled != TRIGGER_FIRES_ON_ORIGIN)
		caas_plan_add(&release->plan, CAAS_STATEMENT,
					  psprintf("ALTER TABLE %s %s TRIGGER %s", table,
							   trigger->tgenabled == TRIGGER_FIRES_ALWAYS		? "ENABLE ALWAYS"
							   : trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA ? "ENABLE REPLICA"
																				: "DISABLE",
							   name),
					  NULL);
}

/* Drops the constraints that the table does not have from a parent. */
static void
drop_guards(caas_release *release, Relation relation, const caas_argument *argument)
{
	static const char query[] =
		"SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1 "
		"AND conname::text = ANY ($2) AND contype = 'c' AND conislocal ORDER BY conname";
	Oid		  types[] = {OIDOID, TEXTARRAYOID};
	Datum	  parameters[] = {ObjectIdGetDatum(RelationGetRelid(relation)),
							  caas_text_array(caas_guards(relation, argument, true))};
	ListCell *cell;

	foreach (cell, caas_query_rows(query, lengthof(types), types, parameters))
	{
		const char **constraint = lfirst(cell);

		caas_plan_add(&release->plan, CAAS_STATEMENT,
					  psprintf("ALTER TABLE %s DROP CONSTRAINT %s",
							   caas_table_name(RelationGetRelid(relation)), constraint[0]),
					  psprintf("It was %s.", constraint[1]));
	}
}

/* Adds what one table needs before its rows are updated. */
static void
release_trigger(caas_release *release, Relation relation, const Trigger *trigger)
{
	const caas_trigger_kind *kind = caas_kind_of_function(trigger->tgfoid);
	const caas_definition	*definition;
	Oid						 table = RelationGetRelid(relation);

	if (kind == NULL)
		return;
	definition = caas_parse_definition(relation, trigger, kind);
	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *argument = &definition->arguments[i];

		if (!is_named(release->sources, argument->source.text) ||
			is_returning(release, table, argument->source.text))
			continue;
		if (table == RelationGetRelid(release->relation))
			refuse_clone(relation, trigger);
		drop_guards(release, relation, argument);
		add_returning(release, relation, definition, argument);
	}
	if (!OidIsValid(caas_trigger_parent(trigger->tgoid)))
		replace_trigger(release, relation, definition);
}

static void
release_table(caas_release *release, Oid table)
{
	Relation		   relation = table_open(table, NoLock);
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		release_trigger(release, relation, &triggers->triggers[i]);
	table_close(relation, NoLock);
}

static void
require_protected(const caas_release *release)
{
	ListCell *cell;

	foreach (cell, release->sources)
		if (!is_returning(release, RelationGetRelid(release->relation), lfirst(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("no trigger of caas protects column \"%s\" of relation \"%s\"",
							(char *)lfirst(cell), RelationGetRelationName(release->relation)),
					 errhint("Name the columns that statements write plaintext into."),
					 caas_hide()));
}

/* A partitioned table is updated as a whole, every other one by itself. */
static bool
is_updated_by_itself(const caas_release *release, Oid table)
{
	return table == RelationGetRelid(release->relation) ||
		   release->relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE;
}

/* ---- what is done by hand ---- */

static List *
protected_columns(const caas_returning *column)
{
	List *names = list_make1((char *)column->argument->target.text);

	return column->argument->companion.text == NULL
			   ? names
			   : lappend(names, (char *)column->argument->companion.text);
}

static void
add_by_hand(caas_release *release, const char *statement)
{
	caas_plan_add(&release->plan, CAAS_BY_HAND, statement,
				  "When no program reads the protected values any more.");
}

/* Indexes would go with their columns; dropped before, they stop no reader. */
static void
add_index_drops(caas_release *release, const caas_returning *column)
{
	static const char query[] =
		"SELECT CASE WHEN k.conname IS NOT NULL THEN format('ALTER TABLE %s DROP CONSTRAINT %I', "
		"i.indrelid::regclass, k.conname) ELSE format('DROP INDEX %s%s', CASE c.relkind WHEN 'I' THEN "
		"'' ELSE 'CONCURRENTLY ' END, i.indexrelid::regclass) END FROM pg_index i JOIN pg_attribute a "
		"ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) LEFT JOIN pg_constraint k ON "
		"k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') JOIN pg_class c ON c.oid = "
		"i.indexrelid WHERE i.indrelid = $1 AND a.attname::text = ANY ($2) AND NOT c.relispartition "
		"GROUP BY 1 ORDER BY 1";
	Oid		  types[] = {OIDOID, TEXTARRAYOID};
	Datum	  parameters[] = {ObjectIdGetDatum(column->table),
							  caas_text_array(protected_columns(column))};
	ListCell *cell;

	foreach (cell, caas_query(query, lengthof(types), types, parameters))
		add_by_hand(release, lfirst(cell));
}

/* Partitions and inheritance children lose the columns with their table. */
static void
add_column_drops(caas_release *release, const caas_returning *column)
{
	ListCell *cell;

	if (column->table != RelationGetRelid(release->relation))
		return;
	foreach (cell, protected_columns(column))
		add_by_hand(release,
					psprintf("ALTER TABLE %s DROP COLUMN %s", caas_table_name(column->table),
							 quote_identifier(lfirst(cell))));
}

/* ---- the functions ---- */

static void
make_plan(caas_release *release)
{
	ListCell *cell;

	refuse_protected_parent(release);
	foreach (cell, release->tables)
		release_table(release, lfirst_oid(cell));
	require_protected(release);
	caas_plan_add(&release->plan, CAAS_FINDING, NULL,
				  "The plaintext will be in the table, in WAL, on replicas and in backups again.");
	foreach (cell, release->tables)
		if (is_updated_by_itself(release, lfirst_oid(cell)))
			caas_release_add_update(release, lfirst_oid(cell));
	foreach (cell, release->returning)
		add_index_drops(release, lfirst(cell));
	foreach (cell, release->returning)
		add_column_drops(release, lfirst(cell));
}

/* The lock is kept until the end of the transaction; the relation must be closed for ALTER TABLE.
 */
static caas_release
begin_release(FunctionCallInfo fcinfo, LOCKMODE lock)
{
	caas_release release = {.sources = caas_array_elements(PG_GETARG_ARRAYTYPE_P(1), NAMEOID)};
	int			 level;

	release.relation = table_open(PG_GETARG_OID(0), lock);
	caas_require_table(release.relation, "caas_unprotect");
	caas_refuse_distributed(RelationGetRelid(release.relation), "caas_unprotect()",
							"Call undistribute_table() first.");
	release.schema = caas_extension_schema(fcinfo);
	release.tables = find_all_inheritors(PG_GETARG_OID(0), lock, NULL);
	level = caas_begin_queries();
	make_plan(&release);
	caas_end_queries(level);
	table_close(release.relation, NoLock);
	return release;
}

static bool
needs_key(const caas_release *release)
{
	ListCell *cell;

	foreach (cell, release->returning)
		if (((const caas_returning *)lfirst(cell))->is_sealed)
			return true;
	return false;
}

/* caas_unprotect_plan(relation regclass, VARIADIC sources name[]) returns table */
PG_FUNCTION_INFO_V1(caas_sql_unprotect_plan);
Datum
caas_sql_unprotect_plan(PG_FUNCTION_ARGS)
{
	caas_release release = begin_release(fcinfo, AccessShareLock);

	return caas_plan_return(fcinfo, &release.plan);
}

/* caas_unprotect(relation regclass, VARIADIC sources name[]) returns table */
PG_FUNCTION_INFO_V1(caas_sql_unprotect);
Datum
caas_sql_unprotect(PG_FUNCTION_ARGS)
{
	caas_release release;

	PreventCommandIfReadOnly("caas_unprotect()");
	caas_refuse_restricted("caas_unprotect");
	caas_require_owner(PG_GETARG_OID(0));
	release = begin_release(fcinfo, AccessExclusiveLock);
	if (needs_key(&release))
		(void)caas_gated_engine();
	caas_release_run(&release);
	return caas_plan_return(fcinfo, &release.plan);
}
