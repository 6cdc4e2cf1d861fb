/*
 * trigger_statement.c - statements that read a source column, which is null once its value was
 * protected.
 *
 * EXCLUDED is the row that the BEFORE INSERT triggers made: the source is null
 * there, and the value is in the target. In the table's own row it is the same.
 * So before a statement is planned, its expressions over a source are changed:
 * each becomes an expression for the source, which is null where the value comes
 * from a target, and one for the target. A trigger alone could not do this: it
 * does not know which expression a null comes from.
 *
 * trigger_carry.c carries expressions. Those that it cannot carry would take the
 * null for the value: they are refused, or draw a warning where they are strict
 * and so change nothing.
 */
#include "trigger_carry.h"

#include "access/table.h"
#include "catalog/pg_trigger.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/rel.h"

static void
refuse_use(const caas_setting *setting)
{
	const char *source = setting->argument->source.text;
	const char *relation = RelationGetRelationName(setting->relation);

	ereport(
		ERROR,
		(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
		 errmsg(
			 "the statement reads column \"%s\" of relation \"%s\" in a way that loses the value",
			 source, relation),
		 errdetail("A trigger of caas has moved the value to another column, so that it is null in "
				   "the row and in EXCLUDED."),
		 errhint(
			 "Write SET %s = EXCLUDED.%s, also inside COALESCE or as a result of CASE, or write "
			 "the value itself. Test and copy the target column in place of \"%s\".",
			 source, source, source),
		 caas_hide()));
}

/* ---- the SET list ---- */

static TargetEntry *
entry_of(const caas_setting *setting, AttrNumber number)
{
	ListCell *cell;

	foreach (cell, setting->entries)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (!entry->resjunk && entry->resno == number)
			return entry;
	}
	return NULL;
}

static bool
is_column(const caas_setting *setting, const TargetEntry *entry, int relation, AttrNumber number)
{
	Node *node = (Node *)entry->expr;

	while (IsA(node, RelabelType))
		node = (Node *)((RelabelType *)node)->arg;
	return IsA(node, Var) && (int)((Var *)node)->varno == relation &&
		   ((Var *)node)->varattno == number && ((Var *)node)->varlevelsup == 0;
}

/* The server wants the entries that are junk last. */
static void
add_entry(caas_setting *setting, AttrNumber number, Node *value)
{
	char *name = pstrdup(caas_column_name(setting->relation, number));

	setting->entries = lcons(makeTargetEntry((Expr *)value, number, name, false), setting->entries);
}

/* Adds target and companion, which stay where the expression brings none. */
static void
add_target(caas_setting *setting, const TargetEntry *source, const carried_value *value)
{
	const caas_argument *argument = setting->argument;
	const TargetEntry	*target = entry_of(setting, argument->target.number);
	carried_value		 own = caas_value_of_own(setting);

	/* SET target = EXCLUDED.target beside SET source = EXCLUDED.source says the same. */
	if (target != NULL && is_column(setting, target, setting->excluded, argument->target.number) &&
		is_column(setting, source, setting->excluded, argument->source.number))
		return;
	if (target != NULL)
		refuse_use(setting);
	add_entry(setting, argument->target.number,
			  caas_when_set(value->target, value->target, own.target));
	if (value->companion == NULL)
		return;
	if (entry_of(setting, argument->companion.number) != NULL)
		refuse_use(setting);
	add_entry(setting, argument->companion.number,
			  caas_when_set(value->target, value->companion, own.companion));
}

static void
warn_of_null(const caas_setting *setting)
{
	ereport(WARNING,
			(errmsg("column \"%s\" of relation \"%s\" is null, so an expression over it does not "
					"change the protected value",
					setting->argument->source.text, RelationGetRelationName(setting->relation)),
			 errdetail("A trigger of caas moves each new value to another column."),
			 errhint("Compute the new value in the program, or from caas_open()."), caas_hide()));
}

/* The expression of the source itself. */
static void
carry_entry(caas_setting *setting, TargetEntry *entry)
{
	AttrNumber	  source = setting->argument->source.number;
	Node		 *node = (Node *)entry->expr;
	carried_value value;

	if (is_column(setting, entry, setting->own, source))
		return;
	if (caas_uses_own(setting, setting->condition, bms_make_singleton(source)) ||
		caas_uses_own(setting, node, bms_del_member(bms_copy(setting->sources), source)))
		refuse_use(setting);
	if (!caas_uses_source(setting, node))
		return;
	if (caas_carry(setting, node, &value) && !contain_volatile_functions(node))
	{
		if (caas_uses_excluded(setting, node, bms_make_singleton(source)))
			add_target(setting, entry, &value);
		entry->expr = (Expr *)value.source;
	}
	else if (caas_uses_excluded(setting, node, bms_make_singleton(source)) ||
			 contain_nonstrict_functions(node))
		refuse_use(setting);
	else
		warn_of_null(setting);
}

/* EXCLUDED.source may be used in no other expression, and neither source in a sub-select that sets
 * columns. */
static void
refuse_other_uses(const caas_setting *setting)
{
	Bitmapset *source = bms_make_singleton(setting->argument->source.number);
	ListCell  *cell;

	foreach (cell, setting->entries)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Node		*node = (Node *)entry->expr;

		if (entry->resjunk ? IsA(node, SubLink) && caas_uses_source(setting, node)
						   : entry->resno != setting->argument->source.number &&
								 caas_uses_excluded(setting, node, source))
			refuse_use(setting);
	}
	if (caas_uses_excluded(setting, setting->condition, source))
		refuse_use(setting);
}

/* True when the expression is the source as it is, also inside COALESCE or as a result of CASE. */
static bool
is_taken(const caas_setting *setting, Node *node)
{
	carried_value ignored;

	return caas_carry(setting, node, &ignored);
}

/*
 * In place EXCLUDED.source is the digest. Columns in place may take it as it is,
 * and nothing may be computed with it.
 */
static void
check_in_place(const caas_setting *setting, const Bitmapset *in_place)
{
	Bitmapset *source = bms_make_singleton(setting->argument->source.number);
	ListCell  *cell;

	foreach (cell, setting->entries)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Node		*node = (Node *)entry->expr;

		if (!caas_uses_excluded(setting, node, source))
			continue;
		if (entry->resjunk || !bms_is_member(entry->resno, in_place) || !is_taken(setting, node))
			refuse_use(setting);
	}
	if (caas_uses_excluded(setting, setting->condition, source))
		refuse_use(setting);
}

/* ---- the triggers of the table ---- */

static bool
has_columns(const caas_argument *argument)
{
	return argument->source.number != InvalidAttrNumber &&
		   (argument->target.text == NULL || argument->target.number != InvalidAttrNumber) &&
		   (argument->companion.text == NULL || argument->companion.number != InvalidAttrNumber);
}

/* The triggers of caas that fire before a row is written. */
static List *
find_definitions(Relation relation)
{
	/* The relation cache can replace its description of the triggers at any time. */
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);
	List			  *definitions = NIL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger			*trigger = &triggers->triggers[i];
		const caas_trigger_kind *kind;

		if (!TRIGGER_FOR_BEFORE(trigger->tgtype) || !TRIGGER_FOR_ROW(trigger->tgtype) ||
			!(TRIGGER_FOR_INSERT(trigger->tgtype) || TRIGGER_FOR_UPDATE(trigger->tgtype)) ||
			!caas_trigger_is_enabled(trigger))
			continue;
		kind = caas_kind_of_function(trigger->tgfoid);
		if (kind != NULL)
			definitions = lappend(definitions, caas_parse_definition(relation, trigger, kind));
	}
	return definitions;
}

static bool
has_source(const List *arguments, AttrNumber source)
{
	const ListCell *cell;

	foreach (cell, arguments)
		if (((caas_argument *)lfirst(cell))->source.number == source)
			return true;
	return false;
}

/*
 * The arguments that name a target without the option keep, or those in place.
 * Each source comes once: INSERT and UPDATE can have triggers of their own.
 */
static List *
find_arguments(const List *definitions, bool in_place)
{
	List		   *arguments = NIL;
	const ListCell *cell;

	foreach (cell, definitions)
	{
		caas_definition *definition = lfirst(cell);

		for (int i = 0; i < definition->narguments; i++)
		{
			caas_argument *argument = &definition->arguments[i];

			if (has_columns(argument) && !argument->keep &&
				(argument->target.text == NULL) == in_place &&
				!has_source(arguments, argument->source.number))
				arguments = lappend(arguments, argument);
		}
	}
	return arguments;
}

static Bitmapset *
sources_of(const List *arguments)
{
	Bitmapset	   *sources = NULL;
	const ListCell *cell;

	foreach (cell, arguments)
		sources = bms_add_member(sources, ((caas_argument *)lfirst(cell))->source.number);
	return sources;
}

/* Changes the SET list, which add_entry() can make longer, and returns it. */
static List *
prepare_setting(caas_setting *setting, const List *definitions)
{
	List	 *nulled = find_arguments(definitions, false);
	List	 *in_place = find_arguments(definitions, true);
	ListCell *cell;

	setting->sources = sources_of(nulled);
	foreach (cell, nulled)
	{
		setting->argument = lfirst(cell);
		refuse_other_uses(setting);
	}
	foreach (cell, nulled)
	{
		TargetEntry *entry;

		setting->argument = lfirst(cell);
		entry = entry_of(setting, setting->argument->source.number);
		if (entry != NULL)
			carry_entry(setting, entry);
	}
	foreach (cell, in_place)
	{
		setting->argument = lfirst(cell);
		check_in_place(setting, sources_of(in_place));
	}
	return setting->entries;
}

static bool
sets_source(const caas_setting *setting, const caas_definition *definition)
{
	for (int i = 0; i < definition->narguments; i++)
		if (entry_of(setting, definition->arguments[i].source.number) != NULL)
			return true;
	return false;
}

/* A statement over a parent reaches rows of children, for which its trigger does not fire. */
static void
require_children(const caas_setting *setting, const List *definitions)
{
	const ListCell *cell;

	foreach (cell, definitions)
		if (sets_source(setting, lfirst(cell)))
			caas_require_children(setting->relation, lfirst(cell), ERROR);
}

/* ---- the statement ---- */

static void
prepare_merge(const Query *query, const caas_setting *setting, const RangeTblEntry *table,
			  const List *definitions)
{
#ifdef CAAS_HAS_MERGE
	ListCell *cell;

	foreach (cell, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, cell);
		caas_setting own = *setting;

		if (action->commandType != CMD_UPDATE)
			continue;
		own.entries = action->targetList;
		own.condition = action->qual;
		action->targetList = prepare_setting(&own, definitions);
		if (table->inh)
			require_children(&own, definitions);
	}
#endif
}

static void
prepare_relation(Query *query, const RangeTblEntry *table, Relation relation)
{
	List		*definitions = find_definitions(relation);
	caas_setting setting = {.relation = relation, .own = query->resultRelation};

	if (definitions == NIL)
		return;
	if (query->commandType == CMD_INSERT)
	{
		setting.excluded = query->onConflict->exclRelIndex;
		setting.entries = query->onConflict->onConflictSet;
		setting.condition = query->onConflict->onConflictWhere;
		query->onConflict->onConflictSet = prepare_setting(&setting, definitions);
	}
	else if (query->commandType == CMD_UPDATE)
	{
		setting.entries = query->targetList;
		setting.condition = (Node *)query->jointree;
		query->targetList = prepare_setting(&setting, definitions);
		if (table->inh)
			require_children(&setting, definitions);
	}
	else
		prepare_merge(query, &setting, table, definitions);
}

static bool
sets_columns(const Query *query)
{
#ifdef CAAS_HAS_MERGE
	if (query->commandType == CMD_MERGE)
		return true;
#endif
	if (query->commandType == CMD_INSERT)
		return query->onConflict != NULL && query->onConflict->action == ONCONFLICT_UPDATE;
	return query->commandType == CMD_UPDATE;
}

/* Only the statement itself and its WITH queries can write. */
void
caas_prepare_statement(Query *query)
{
	ListCell *cell;

	if (sets_columns(query))
	{
		const RangeTblEntry *table = rt_fetch(query->resultRelation, query->rtable);
		Relation relation = table_open(table->relid, NoLock); /* the statement has a lock */

		if (relation->trigdesc != NULL)
			prepare_relation(query, table, relation);
		table_close(relation, NoLock);
	}
	foreach (cell, query->cteList)
	{
		CommonTableExpr *with = lfirst_node(CommonTableExpr, cell);

		if (IsA(with->ctequery, Query))
			caas_prepare_statement((Query *)with->ctequery);
	}
}
