/*
 * table_protect.c - caas_protect() and caas_protect_plan(): the statements that bring protection
 * to a table that exists.
 */
#include "table_protect.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* ---- the arguments ---- */

/* A trigger as CREATE TRIGGER would make it, for the functions that take one. */
static Trigger *
planned_trigger(const caas_trigger_kind *kind, const char *id, const List *arguments)
{
	Trigger	 *trigger = palloc0(sizeof *trigger);
	ListCell *cell;

	trigger->tgname = (char *)kind->name;
	trigger->tgtype =
		TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE;
	trigger->tgenabled = TRIGGER_FIRES_ON_ORIGIN;
	trigger->tgargs = palloc((list_length(arguments) + 1) * sizeof(char *));
	trigger->tgargs[trigger->tgnargs++] = pstrdup(id);
	foreach (cell, arguments)
		trigger->tgargs[trigger->tgnargs++] = lfirst(cell);
	return trigger;
}

/* Gives a column with a context to caas_seal_trigger, and the others to caas_encrypt_trigger. */
static List *
parse_columns(Relation relation, const char *id, const List *columns)
{
	List	 *digested = NIL;
	List	 *sealed = NIL;
	List	 *definitions = NIL;
	Trigger	 *any = planned_trigger(&caas_seal_kind, id, columns);
	ListCell *cell;

	foreach (cell, columns)
	{
		if (caas_argument_has_context(relation, any, lfirst(cell)))
			sealed = lappend(sealed, lfirst(cell));
		else
			digested = lappend(digested, lfirst(cell));
	}
	if (digested != NIL || sealed == NIL)
		definitions = lappend(
			definitions,
			caas_parse_definition(relation, planned_trigger(&caas_encrypt_kind, id, digested),
								  &caas_encrypt_kind));
	if (sealed != NIL)
		definitions =
			lappend(definitions,
					caas_parse_definition(relation, planned_trigger(&caas_seal_kind, id, sealed),
										  &caas_seal_kind));
	return definitions;
}

List *
caas_protect_sources(const caas_protection *protection)
{
	List	 *sources = NIL;
	ListCell *cell;

	foreach (cell, protection->definitions)
	{
		const caas_definition *definition = lfirst(cell);

		for (int i = 0; i < definition->narguments; i++)
			sources = lappend(sources, (char *)definition->arguments[i].source.text);
	}
	return sources;
}

/* Children come before their parents, so that no protected table has a child that is not. */
static void
find_members(caas_protection *protection, LOCKMODE lock)
{
	Oid		  table = RelationGetRelid(protection->relation);
	ListCell *cell;

	protection->all = find_all_inheritors(table, lock, NULL);
	if (protection->relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		protection->members = list_make1_oid(table);
	else
		foreach (cell, protection->all)
			protection->members = lcons_oid(lfirst_oid(cell), protection->members);
}

/* ---- statements ---- */

/* Target columns that do not exist yet. Their partitions and children get them too. */
static void
add_column(caas_protection *protection, const caas_name *name, const char *type)
{
	if (name->text != NULL && name->number == InvalidAttrNumber)
		caas_plan_add(&protection->plan, CAAS_STATEMENT,
					  psprintf("ALTER TABLE %s ADD COLUMN %s %s", protection->table,
							   quote_identifier(name->text), type),
					  NULL);
}

static void
add_columns(caas_protection *protection, const caas_definition *definition)
{
	bool is_seal = definition->kind->is_seal;

	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *argument = &definition->arguments[i];

		add_column(protection, &argument->target, is_seal ? "pg_catalog.bytea" : "pg_catalog.text");
		add_column(protection, &argument->companion,
				   is_seal ? "pg_catalog.bytea" : "pg_catalog.int4");
	}
}

/* The constraint on an empty table; on a filled one it comes after the backfill. */
static void
add_guards(caas_protection *protection, const caas_definition *definition)
{
	for (int i = 0; i < definition->narguments && !protection->has_rows; i++)
	{
		const caas_argument *argument = &definition->arguments[i];

		if (!argument->keep && !caas_has_guard(protection->relation, argument))
			caas_plan_add(&protection->plan, CAAS_STATEMENT,
						  psprintf("ALTER TABLE %s ADD CHECK (%s)", protection->table,
								   caas_guard(protection->relation, argument, protection->schema)),
						  NULL);
	}
}

static bool
name_is_taken(const List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* The name with the ending, cut to what a name may be long. */
static char *
name_with(const char *name, const char *ending)
{
	int room = NAMEDATALEN - 1 - (int)strlen(ending);

	return psprintf("%.*s%s", pg_mbcliplen(name, (int)strlen(name), room), name, ending);
}

/* The triggers of the tables: all names, and the last of a trigger that is not of caas. */
static List *
trigger_names(const List *tables, const char **last)
{
	List	 *names = NIL;
	ListCell *cell;

	*last = "";
	foreach (cell, tables)
	{
		Relation		   relation = table_open(lfirst_oid(cell), NoLock);
		const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		{
			const Trigger *trigger = &triggers->triggers[i];

			names = lappend(names, trigger->tgname);
			if (!trigger->tgisinternal && strcmp(trigger->tgname, *last) > 0 &&
				caas_kind_of_function(trigger->tgfoid) == NULL)
				*last = trigger->tgname;
		}
		table_close(relation, NoLock);
	}
	return names;
}

/*
 * Triggers fire in the order of their names, and this one must be the last that may
 * set a source or an id.
 */
static const char *
choose_name(const caas_protection *protection, const caas_trigger_kind *kind)
{
	const char *ending = kind->is_seal ? "caas_seal" : "caas_encrypt";
	const char *last;
	List	   *names = trigger_names(protection->all, &last);
	const char *base = psprintf("zz_%s", ending);
	const char *name;

	if (strcmp(last, base) >= 0)
		base = name_with(last, psprintf("_%s", ending));
	name = base;
	for (int i = 2; name_is_taken(names, name); i++)
		name = name_with(base, psprintf("_%d", i));
	if (strcmp(last, name) >= 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("no name of a trigger sorts after \"%s\"", last),
			 errdetail("A trigger that may set a protected column must fire before that of caas."),
			 errhint("Rename trigger \"%s\".", last), caas_hide()));
	return name;
}

static void
add_triggers(caas_protection *protection, const caas_definition *definition)
{
	const Trigger *trigger = definition->trigger;
	const char	  *name = quote_identifier(choose_name(protection, definition->kind));
	StringInfoData arguments;
	ListCell	  *cell;

	initStringInfo(&arguments);
	for (int i = 0; i < trigger->tgnargs; i++)
		appendStringInfo(&arguments, "%s%s", i > 0 ? ", " : "",
						 quote_literal_cstr(trigger->tgargs[i]));
	foreach (cell, protection->members)
		caas_plan_add(
			&protection->plan, CAAS_STATEMENT,
			psprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE "
					 "FUNCTION %s.%s(%s)",
					 name, caas_table_name(lfirst_oid(cell)), protection->schema,
					 definition->kind->name, arguments.data),
			"It fires after the table's other BEFORE triggers.");
}

/* ---- what is done by hand ---- */

static void
add_late_guard(caas_protection *protection, const caas_argument *argument, List **names)
{
	Relation relation = protection->relation;
	char	*name;

	if (argument->keep || caas_has_guard(relation, argument))
		return;
	name = ChooseConstraintName(RelationGetRelationName(relation), argument->source.text,
								"protected", RelationGetNamespace(relation), *names);
	*names = lappend(*names, name);
	caas_plan_add(&protection->plan, CAAS_BY_HAND,
				  psprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID",
						   protection->table, quote_identifier(name),
						   caas_guard(relation, argument, protection->schema)),
				  "After the backfill: even NOT VALID it fails an UPDATE of a row that still has "
				  "plaintext.");
	caas_plan_add(&protection->plan, CAAS_BY_HAND,
				  psprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", protection->table,
						   quote_identifier(name)),
				  "After the constraint: it reads the table and stops no writer.");
}

static void
add_by_hand(caas_protection *protection)
{
	List	 *names = NIL;
	ListCell *cell;
	char	 *table = quote_literal_cstr(protection->table);

	if (!protection->has_rows)
		return;
	caas_plan_add(&protection->plan, CAAS_BY_HAND,
				  psprintf("CALL %s.caas_backfill(%s)", protection->schema, table),
				  "It protects the rows that are there, in portions. It needs the API key.");
	foreach (cell, protection->definitions)
	{
		const caas_definition *definition = lfirst(cell);

		for (int i = 0; i < definition->narguments; i++)
			add_late_guard(protection, &definition->arguments[i], &names);
	}
}

/* With the option keep the plaintext stays until the last step, which is the same on an empty
 * table. */
static void
add_cutovers(caas_protection *protection)
{
	ListCell *cell;

	foreach (cell, protection->definitions)
	{
		const caas_definition *definition = lfirst(cell);

		for (int i = 0; i < definition->narguments; i++)
			if (definition->arguments[i].keep)
				caas_plan_add(
					&protection->plan, CAAS_BY_HAND,
					psprintf("CALL %s.caas_cutover(%s, %s)", protection->schema,
							 quote_literal_cstr(protection->table),
							 quote_literal_cstr(definition->arguments[i].source.text)),
					"When every program reads the target: it ends the option keep and takes the "
					"plaintext away.");
	}
}

/* ---- the functions ---- */

static void
make_plan(caas_protection *protection)
{
	ListCell *cell;

	protection->has_rows = caas_protect_any(protection->all, "SELECT 1 FROM ONLY %s LIMIT 1");
	caas_protect_check(protection);
	caas_protect_find(protection);
	foreach (cell, protection->definitions)
		add_columns(protection, lfirst(cell));
	foreach (cell, protection->definitions)
	{
		const caas_definition *definition = lfirst(cell);

		for (int i = 0; i < definition->narguments; i++)
			if (definition->kind->is_seal && definition->arguments[i].companion.text != NULL)
				caas_protect_index(protection, &definition->arguments[i]);
		add_guards(protection, definition);
	}
	foreach (cell, protection->definitions)
		add_triggers(protection, lfirst(cell));
	add_by_hand(protection);
	add_cutovers(protection);
}

/*
 * True when a row has a value to protect but no user. This reads the table, so it is
 * done before anything is locked.
 */
static bool
has_rows_without_id(Oid table, const char *id, const List *columns)
{
	Relation			   relation = table_open(table, AccessShareLock);
	const caas_definition *definition;
	StringInfoData		   sources;
	ListCell			  *cell;
	bool				   found;
	int					   level;
	caas_protection		   protection = {.relation = relation};

	caas_require_table(relation, "caas_protect");
	protection.definitions = parse_columns(relation, id, columns);
	caas_protect_check_columns(&protection);
	definition = linitial(protection.definitions);
	initStringInfo(&sources);
	foreach (cell, caas_protect_sources(&protection))
		appendStringInfo(&sources, ", %s", quote_identifier(lfirst(cell)));
	level = caas_begin_queries();
	found = !TupleDescAttr(RelationGetDescr(relation), definition->id.number - 1)->attnotnull &&
			caas_protect_any(
				list_make1_oid(table),
				psprintf("SELECT 1 FROM %%s WHERE %s IS NULL AND num_nonnulls(%s) > 0 LIMIT 1",
						 quote_identifier(definition->id.text), sources.data + 2));
	caas_end_queries(level);
	table_close(relation, AccessShareLock);
	return found;
}

/* The lock is kept until the end of the transaction; the relation must be closed for ALTER TABLE.
 */
static caas_plan
plan_of(FunctionCallInfo fcinfo, LOCKMODE lock)
{
	Oid				table = PG_GETARG_OID(0);
	List		   *columns = caas_array_elements(PG_GETARG_ARRAYTYPE_P(2), TEXTOID);
	caas_protection protection = {0};
	const char	   *id = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int				level;

	protection.has_null_ids = has_rows_without_id(table, id, columns);
	protection.relation = table_open(table, lock);
	caas_require_table(protection.relation, "caas_protect");
	caas_refuse_distributed(table, "caas_protect()",
							"Write CREATE TRIGGER with citus.enable_unsafe_triggers = on, and then "
							"run caas_backfill over the shards.");
	protection.table = caas_table_name(table);
	protection.schema = caas_extension_schema(fcinfo);
	protection.definitions = parse_columns(protection.relation, id, columns);
	find_members(&protection, lock);
	level = caas_begin_queries();
	make_plan(&protection);
	caas_end_queries(level);
	table_close(protection.relation, NoLock);
	return protection.plan;
}

/* caas_protect_plan(relation regclass, id text, VARIADIC columns text[]) returns table */
PG_FUNCTION_INFO_V1(caas_sql_protect_plan);
Datum
caas_sql_protect_plan(PG_FUNCTION_ARGS)
{
	caas_plan plan = plan_of(fcinfo, AccessShareLock);

	return caas_plan_return(fcinfo, &plan);
}

/*
 * caas_protect(relation regclass, id text, VARIADIC columns text[]) returns table
 *
 * The lock comes first and is that of ALTER TABLE, since a stronger one later could
 * meet another session in a deadlock. The statements run with the catalogs alone in
 * the search_path.
 */
PG_FUNCTION_INFO_V1(caas_sql_protect);
Datum
caas_sql_protect(PG_FUNCTION_ARGS)
{
	caas_plan plan;
	int		  level;

	PreventCommandIfReadOnly("caas_protect()");
	caas_refuse_restricted("caas_protect");
	caas_require_owner(PG_GETARG_OID(0));
	plan = plan_of(fcinfo, AccessExclusiveLock);
	level = caas_begin_queries();
	caas_guards_are_planned = true;
	PG_TRY();
	{
		caas_plan_run(&plan);
	}
	PG_FINALLY();
	{
		caas_guards_are_planned = false;
	}
	PG_END_TRY();
	caas_end_queries(level);
	return caas_plan_return(fcinfo, &plan);
}
