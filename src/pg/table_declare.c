/*
 * table_declare.c - reads from the catalogs what a table protects.
 */
#include "table.h"
#include "trigger.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "catalog/objectaddress.h"
#include "commands/seclabel.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

const char *
caas_declared_kind_name(const caas_declaration *declaration)
{
	static const char *const names[] = {"digest", "sealed", "blind index"};

	return names[declaration->kind];
}

/* ---- declared by a trigger ---- */

/* Returns the declaration of the same source by an earlier trigger, or NULL. */
static caas_declaration *
find_source(List *declarations, const char *source)
{
	ListCell *cell;

	foreach (cell, declarations)
	{
		caas_declaration *declaration = lfirst(cell);

		if (declaration->source != NULL && strcmp(declaration->source, source) == 0)
			return declaration;
	}
	return NULL;
}

static const char *
missing_column(const caas_name *name)
{
	if (name->text == NULL || name->number != InvalidAttrNumber)
		return NULL;
	return psprintf("The trigger names column \"%s\", which does not exist.", name->text);
}

/* Returns the first thing that keeps the trigger from protecting every row, or NULL. */
static const char *
trigger_problem(const caas_definition *definition, const caas_argument *argument)
{
	const Trigger *trigger = definition->trigger;
	const char	  *missing = missing_column(&definition->id);

	if (missing == NULL)
		missing = missing_column(&argument->source);
	if (missing == NULL)
		missing = missing_column(&argument->target);
	if (missing == NULL)
		missing = missing_column(&argument->companion);
	if (missing != NULL)
		return missing;
	if (trigger->tgenabled == TRIGGER_DISABLED)
		return "The trigger is disabled.";
	if (trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA)
		return "The trigger fires for replicated rows alone.";
	if (trigger->tgnattr > 0 || trigger->tgqual != NULL)
		return "The trigger has UPDATE OF or WHEN, so its first firing is refused.";
	if (definition->kind->is_seal && argument->context == NULL)
		return "The trigger names no context, so its first firing is refused.";
	return NULL;
}

/* True when all columns of the argument exist, and a sealed value has its context. */
static bool
is_complete(const caas_definition *definition, const caas_argument *argument)
{
	return missing_column(&definition->id) == NULL && missing_column(&argument->source) == NULL &&
		   missing_column(&argument->target) == NULL &&
		   missing_column(&argument->companion) == NULL &&
		   (!definition->kind->is_seal || argument->context != NULL);
}

static caas_declaration *
declare_trigger(const Trigger *trigger, const caas_trigger_kind *kind)
{
	caas_declaration *declaration = palloc0(sizeof *declaration);

	declaration->kind = kind->is_seal ? CAAS_DECLARED_SEALED : CAAS_DECLARED_DIGEST;
	declaration->by = CAAS_BY_TRIGGER;
	declaration->trigger = pstrdup(trigger->tgname);
	declaration->function = get_func_name(trigger->tgfoid);
	declaration->enabled =
		trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN || trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
	return declaration;
}

static caas_declaration *
declare_argument(const caas_definition *definition, const caas_argument *argument)
{
	caas_declaration *declaration = declare_trigger(definition->trigger, definition->kind);

	declaration->id = definition->id.text;
	declaration->id_namespace = definition->id_namespace;
	declaration->source = argument->source.text;
	declaration->in_place = argument->target.text == NULL;
	declaration->target = declaration->in_place ? argument->source.text : argument->target.text;
	declaration->companion = argument->companion.text;
	declaration->context = argument->context;
	declaration->normalization = argument->normalization;
	declaration->keep = argument->keep;
	declaration->keeps_digests = argument->shaped == CAAS_SHAPED_KEPT;
	declaration->takes_anything = argument->shaped == CAAS_SHAPED_DIGESTED;
	declaration->problem = trigger_problem(definition, argument);
	declaration->usable = is_complete(definition, argument);
	return declaration;
}

/* A trigger whose arguments and types are being checked. */
typedef struct caas_examination
{
	Relation				 relation;
	const Trigger			*trigger;
	const caas_trigger_kind *kind;
	caas_definition			*definition; /* NULL: the arguments cannot be read */
} caas_examination;

static void
check_column_type(const caas_opening *opening, const caas_name *name, caas_part part)
{
	if (name->number != InvalidAttrNumber)
		(void)caas_open_attribute(opening, name->number, part);
}

/* CREATE TRIGGER checks this, too, but the event trigger that does it can be disabled. */
static void
examine(void *argument)
{
	caas_examination *now = argument;
	caas_opening	  opening = {.relation = now->relation};
	bool			  is_seal = now->kind->is_seal;
	caas_definition	 *definition = caas_parse_definition(now->relation, now->trigger, now->kind);

	now->definition = definition;
	check_column_type(&opening, &definition->id,
					  definition->id_namespace == NULL ? CAAS_PART_ID : CAAS_PART_ID_NAME);
	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *next = &definition->arguments[i];

		check_column_type(&opening, &next->source, caas_part_of_source(now->kind, next));
		check_column_type(&opening, &next->target,
						  is_seal ? CAAS_PART_SEALED_VALUE : CAAS_PART_DIGEST);
		check_column_type(&opening, &next->companion,
						  is_seal ? CAAS_PART_SEALED_VALUE : CAAS_PART_GENERATION);
	}
}

/* Two triggers can share INSERT and UPDATE; both together are one declaration. problem: of the
 * whole trigger, or NULL. */
static List *
add_trigger(List *declarations, const caas_definition *definition, const char *problem)
{
	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *argument = &definition->arguments[i];
		caas_declaration	*declaration = find_source(declarations, argument->source.text);

		if (declaration == NULL)
		{
			declaration = declare_argument(definition, argument);
			declarations = lappend(declarations, declaration);
		}
		if (problem != NULL)
			declaration->problem = problem;
		declaration->usable = declaration->usable && problem == NULL;
		if (definition->trigger->tgenabled != TRIGGER_DISABLED)
			declaration->events |= definition->trigger->tgtype;
	}
	return declarations;
}

static List *
add_unreadable(List *declarations, const caas_examination *now, const char *problem)
{
	caas_declaration *declaration = declare_trigger(now->trigger, now->kind);

	declaration->problem = problem;
	return lappend(declarations, declaration);
}

static List *
declared_by_triggers(Relation relation)
{
	/* The relation cache can replace its description of the triggers at any time. */
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);
	List			  *declarations = NIL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger	*trigger = &triggers->triggers[i];
		caas_examination now = {.relation = relation,
								.trigger = trigger,
								.kind = caas_kind_of_function(trigger->tgfoid)};
		const char		*problem;

		if (now.kind == NULL)
			continue;
		problem = caas_problem_of(caas_definition_error(examine, &now));
		declarations = now.definition != NULL ? add_trigger(declarations, now.definition, problem)
											  : add_unreadable(declarations, &now, problem);
	}
	return declarations;
}

static void
note_missing_events(List *declarations)
{
	ListCell *cell;

	foreach (cell, declarations)
	{
		caas_declaration *declaration = lfirst(cell);

		if (declaration->problem != NULL)
			continue;
		if ((declaration->events & TRIGGER_TYPE_INSERT) == 0)
			declaration->problem = "No trigger protects the column on INSERT.";
		else if ((declaration->events & TRIGGER_TYPE_UPDATE) == 0)
			declaration->problem = "No trigger protects the column on UPDATE.";
	}
}

Relation
caas_open_now(Oid oid, bool *is_locked)
{
	Relation relation;

	*is_locked = !ConditionalLockRelationOid(oid, AccessShareLock);
	if (*is_locked)
	{
		*is_locked = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(oid));
		return NULL;
	}
	relation = try_relation_open(oid, NoLock);
	if (relation == NULL)
		UnlockRelationOid(oid, AccessShareLock);
	else if (RELATION_IS_OTHER_TEMP(relation))
	{
		relation_close(relation, AccessShareLock);
		relation = NULL;
	}
	return relation;
}

/* Returns what is wrong in the child, or NULL. */
static const char *
child_problem(Oid child_oid, const char *source)
{
	bool					is_locked;
	Relation				child = caas_open_now(child_oid, &is_locked);
	const caas_declaration *declaration = NULL;

	if (is_locked)
		return psprintf("Inheritance child \"%s\" is locked by another session.",
						get_rel_name(child_oid));
	if (child == NULL)
		return NULL;
	declaration = find_source(declared_by_triggers(child), source);
	relation_close(child, AccessShareLock);
	return declaration != NULL && declaration->enabled
			   ? NULL
			   : psprintf("Inheritance child \"%s\" has no such trigger.", get_rel_name(child_oid));
}

/* A trigger of a table does not fire for the rows of its inheritance children; partitions have
 * clones of it. */
static void
note_missing_children(Relation relation, List *declarations)
{
	ListCell *child;
	ListCell *cell;

	if (!relation->rd_rel->relhassubclass ||
		relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE || declarations == NIL)
		return;
	foreach (child, find_all_inheritors(RelationGetRelid(relation), NoLock, NULL))
	{
		Oid oid = lfirst_oid(child);

		if (oid == RelationGetRelid(relation))
			continue;
		foreach (cell, declarations)
		{
			caas_declaration *declaration = lfirst(cell);

			if (declaration->problem == NULL)
				declaration->problem = child_problem(oid, declaration->source);
		}
	}
}

/* ---- declared by a generated column ---- */

/* Returns the column behind casts and functions of one column, or InvalidAttrNumber. */
static AttrNumber
column_of(Node *node)
{
	Bitmapset *columns = NULL;
	int		   number;

	pull_varattnos(node, 1, &columns);
	number = bms_num_members(columns) == 1 ? bms_singleton_member(columns) : 0;
	return number == 0 ? InvalidAttrNumber
					   : (AttrNumber)(number + FirstLowInvalidHeapAttributeNumber);
}

static const char *
column_name_of(Relation relation, Node *node)
{
	AttrNumber number = column_of(node);

	return AttributeNumberIsValid(number) && number > 0
			   ? pstrdup(caas_column_name(relation, number))
			   : NULL;
}

/* Returns a constant text, or NULL. */
static const char *
constant_text(Node *node)
{
	const Const *constant = (const Const *)node;

	return IsA(node, Const) && constant->consttype == TEXTOID && !constant->constisnull
			   ? TextDatumGetCString(constant->constvalue)
			   : NULL;
}

static bool
is_call_of(const FuncExpr *call, const char *text_form, const char *bytea_form)
{
	return caas_is_function(call->funcid, text_form) || caas_is_function(call->funcid, bytea_form);
}

/* Fills the id from the first argument: a column, or caas_uuid(namespace, column). */
static void
declare_id(Relation relation, caas_declaration *declaration, Node *node)
{
	const FuncExpr *call = (const FuncExpr *)node;

	declaration->id = column_name_of(relation, node);
	if (IsA(node, FuncExpr) && list_length(call->args) == 2 &&
		is_call_of(call, "caas_sql_uuid_text", "caas_sql_uuid_bigint"))
		declaration->id_namespace = constant_text(linitial(call->args));
}

typedef struct generated_search
{
	Relation		  relation;
	caas_declaration *declaration; /* NULL until a call of caas is found */
} generated_search;

static bool
find_call(Node *node, void *context)
{
	generated_search *search = context;
	FuncExpr		 *call = (FuncExpr *)node;
	bool			  is_digest;

	if (node == NULL)
		return false;
	if (!IsA(node, FuncExpr))
		return expression_tree_walker(node, find_call, context);
	is_digest = is_call_of(call, "caas_sql_encrypt_text", "caas_sql_encrypt_bytea");
	if (!is_digest && !is_call_of(call, "caas_sql_blind_index_text", "caas_sql_blind_index_bytea"))
		return expression_tree_walker(node, find_call, context);
	search->declaration = palloc0(sizeof *search->declaration);
	search->declaration->kind = is_digest ? CAAS_DECLARED_DIGEST : CAAS_DECLARED_INDEX;
	search->declaration->source =
		column_name_of(search->relation, is_digest ? lsecond(call->args) : linitial(call->args));
	if (is_digest)
		declare_id(search->relation, search->declaration, linitial(call->args));
	else
		search->declaration->context = constant_text(lsecond(call->args));
	if (!is_digest && list_length(call->args) == 4 && constant_text(lfourth(call->args)) != NULL)
	{
		const char *name = constant_text(lfourth(call->args));

		(void)caas_normalization_parse(name, strlen(name), &search->declaration->normalization);
	}
	return true;
}

/* Comparisons and lists of conflicts cast the target and the id to text. */
static const char *
generated_problem(Relation relation, const char *column)
{
	Oid type;

	if (column == NULL)
		return NULL;
	type = getBaseType(
		get_atttype(RelationGetRelid(relation), get_attnum(RelationGetRelid(relation), column)));
	return type < FirstNormalObjectId || IsBinaryCoercible(type, TEXTOID)
			   ? NULL
			   : psprintf("Column \"%s\" has type %s.", column, format_type_be(type));
}

static caas_declaration *
declare_generated(Relation relation, const AttrDefault *generated)
{
	Node			*expression = stringToNode(generated->adbin);
	generated_search search = {.relation = relation};

	(void)find_call(expression, &search);
	if (search.declaration == NULL)
		return NULL;
	search.declaration->by = CAAS_BY_GENERATED_COLUMN;
	search.declaration->target = pstrdup(caas_column_name(relation, generated->adnum));
	search.declaration->expression =
		TextDatumGetCString(DirectFunctionCall2(pg_get_expr, CStringGetTextDatum(generated->adbin),
												ObjectIdGetDatum(RelationGetRelid(relation))));
	search.declaration->foreign_code = caas_has_foreign_code(expression);
	search.declaration->enabled = true;
	search.declaration->problem = generated_problem(relation, search.declaration->target);
	if (search.declaration->problem == NULL)
		search.declaration->problem = generated_problem(relation, search.declaration->id);
	search.declaration->usable = search.declaration->problem == NULL;
	return search.declaration;
}

static List *
declared_by_generated_columns(Relation relation)
{
	const TupleConstr *constraints = RelationGetDescr(relation)->constr;
	List			  *declarations = NIL;

	for (int i = 0; constraints != NULL && i < constraints->num_defval; i++)
	{
		const AttrDefault *generated = &constraints->defval[i];
		caas_declaration  *declaration;

		if (TupleDescAttr(RelationGetDescr(relation), generated->adnum - 1)->attgenerated !=
			ATTRIBUTE_GENERATED_STORED)
			continue;
		declaration = declare_generated(relation, generated);
		if (declaration != NULL)
			declarations = lappend(declarations, declaration);
	}
	return declarations;
}

/* ---- declared by a security label ---- */

static List *
parents_of(Oid table)
{
	Relation	catalog = table_open(InheritsRelationId, AccessShareLock);
	List	   *parents = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(table));
	scan = systable_beginscan(catalog, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents, ((Form_pg_inherits)GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return parents;
}

/* The label of the column, or that of a parent's column of this name: rows of a partition or child
 * are rows of the parent. */
static const char *
find_label(Oid table, const char *name)
{
	AttrNumber	  number = get_attnum(table, name);
	ObjectAddress column;
	const char	 *label;
	ListCell	 *parent;

	if (number <= 0)
		return NULL;
	ObjectAddressSubSet(column, RelationRelationId, table, number);
	label = GetSecurityLabel(&column, CAAS_LABEL_PROVIDER);
	if (label != NULL)
		return label;
	foreach (parent, parents_of(table))
	{
		label = find_label(lfirst_oid(parent), name);
		if (label != NULL)
			return label;
	}
	return NULL;
}

static List *
declared_by_labels(Relation relation)
{
	List *declarations = NIL;

	for (AttrNumber number = 1; number <= RelationGetDescr(relation)->natts; number++)
	{
		const char *label;

		if (TupleDescAttr(RelationGetDescr(relation), number - 1)->attisdropped)
			continue;
		label = find_label(RelationGetRelid(relation), caas_column_name(relation, number));
		if (label != NULL)
			declarations = lappend(declarations, caas_parse_label(relation, number, label));
	}
	return declarations;
}

List *
caas_untriggered_declarations(Relation relation)
{
	return list_concat(declared_by_generated_columns(relation), declared_by_labels(relation));
}

List *
caas_table_declarations(Relation relation)
{
	List *declarations = declared_by_triggers(relation);

	note_missing_events(declarations);
	note_missing_children(relation, declarations);
	return list_concat(declarations, caas_untriggered_declarations(relation));
}
