/*
 * trigger_arguments.c - parses and checks the arguments of a row trigger.
 *
 * This happens once per statement and table, before the first row.
 * The first argument names the uuid column, each further one a value to protect:
 *
 *     source[=target[:companion]][@context]
 *
 * A column's name is compared with the catalog byte by byte: no quotes, no case
 * folding. It cannot contain a separator of a part that the function allows.
 */
#include "trigger.h"

#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define PROTOCOL_VIOLATED ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED

/* ---- the grammar ---- */

/* Ends text at the first separator and returns the rest, or NULL when there is no separator. */
static char *
cut(char *text, char separator)
{
	char *found = strchr(text, separator);

	if (found == NULL)
		return NULL;
	*found = '\0';
	return found + 1;
}

static caas_argument
parse_argument(const caas_trigger_kind *kind, const char *text)
{
	char		 *source = pstrdup(text);
	char		 *context = kind->allows_context ? cut(source, '@') : NULL;
	char		 *target = cut(source, '=');
	char		 *companion = kind->allows_companion && target != NULL ? cut(target, ':') : NULL;
	caas_argument argument = {text, source, target, companion, context};

	return argument;
}

static caas_definition *
parse_definition(const Trigger *trigger, const caas_trigger_kind *kind)
{
	int				 narguments = Max(trigger->tgnargs - 1, 0);
	caas_definition *definition =
		palloc(offsetof(caas_definition, arguments) + narguments * sizeof(caas_argument));

	definition->trigger = trigger;
	definition->kind = kind;
	definition->fires_together = false;
	definition->narguments = narguments;
	for (int i = 0; i < narguments; i++)
		definition->arguments[i] = parse_argument(kind, trigger->tgargs[i + 1]);
	return definition;
}

/* True when an argument names the column as source, target or companion. */
static bool
names_column(const caas_definition *definition, const char *column)
{
	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *argument = &definition->arguments[i];

		if (strcmp(argument->source, column) == 0 ||
			(argument->target != NULL && strcmp(argument->target, column) == 0) ||
			(argument->companion != NULL && strcmp(argument->companion, column) == 0))
			return true;
	}
	return false;
}

/* ---- the columns ---- */

static Form_pg_attribute
find_column(const caas_opening *opening, const char *name)
{
	TupleDesc columns = RelationGetDescr(opening->relation);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0)
			return column;
	}
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" of relation \"%s\" does not exist", name,
						   RelationGetRelationName(opening->relation)),
					errhint("%s", opening->own->kind->arguments_hint), caas_hide()));
	pg_unreachable();
}

static const char *
column_name(const caas_opening *opening, AttrNumber number)
{
	return NameStr(TupleDescAttr(RelationGetDescr(opening->relation), number - 1)->attname);
}

static void
refuse_type(const caas_opening *opening, Form_pg_attribute column, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of relation \"%s\" has type %s", NameStr(column->attname),
					RelationGetRelationName(opening->relation), format_type_be(column->atttypid)),
			 errhint("%s", hint), caas_hide()));
}

static void
refuse_generated(const caas_opening *opening, Form_pg_attribute column)
{
	if (column->attgenerated != '\0')
		ereport(ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("column \"%s\" of relation \"%s\" is a generated column",
						NameStr(column->attname), RelationGetRelationName(opening->relation)),
				 errhint("The server computes it after this trigger. Name a plain column."),
				 caas_hide()));
}

/* Finds a column of text or bytea, or of bytea only. */
static caas_attribute
find_attribute(const caas_opening *opening, const char *name, bool bytea_only)
{
	Form_pg_attribute column = find_column(opening, name);
	int32			  typmod = column->atttypmod;
	Oid				  base = getBaseTypeAndTypmod(column->atttypid, &typmod);
	caas_attribute	  attribute = {.number = column->attnum, .is_text = base != BYTEAOID};

	if (bytea_only && base != BYTEAOID)
		refuse_type(opening, column,
					"Sealed values and blind indexes are stored as bytea or a domain over bytea.");
	refuse_generated(opening, column);
	if (base == BPCHAROID)
		refuse_type(opening, column,
					"character(n) pads values with blanks. Use text, varchar, citext or bytea.");
	if (base != BYTEAOID && !IsBinaryCoercible(base, TEXTOID))
		refuse_type(opening, column,
					"A protected column is text, varchar, citext, bytea or a domain over these.");
	attribute.limit = base == VARCHAROID && typmod >= VARHDRSZ ? typmod - VARHDRSZ : -1;
	if (base != column->atttypid)
		attribute.domain = column->atttypid;
	return attribute;
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

/* A list of columns that omits this one would let its changes pass without the trigger. */
static void
refuse_unseen_update(const caas_opening *opening, AttrNumber number)
{
	const Trigger *trigger = opening->own->trigger;

	for (int i = 0; i < trigger->tgnattr; i++)
		if (trigger->tgattr[i] == number)
			return;
	if (trigger->tgnattr > 0)
		ereport(ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" is declared UPDATE OF without column \"%s\"",
						trigger->tgname, column_name(opening, number)),
				 errhint("Declare the trigger BEFORE INSERT OR UPDATE, without a list of columns."),
				 caas_hide()));
}

/* ---- the other triggers of the table ---- */

static bool
is_enabled(const Trigger *trigger)
{
	if (trigger->tgenabled == TRIGGER_DISABLED)
		return false;
	return trigger->tgenabled != (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA
									  ? TRIGGER_FIRES_ON_ORIGIN
									  : TRIGGER_FIRES_ON_REPLICA);
}

/* True when both fire before the same row. Two with WHEN may exclude each other. */
static bool
fire_together(const Trigger *own, const Trigger *other)
{
	const int16 events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE;

	return (own->tgtype & other->tgtype & events) != 0 && TRIGGER_FOR_ROW(other->tgtype) &&
		   TRIGGER_FOR_BEFORE(other->tgtype) && (own->tgqual == NULL || other->tgqual == NULL) &&
		   is_enabled(other);
}

/* Recognises the functions of caas under any name in SQL. Returns NULL for another function. */
static const caas_trigger_kind *
kind_of_function(Oid function)
{
	FmgrInfo info;

	fmgr_info(function, &info);
	if (info.fn_addr == caas_encrypt_kind.function)
		return &caas_encrypt_kind;
	return info.fn_addr == caas_seal_kind.function ? &caas_seal_kind : NULL;
}

/*
 * Returns this trigger and the others of caas on the table: all of the same
 * function, and those of the other function that fire together with this one.
 */
static List *
find_definitions(const Trigger *own, const caas_trigger_kind *kind, const TriggerDesc *all)
{
	List *definitions = list_make1(parse_definition(own, kind));

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
			other_kind = kind_of_function(other->tgfoid);
		if (other_kind == NULL)
			continue;
		definition = parse_definition(other, other_kind);
		definition->fires_together = together;
		definitions = lappend(definitions, definition);
	}
	return definitions;
}

static const caas_definition *
find_second_trigger(const caas_opening *opening, const char *column)
{
	ListCell *cell;

	foreach (cell, opening->definitions)
	{
		const caas_definition *other = lfirst(cell);

		if (other->fires_together && names_column(other, column))
			return other;
	}
	return NULL;
}

static void
refuse_second_trigger(const caas_opening *opening, const char *column)
{
	const caas_definition *second = find_second_trigger(opening, column);

	if (second == NULL)
		return;
	ereport(ERROR,
			(errcode(PROTOCOL_VIOLATED),
			 errmsg("triggers \"%s\" and \"%s\" both protect column \"%s\" of relation \"%s\"",
					opening->own->trigger->tgname, second->trigger->tgname, column,
					RelationGetRelationName(opening->relation)),
			 errhint("Drop one of them. "
					 "The second to fire would take for plaintext what the first has stored."),
			 caas_hide()));
}

/* True when the event fires this trigger, or one of the same function that protects the column. */
static bool
protects_on(const caas_opening *opening, const char *column, int16 event)
{
	ListCell *cell;

	foreach (cell, opening->definitions)
	{
		const caas_definition *definition = lfirst(cell);

		if (definition->trigger->tgfoid == opening->own->trigger->tgfoid &&
			(definition->trigger->tgtype & event) != 0 && names_column(definition, column))
			return true;
	}
	return false;
}

/* INSERT without a trigger stores plaintext, and so does UPDATE. */
static void
require_both_events(const caas_opening *opening, const char *column)
{
	bool inserts = protects_on(opening, column, TRIGGER_TYPE_INSERT);

	if (inserts && protects_on(opening, column, TRIGGER_TYPE_UPDATE))
		return;
	ereport(ERROR,
			(errcode(PROTOCOL_VIOLATED),
			 errmsg("column \"%s\" of relation \"%s\" is not protected on %s", column,
					RelationGetRelationName(opening->relation), inserts ? "UPDATE" : "INSERT"),
			 errhint("Declare the trigger BEFORE INSERT OR UPDATE."), caas_hide()));
}

bool
caas_fires_on_every_update(const caas_opening *opening, const char *column)
{
	ListCell *cell;

	foreach (cell, opening->definitions)
	{
		const caas_definition *definition = lfirst(cell);
		const Trigger		  *trigger = definition->trigger;

		if (trigger->tgfoid == opening->own->trigger->tgfoid &&
			TRIGGER_FOR_UPDATE(trigger->tgtype) && trigger->tgnattr == 0 &&
			trigger->tgqual == NULL && is_enabled(trigger) && names_column(definition, column))
			return true;
	}
	return false;
}

/* ---- opening a trigger ---- */

static caas_opening
begin_opening(const TriggerData *call, const caas_trigger_kind *kind)
{
	const Trigger *own = call->tg_trigger;
	caas_opening   opening = {.relation = call->tg_relation};

	if (own->tgnargs < 2)
		ereport(ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" gives %s too few arguments", own->tgname, kind->name),
				 errhint("%s", kind->arguments_hint), caas_hide()));
	opening.definitions = find_definitions(own, kind, call->tg_relation->trigdesc);
	opening.own = linitial(opening.definitions);
	return opening;
}

static AttrNumber
open_uuid(caas_opening *opening)
{
	Form_pg_attribute column = find_column(opening, opening->own->trigger->tgargs[0]);

	if (getBaseType(column->atttypid) != UUIDOID)
		refuse_type(opening, column, "The first argument of the trigger names the uuid column.");
	refuse_generated(opening, column);
	refuse_named_twice(opening, column->attnum);
	refuse_unseen_update(opening, column->attnum);
	return column->attnum;
}

/* A column belongs to one trigger and to one part of one argument. */
static void
check_part(caas_opening *opening, AttrNumber number, bool is_watched)
{
	refuse_named_twice(opening, number);
	if (is_watched)
		refuse_unseen_update(opening, number);
	refuse_second_trigger(opening, column_name(opening, number));
}

static void
open_column(caas_opening *opening, const caas_argument *argument, caas_protected_column *column)
{
	const caas_trigger_kind *kind = opening->own->kind;

	if (argument->target == NULL && kind->requires_target)
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("trigger \"%s\" names no target column in its argument \"%s\"",
							   opening->own->trigger->tgname, argument->text),
						errhint("%s", kind->arguments_hint), caas_hide()));
	column->source = column->target = find_attribute(opening, argument->source, false);
	if (argument->target != NULL)
		column->target = find_attribute(opening, argument->target, kind->target_is_bytea);
	if (argument->companion != NULL)
		column->companion = find_attribute(opening, argument->companion, kind->target_is_bytea);
	column->has_companion = argument->companion != NULL;
	column->in_place = column->source.number == column->target.number;
	if (!column->in_place)
		refuse_not_null(opening, &column->source);
	check_part(opening, column->source.number, true);
	if (argument->target != NULL)
		check_part(opening, column->target.number, kind->checks_target);
	if (argument->companion != NULL)
		check_part(opening, column->companion.number, kind->checks_target);
	require_both_events(opening, argument->source);
	kind->open_column(opening, argument, column);
}

/* A firing writes each source, target and companion once at most. */
#define WRITES_PER_COLUMN 3

caas_trigger *
caas_trigger_open(const TriggerData *call, const caas_trigger_kind *kind, MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	caas_opening  opening = begin_opening(call, kind);
	int			  ncolumns = opening.own->narguments;
	caas_trigger *trigger =
		palloc0(offsetof(caas_trigger, columns) + ncolumns * sizeof(caas_protected_column));

	trigger->kind = kind;
	trigger->context = context;
	trigger->uuid = open_uuid(&opening);
	trigger->ncolumns = ncolumns;
	for (int i = 0; i < ncolumns; i++)
		open_column(&opening, &opening.own->arguments[i], &trigger->columns[i]);
	trigger->written_numbers = palloc(WRITES_PER_COLUMN * ncolumns * sizeof(int));
	trigger->written_values = palloc(WRITES_PER_COLUMN * ncolumns * sizeof(Datum));
	trigger->written_nulls = palloc(WRITES_PER_COLUMN * ncolumns * sizeof(bool));
	MemoryContextSwitchTo(caller);
	return trigger;
}
