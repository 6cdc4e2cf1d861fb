/*
 * trigger_arguments.c - checks the arguments of a row trigger against its table.
 *
 * This happens once per statement and table, before the first row, and when the
 * trigger is created (trigger_ddl.c).
 */
#include "table.h"
#include "trigger.h"

#include "access/table.h"
#include "access/htup_details.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define PROTOCOL_VIOLATED ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED

/* The level of an error for a definition that an older release accepted. */
#define OLDER_LEVEL(opening) ((opening)->is_creation ? WARNING : ERROR)

/* ---- the columns ---- */

const char *
caas_column_name(Relation relation, AttrNumber number)
{
	return NameStr(TupleDescAttr(RelationGetDescr(relation), number - 1)->attname);
}

static const char *
column_name(const caas_opening *opening, AttrNumber number)
{
	return caas_column_name(opening->relation, number);
}

static AttrNumber
existing_column(const caas_opening *opening, const caas_name *name)
{
	if (name->number == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of relation \"%s\" does not exist", name->text,
							   RelationGetRelationName(opening->relation)),
						errdetail("Trigger \"%s\" names it.", opening->own->trigger->tgname),
						errhint("%s", opening->own->kind->arguments_hint), caas_hide()));
	return name->number;
}

/* True when an argument names the column as source, target or companion. */
static bool
names_column(const caas_definition *definition, AttrNumber number)
{
	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *argument = &definition->arguments[i];

		if (argument->source.number == number || argument->target.number == number ||
			argument->companion.number == number)
			return true;
	}
	return false;
}

static void
refuse_not_null(const caas_opening *opening, const caas_attribute *source)
{
	TupleDesc columns = RelationGetDescr(opening->relation);

	if (TupleDescAttr(columns, source->number - 1)->attnotnull)
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("column \"%s\" of relation \"%s\" is NOT NULL and would become null",
							   column_name(opening, source->number),
							   RelationGetRelationName(opening->relation)),
						errhint("The trigger sets the source to null when it writes the target. "
								"Drop NOT NULL from the source; the target may have it."),
						caas_hide()));
}

static void
refuse_named_twice(caas_opening *opening, AttrNumber number)
{
	if (bms_is_member(number, opening->named))
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("trigger \"%s\" names column \"%s\" of relation \"%s\" twice",
							   opening->own->trigger->tgname, column_name(opening, number),
							   RelationGetRelationName(opening->relation)),
						errhint("%s", opening->own->kind->arguments_hint), caas_hide()));
	opening->named = bms_add_member(opening->named, number);
}

/*
 * A list of columns omits those that an earlier trigger changes, and a condition
 * can be false: then the row would be stored without the trigger.
 */
static void
refuse_conditions(const caas_opening *opening)
{
	const Trigger *trigger = opening->own->trigger;

	if (trigger->tgnattr > 0)
		ereport(OLDER_LEVEL(opening),
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of relation \"%s\" is declared UPDATE OF", trigger->tgname,
						RelationGetRelationName(opening->relation)),
				 errdetail("It would not fire when an earlier trigger changes a column."),
				 errhint("Declare the trigger BEFORE INSERT OR UPDATE, without a list of columns."),
				 caas_hide()));
	if (trigger->tgqual != NULL)
		ereport(opening->is_creation && IsBinaryUpgrade ? WARNING : ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of relation \"%s\" has a WHEN condition", trigger->tgname,
						RelationGetRelationName(opening->relation)),
				 errdetail("A row for which it is false would be stored as plaintext."),
				 errhint("Declare the trigger without WHEN."), caas_hide()));
}

/* In a subscriber or a restore such a trigger meets digests that it must not digest. */
static void
refuse_replica(const caas_opening *opening, const caas_argument *argument)
{
	const Trigger *trigger = opening->own->trigger;
	bool		   in_replica = trigger->tgenabled == TRIGGER_FIRES_ALWAYS ||
					  trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA;

	if (in_replica && argument->target.text == NULL && argument->shaped != CAAS_SHAPED_KEPT)
		ereport(ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of relation \"%s\" replaces column \"%s\" in place and is "
						"enabled for replicated rows",
						trigger->tgname, RelationGetRelationName(opening->relation),
						argument->source.text),
				 errdetail("Replicated rows hold digests already."),
				 errhint("Write ALTER TABLE .. ENABLE TRIGGER, or add the option digests=keep."),
				 caas_hide()));
}

/* ---- the other triggers of the table ---- */

bool
caas_trigger_is_enabled(const Trigger *trigger)
{
	if (trigger->tgenabled == TRIGGER_DISABLED)
		return false;
	return trigger->tgenabled != (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA
									  ? TRIGGER_FIRES_ON_ORIGIN
									  : TRIGGER_FIRES_ON_REPLICA);
}

/* True when both fire before the same row. */
static bool
fire_together(const Trigger *own, const Trigger *other)
{
	const int16 events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE;

	return (own->tgtype & other->tgtype & events) != 0 && TRIGGER_FOR_ROW(other->tgtype) &&
		   TRIGGER_FOR_BEFORE(other->tgtype) && caas_trigger_is_enabled(other);
}

/*
 * Reads the catalog, since fmgr_info() would load foreign libraries, and gives
 * another address for a function with SET or a hook of fmgr.
 */
bool
caas_is_function(Oid function, const char *symbol)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool	  is_null;
	bool	  result = false;
	Datum	  source;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_proc)GETSTRUCT(tuple))->prolang == ClanguageId)
	{
		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &is_null);
		result = !is_null && strcmp(TextDatumGetCString(source), symbol) == 0;
	}
	ReleaseSysCache(tuple);
	return result;
}

const caas_trigger_kind *
caas_kind_of_function(Oid function)
{
	if (caas_is_function(function, "caas_sql_encrypt_trigger"))
		return &caas_encrypt_kind;
	return caas_is_function(function, "caas_sql_seal_trigger") ? &caas_seal_kind : NULL;
}

/*
 * Returns this trigger and the others of caas on the table: all of the same
 * function, and those of the other function that fire together with this one.
 */
static List *
find_definitions(Relation relation, const Trigger *own, const caas_trigger_kind *kind)
{
	const TriggerDesc *all = CopyTriggerDesc(relation->trigdesc);
	List			  *definitions = list_make1(caas_parse_definition(relation, own, kind));

	for (int i = 0; i < all->numtriggers; i++)
	{
		const Trigger			*other = &all->triggers[i];
		bool					 together = fire_together(own, other);
		const caas_trigger_kind *other_kind = NULL;
		caas_definition			*definition;

		if (other->tgoid == own->tgoid)
			continue;
		if (other->tgfoid == own->tgfoid)
			other_kind = kind;
		else if (together)
			other_kind = caas_kind_of_function(other->tgfoid);
		if (other_kind == NULL)
			continue;
		definition = caas_parse_definition(relation, other, other_kind);
		definition->fires_together = together;
		definitions = lappend(definitions, definition);
	}
	return definitions;
}

static const caas_definition *
find_second_trigger(const caas_opening *opening, AttrNumber number, bool is_id)
{
	ListCell *cell;

	foreach (cell, opening->definitions)
	{
		const caas_definition *other = lfirst(cell);

		if (other->fires_together &&
			(names_column(other, number) || (!is_id && other->id.number == number)))
			return other;
	}
	return NULL;
}

static void
refuse_second_trigger(const caas_opening *opening, AttrNumber number, bool is_id)
{
	const caas_definition *second = find_second_trigger(opening, number, is_id);

	if (second == NULL)
		return;
	ereport(ERROR,
			(errcode(PROTOCOL_VIOLATED),
			 errmsg("triggers \"%s\" and \"%s\" both protect column \"%s\" of relation \"%s\"",
					opening->own->trigger->tgname, second->trigger->tgname,
					column_name(opening, number), RelationGetRelationName(opening->relation)),
			 errhint("Drop one of them. "
					 "The second to fire would take for plaintext what the first has stored."),
			 caas_hide()));
}

/* True when the event fires this trigger, or an enabled one of the same function that protects the
 * column. */
static bool
protects_on(const caas_opening *opening, AttrNumber source, int16 event)
{
	ListCell *cell;

	foreach (cell, opening->definitions)
	{
		const caas_definition *definition = lfirst(cell);

		if (definition->trigger->tgfoid == opening->own->trigger->tgfoid &&
			(definition->trigger->tgtype & event) != 0 &&
			(definition == opening->own || caas_trigger_is_enabled(definition->trigger)) &&
			names_column(definition, source))
			return true;
	}
	return false;
}

/*
 * INSERT without a trigger stores plaintext, and so does UPDATE. Two triggers can
 * share the events, so this is not checked while the first of them is created.
 */
static void
require_both_events(const caas_opening *opening, const caas_name *source)
{
	bool inserts = protects_on(opening, source->number, TRIGGER_TYPE_INSERT);

	if (opening->is_creation ||
		(inserts && protects_on(opening, source->number, TRIGGER_TYPE_UPDATE)))
		return;
	ereport(ERROR,
			(errcode(PROTOCOL_VIOLATED),
			 errmsg("column \"%s\" of relation \"%s\" is not protected on %s", source->text,
					RelationGetRelationName(opening->relation), inserts ? "UPDATE" : "INSERT"),
			 errhint("Declare the trigger BEFORE INSERT OR UPDATE."), caas_hide()));
}

/* A trigger of a partition alone recognises an upsert by its own firings for INSERT and UPDATE. */
static void
refuse_split_events(const caas_opening *opening)
{
	const Trigger *trigger = opening->own->trigger;
	bool		   has_target = false;

	for (int i = 0; i < opening->own->narguments; i++)
		has_target = has_target || opening->own->arguments[i].target.text != NULL;
	if (!has_target || (TRIGGER_FOR_INSERT(trigger->tgtype) && TRIGGER_FOR_UPDATE(trigger->tgtype)))
		return;
	ereport(OLDER_LEVEL(opening),
			(errcode(PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" of partition \"%s\" is not declared INSERT OR UPDATE",
					trigger->tgname, RelationGetRelationName(opening->relation)),
			 errhint("Declare one trigger BEFORE INSERT OR UPDATE, on the partitioned table."),
			 caas_hide()));
}

/* ---- inheritance children, which have triggers of their own ---- */

static bool
is_protected_in(Relation child, const caas_trigger_kind *kind, const char *source)
{
	/* The relation cache can replace its description of the triggers at any time. */
	const TriggerDesc *triggers = CopyTriggerDesc(child->trigdesc);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger		  *trigger = &triggers->triggers[i];
		const caas_definition *definition;

		if (!TRIGGER_FOR_BEFORE(trigger->tgtype) || !TRIGGER_FOR_ROW(trigger->tgtype) ||
			!TRIGGER_FOR_INSERT(trigger->tgtype) || !TRIGGER_FOR_UPDATE(trigger->tgtype) ||
			!caas_trigger_is_enabled(trigger) || caas_kind_of_function(trigger->tgfoid) != kind)
			continue;
		definition = caas_parse_definition(child, trigger, kind);
		for (int j = 0; j < definition->narguments; j++)
			if (strcmp(definition->arguments[j].source.text, source) == 0)
				return true;
	}
	return false;
}

static void
require_child(Relation parent, const caas_definition *own, Oid child_oid, int level)
{
	Relation child = table_open(child_oid, NoLock);

	for (int i = 0; i < own->narguments; i++)
		if (!is_protected_in(child, own->kind, own->arguments[i].source.text))
			ereport(level,
					(errcode(PROTOCOL_VIOLATED),
					 errmsg("no trigger protects column \"%s\" of inheritance child \"%s\"",
							own->arguments[i].source.text, RelationGetRelationName(child)),
					 errdetail("The trigger of \"%s\" does not fire for rows of its children.",
							   RelationGetRelationName(parent)),
					 errhint("Create the same trigger on each child."), caas_hide()));
	table_close(child, NoLock);
}

void
caas_require_children(Relation parent, const caas_definition *own, int level)
{
	Oid		  oid = RelationGetRelid(parent);
	ListCell *cell;

	if (!parent->rd_rel->relhassubclass || parent->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		return;
	foreach (cell, find_all_inheritors(oid, AccessShareLock, NULL))
		if (lfirst_oid(cell) != oid)
			require_child(parent, own, lfirst_oid(cell), level);
}

/* ---- opening a trigger ---- */

static void
open_id(caas_opening *opening, caas_trigger *trigger)
{
	const caas_definition *own = opening->own;
	AttrNumber			   number = existing_column(opening, &own->id);
	caas_part			   part = own->id_namespace == NULL ? CAAS_PART_ID : CAAS_PART_ID_NAME;

	trigger->id = caas_open_attribute(opening, number, part);
	trigger->id_type =
		getBaseType(TupleDescAttr(RelationGetDescr(opening->relation), number - 1)->atttypid);
	if (own->id_namespace != NULL)
		trigger->id_namespace = caas_text_bytes(CStringGetTextDatum(own->id_namespace));
	refuse_named_twice(opening, number);
	refuse_second_trigger(opening, number, true);
}

/* Opens the column of one part. It belongs to one trigger and to one part of one argument. */
static caas_attribute
open_part(caas_opening *opening, const caas_name *name, caas_part part)
{
	AttrNumber	   number = existing_column(opening, name);
	caas_attribute attribute = caas_open_attribute(opening, number, part);

	refuse_named_twice(opening, number);
	refuse_second_trigger(opening, number, false);
	return attribute;
}

caas_part
caas_part_of_source(const caas_trigger_kind *kind, const caas_argument *argument)
{
	if (argument->target.text == NULL)
		return CAAS_PART_DIGEST;
	if (!kind->is_seal)
		return CAAS_PART_DIGESTED;
	if (argument->companion.text == NULL)
		return CAAS_PART_SEALED;
	return argument->normalization == CAAS_NORMALIZE_NONE ? CAAS_PART_INDEXED
														  : CAAS_PART_NORMALIZED;
}

/*
 * Citus copies the rows of a table into shards that have the trigger already. The
 * firing loses the values, so it is refused too, whatever let the trigger be created.
 * A session of Citus creates triggers of shards that this node does not know yet.
 */
static void
refuse_digested_digests(const caas_opening *opening, const caas_argument *argument)
{
	Relation relation = opening->relation;

	if (argument->shaped != CAAS_SHAPED_DIGESTED ||
		!(caas_is_shard(relation) ||
		  (opening->is_creation &&
		   (caas_is_session_of_citus() || caas_is_distributed(RelationGetRelid(relation))))))
		return;
	ereport(
		ERROR,
		(errcode(PROTOCOL_VIOLATED),
		 errmsg("trigger \"%s\" of relation \"%s\" has the option digests=plaintext, which is "
				"not for tables that Citus distributes",
				opening->own->trigger->tgname, RelationGetRelationName(relation)),
		 errdetail("Citus copies rows into shards, and the trigger would digest their digests."),
		 errhint("Create the trigger with digests=keep, or with a target column."), caas_hide()));
}

static void
open_column(caas_opening *opening, const caas_argument *argument, caas_protected_column *column)
{
	const caas_trigger_kind *kind = opening->own->kind;

	column->keep = argument->keep;
	column->shaped = argument->shaped;
	column->normalization = argument->normalization;
	column->in_place = argument->target.text == NULL;
	column->has_companion = argument->companion.text != NULL;
	column->source = column->target =
		open_part(opening, &argument->source, caas_part_of_source(kind, argument));
	if (!column->in_place)
		column->target = open_part(opening, &argument->target,
								   kind->is_seal ? CAAS_PART_SEALED_VALUE : CAAS_PART_DIGEST);
	if (column->has_companion)
		column->companion =
			open_part(opening, &argument->companion,
					  kind->is_seal ? CAAS_PART_SEALED_VALUE : CAAS_PART_GENERATION);
	if (!column->in_place && !column->keep)
		refuse_not_null(opening, &column->source);
	refuse_replica(opening, argument);
	refuse_digested_digests(opening, argument);
	require_both_events(opening, &argument->source);
	kind->open_column(opening, argument, column);
}

static caas_opening
begin_opening(Relation relation, const Trigger *trigger, const caas_trigger_kind *kind)
{
	caas_opening opening = {.relation = relation};

	opening.definitions = find_definitions(relation, trigger, kind);
	opening.own = linitial(opening.definitions);
	return opening;
}

/* A firing writes each source, target and companion once at most. */
#define WRITES_PER_COLUMN 3

static caas_trigger *
open_trigger(caas_opening *opening)
{
	int			  ncolumns = opening->own->narguments;
	caas_trigger *trigger =
		palloc0(offsetof(caas_trigger, columns) + ncolumns * sizeof(caas_protected_column));

	trigger->kind = opening->own->kind;
	trigger->is_partition_alone = opening->relation->rd_rel->relispartition &&
								  !OidIsValid(caas_trigger_parent(opening->own->trigger->tgoid));
	trigger->context = CurrentMemoryContext;
	trigger->ncolumns = ncolumns;
	refuse_conditions(opening);
	if (trigger->is_partition_alone)
		refuse_split_events(opening);
	open_id(opening, trigger);
	for (int i = 0; i < ncolumns; i++)
		open_column(opening, &opening->own->arguments[i], &trigger->columns[i]);
	caas_require_children(opening->relation, opening->own, OLDER_LEVEL(opening));
	trigger->written_numbers = palloc(WRITES_PER_COLUMN * ncolumns * sizeof(int));
	trigger->written_values = palloc(WRITES_PER_COLUMN * ncolumns * sizeof(Datum));
	trigger->written_nulls = palloc(WRITES_PER_COLUMN * ncolumns * sizeof(bool));
	return trigger;
}

caas_trigger *
caas_trigger_open(Relation relation, const Trigger *trigger, const caas_trigger_kind *kind,
				  MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	caas_opening  opening = begin_opening(relation, trigger, kind);
	caas_trigger *opened = open_trigger(&opening);

	MemoryContextSwitchTo(caller);
	return opened;
}

void
caas_check_declaration(const Trigger *trigger, const caas_trigger_kind *kind)
{
	if (!TRIGGER_FOR_BEFORE(trigger->tgtype) || !TRIGGER_FOR_ROW(trigger->tgtype) ||
		TRIGGER_FOR_DELETE(trigger->tgtype) || TRIGGER_FOR_TRUNCATE(trigger->tgtype))
		caas_refuse_declaration(kind);
}

void
caas_trigger_check(Relation relation, const Trigger *trigger, const caas_trigger_kind *kind)
{
	caas_opening opening = begin_opening(relation, trigger, kind);

	caas_check_declaration(trigger, kind);
	opening.is_creation = true;
	(void)open_trigger(&opening);
}
