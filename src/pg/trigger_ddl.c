/*
 * trigger_ddl.c - checks the triggers of caas when DDL creates them or changes their table.
 *
 * The event trigger caas_check_triggers, a member of the extension, calls this at
 * ddl_command_end. It works in every session, whether the library is preloaded or
 * not.
 */
#include "table.h"
#include "trigger.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* ---- the constraint that guards a column ---- */

/* True for the column itself, also behind a cast that changes nothing. */
static bool
is_column(Node *node, AttrNumber number)
{
	while (IsA(node, RelabelType))
		node = (Node *)((RelabelType *)node)->arg;
	return IsA(node, Var) && ((Var *)node)->varattno == number;
}

static bool
is_shape_test(Node *node, AttrNumber number)
{
	const FuncExpr *call = (const FuncExpr *)node;

	return IsA(node, FuncExpr) && list_length(call->args) == 1 &&
		   is_column(linitial(call->args), number) &&
		   (caas_is_function(call->funcid, "caas_sql_is_digest_text") ||
			caas_is_function(call->funcid, "caas_sql_is_digest_bytea"));
}

static bool
is_guard(Node *node, AttrNumber number, bool in_place)
{
	const NullTest *test = (const NullTest *)node;
	ListCell	   *cell;

	if (is_andclause(node))
	{
		foreach (cell, ((BoolExpr *)node)->args)
			if (is_guard(lfirst(cell), number, in_place))
				return true;
		return false;
	}
	if (in_place)
		return is_shape_test(node, number);
	return IsA(node, NullTest) && test->nulltesttype == IS_NULL &&
		   is_column((Node *)test->arg, number);
}

List *
caas_guards(Relation relation, const caas_argument *argument, bool with_no_inherit)
{
	const TupleConstr *constraints = RelationGetDescr(relation)->constr;
	List			  *names = NIL;

	for (int i = 0; constraints != NULL && i < constraints->num_check; i++)
		if ((with_no_inherit || !constraints->check[i].ccnoinherit) &&
			CAAS_IS_ENFORCED(constraints->check[i]) &&
			is_guard(stringToNode(constraints->check[i].ccbin), argument->source.number,
					 argument->target.text == NULL))
			names = lappend(names, pstrdup(constraints->check[i].ccname));
	return names;
}

bool
caas_has_guard(Relation relation, const caas_argument *argument)
{
	return caas_guards(relation, argument, false) != NIL;
}

/*
 * The test of shape as SQL. The cast selects the function of caas, whatever others
 * of its name are in the schema.
 */
static const char *
shape_test(Relation relation, const caas_argument *argument, const char *schema)
{
	Form_pg_attribute column =
		TupleDescAttr(RelationGetDescr(relation), argument->source.number - 1);

	return psprintf("%s.caas_is_digest(%s::%s)", schema, quote_identifier(argument->source.text),
					getBaseType(column->atttypid) == BYTEAOID ? "bytea" : "text");
}

const char *
caas_guard(Relation relation, const caas_argument *argument, const char *schema)
{
	return argument->target.text == NULL
			   ? shape_test(relation, argument, schema)
			   : psprintf("%s IS NULL", quote_identifier(argument->source.text));
}

bool caas_guards_are_planned = false;

const char *
caas_missing_guard(Relation relation, const caas_argument *argument, const char *schema)
{
	if (argument->keep || caas_has_guard(relation, argument))
		return NULL;
	return psprintf("ALTER TABLE %s ADD CHECK (%s);", caas_table_name(RelationGetRelid(relation)),
					caas_guard(relation, argument, schema));
}

/*
 * The trigger does not see what a later trigger writes, nor a row that arrives
 * while it is disabled. The constraint does.
 */
static void
warn_of_missing_guard(Relation relation, const caas_argument *argument, const char *schema)
{
	const char *guard = caas_missing_guard(relation, argument, schema);

	if (guard == NULL || caas_guards_are_planned)
		return;
	ereport(WARNING,
			(errmsg("no constraint keeps plaintext out of column \"%s\" of relation \"%s\"",
					argument->source.text, RelationGetRelationName(relation)),
			 errdetail("The trigger does not see a row that is written while it is disabled, nor "
					   "what a later trigger writes."),
			 errhint("%s", guard), caas_hide()));
}

/* ---- a trigger that was created ---- */

/* Finds the row of pg_trigger. Returns false when there is none. */
static bool
find_trigger(Oid trigger, FormData_pg_trigger *found)
{
	Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(catalog, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		*found = *(Form_pg_trigger)GETSTRUCT(tuple);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

Oid
caas_trigger_parent(Oid trigger)
{
	FormData_pg_trigger found;

	return find_trigger(trigger, &found) ? found.tgparentid : InvalidOid;
}

char
caas_trigger_state(Oid trigger)
{
	FormData_pg_trigger found;

	return find_trigger(trigger, &found) ? found.tgenabled : TRIGGER_DISABLED;
}

static void
check_new_trigger(Relation relation, const Trigger *trigger, const char *schema)
{
	const caas_trigger_kind *kind = caas_kind_of_function(trigger->tgfoid);
	const caas_definition	*definition;

	if (kind == NULL)
		return;
	caas_trigger_check(relation, trigger, kind);
	definition = caas_parse_definition(relation, trigger, kind);
	for (int i = 0; i < definition->narguments; i++)
		warn_of_missing_guard(relation, &definition->arguments[i], schema);
}

static void
check_trigger_object(Oid oid, const char *schema)
{
	FormData_pg_trigger found;
	Relation			relation;
	const TriggerDesc  *triggers;

	if (!find_trigger(oid, &found))
		return;
	relation = table_open(found.tgrelid, AccessShareLock);
	triggers = CopyTriggerDesc(relation->trigdesc);
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (triggers->triggers[i].tgoid == oid)
			check_new_trigger(relation, &triggers->triggers[i], schema);
	table_close(relation, AccessShareLock);
}

/* ---- a table that was changed ---- */

static void
require_column(Relation relation, const Trigger *trigger, const caas_name *name)
{
	if (name->text == NULL || name->number != InvalidAttrNumber)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("trigger \"%s\" of relation \"%s\" names column \"%s\"", trigger->tgname,
					RelationGetRelationName(relation), name->text),
			 errhint("Drop the trigger, change the column, and create the trigger with the new "
					 "name, in one transaction."),
			 caas_hide()));
}

static void
require_columns(Relation relation, const Trigger *trigger)
{
	const caas_trigger_kind *kind = caas_kind_of_function(trigger->tgfoid);
	const caas_definition	*definition;

	if (kind == NULL)
		return;
	definition = caas_parse_definition(relation, trigger, kind);
	require_column(relation, trigger, &definition->id);
	for (int i = 0; i < definition->narguments; i++)
	{
		require_column(relation, trigger, &definition->arguments[i].source);
		require_column(relation, trigger, &definition->arguments[i].target);
		require_column(relation, trigger, &definition->arguments[i].companion);
	}
}

static bool
disables_triggers(const Node *statement)
{
	ListCell *cell;

	if (!IsA(statement, AlterTableStmt))
		return false;
	foreach (cell, ((const AlterTableStmt *)statement)->cmds)
	{
		AlterTableType type = lfirst_node(AlterTableCmd, cell)->subtype;

		if (type == AT_DisableTrig || type == AT_DisableTrigAll || type == AT_DisableTrigUser)
			return true;
	}
	return false;
}

static void
check_table(Oid oid, const Node *statement)
{
	Relation		   relation = try_relation_open(oid, AccessShareLock);
	const TriggerDesc *triggers = relation != NULL ? CopyTriggerDesc(relation->trigdesc) : NULL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		require_columns(relation, trigger);
		if (disables_triggers(statement) && trigger->tgenabled == TRIGGER_DISABLED &&
			caas_kind_of_function(trigger->tgfoid) != NULL)
			ereport(WARNING,
					(errmsg("trigger \"%s\" of relation \"%s\" is disabled: it protects no value",
							trigger->tgname, RelationGetRelationName(relation)),
					 errhint("ALTER TABLE %s ENABLE TRIGGER %s;",
							 caas_table_name(RelationGetRelid(relation)),
							 quote_identifier(trigger->tgname)),
					 caas_hide()));
	}
	if (relation != NULL)
		relation_close(relation, AccessShareLock);
}

/* ---- a table that becomes a partition or an inheritance child ---- */

/*
 * Looks with row security off, which fails where a policy would hide rows, and
 * with a new snapshot, since the command may have waited for a lock.
 */
static bool
has_rows(const char *query)
{
	int level = NewGUCNestLevel();
	int result;

	(void)set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							true, 0, false);
	PushActiveSnapshot(GetLatestSnapshot());
	result = SPI_execute_snapshot(SPI_prepare(query, 0, NULL), NULL, NULL, GetActiveSnapshot(),
								  InvalidSnapshot, true, false, 1);
	PopActiveSnapshot();
	AtEOXact_GUC(false, level);
	if (result != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("caas cannot look for plaintext"),
						caas_hide()));
	return SPI_processed > 0;
}

static void
refuse_plaintext(Relation child, const caas_argument *argument, const char *schema)
{
	caas_argument own = *argument;
	const char	 *test;

	own.source.number = get_attnum(RelationGetRelid(child), argument->source.text);
	if (argument->keep || own.source.number == InvalidAttrNumber ||
		!RELKIND_HAS_TABLE_AM(child->rd_rel->relkind))
		return;
	test = argument->target.text == NULL
			   ? psprintf("NOT %s", shape_test(child, &own, schema))
			   : psprintf("%s IS NOT NULL", quote_identifier(argument->source.text));
	if (has_rows(psprintf("SELECT 1 FROM ONLY %s WHERE %s",
						  caas_table_name(RelationGetRelid(child)), test)))
		ereport(
			ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("column \"%s\" of relation \"%s\" has plaintext", argument->source.text,
					RelationGetRelationName(child)),
			 errdetail("Its new parent protects the column."),
			 errhint("Protect the rows first: create the same trigger on \"%s\" and run UPDATE.",
					 RelationGetRelationName(child)),
			 caas_hide()));
}

static void
refuse_children(List *children, const caas_argument *argument, const char *schema)
{
	ListCell *cell;

	foreach (cell, children)
	{
		Relation child = table_open(lfirst_oid(cell), NoLock);

		refuse_plaintext(child, argument, schema);
		table_close(child, NoLock);
	}
}

static void
refuse_child(Oid parent_oid, Oid child_oid, const char *schema)
{
	Relation		   parent = table_open(parent_oid, AccessShareLock);
	const TriggerDesc *triggers = CopyTriggerDesc(parent->trigdesc);
	List			  *children;

	if (triggers == NULL)
	{
		table_close(parent, AccessShareLock);
		return;
	}
	children = find_all_inheritors(child_oid, AccessShareLock, NULL);
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger			*trigger = &triggers->triggers[i];
		const caas_trigger_kind *kind = caas_kind_of_function(trigger->tgfoid);
		const caas_definition	*definition;

		if (kind == NULL)
			continue;
		definition = caas_parse_definition(parent, trigger, kind);
		for (int j = 0; j < definition->narguments; j++)
			refuse_children(children, &definition->arguments[j], schema);
	}
	table_close(parent, AccessShareLock);
}

/* Plaintext alone decides: a table that was protected before, or is empty, may come. */
static void
check_new_children(const Node *statement, const char *schema)
{
	const AlterTableStmt *alter = (const AlterTableStmt *)statement;
	ListCell			 *cell;

	if (!IsA(statement, AlterTableStmt))
		return;
	foreach (cell, alter->cmds)
	{
		const AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);
		Oid					 table = RangeVarGetRelid(alter->relation, NoLock, true);

		if (!OidIsValid(table)) /* ALTER TABLE IF EXISTS */
			return;
		if (command->subtype == AT_AddInherit)
			refuse_child(RangeVarGetRelid((RangeVar *)command->def, NoLock, false), table, schema);
		else if (command->subtype == AT_AttachPartition &&
				 get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE)
			refuse_child(
				table, RangeVarGetRelid(castNode(PartitionCmd, command->def)->name, NoLock, false),
				schema);
	}
}

/* ---- the event trigger ---- */

/* Calls no operator, since an operator would be looked up in the search_path of the session. */
static void
check_objects(const Node *statement, const char *schema)
{
	static const char query[] =
		"SELECT classid, objid FROM pg_catalog.pg_event_trigger_ddl_commands()";

	SPI_connect();
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("caas cannot list the objects of a command"), caas_hide()));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool is_null;
		Datum class = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
		Datum object = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &is_null);

		if (is_null)
			continue;
		if (DatumGetObjectId(class) == TriggerRelationId)
			check_trigger_object(DatumGetObjectId(object), schema);
		else if (DatumGetObjectId(class) == RelationRelationId)
			check_table(DatumGetObjectId(object), statement);
	}
	check_new_children(statement, schema);
	SPI_finish();
}

/* caas_check_triggers() returns event_trigger */
PG_FUNCTION_INFO_V1(caas_sql_check_triggers);
Datum
caas_sql_check_triggers(PG_FUNCTION_ARGS)
{
	const char *schema; /* of the extension */

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("caas_check_triggers must be fired by an event trigger"),
						errhint("The extension creates the event trigger caas_check_triggers."),
						caas_hide()));
	schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
	check_objects(((EventTriggerData *)fcinfo->context)->parsetree, schema);
	PG_RETURN_NULL();
}
