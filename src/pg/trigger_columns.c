/*
 * trigger_columns.c - the columns that the arguments of a trigger of caas name.
 *
 * The uuid column comes first, then one argument for each value to protect.
 * Names are taken as the catalog has them: no quotes, no case folding.
 */
#include "trigger_columns.h"

#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define PROTOCOL_VIOLATED ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED

char *
caas_cut(char *text, char separator)
{
	char *found = strchr(text, separator);

	if (found == NULL)
		return NULL;
	*found = '\0';
	return found + 1;
}

caas_arguments
caas_arguments_begin(const TriggerData *call, const caas_trigger_kind *kind)
{
	const Trigger *definition = call->tg_trigger;
	caas_arguments arguments = {kind, call, NULL};

	if (definition->tgnargs < 2)
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("trigger \"%s\" gives %s too few arguments", definition->tgname,
							   kind->name),
						errhint("Name the uuid column and at least one column to protect: %s(%s).",
								kind->name, kind->forms_example),
						caas_hide()));
	return arguments;
}

/* ---- one column ---- */

static Form_pg_attribute
find_column(const caas_arguments *arguments, const char *name)
{
	Relation  relation = arguments->call->tg_relation;
	TupleDesc columns = RelationGetDescr(relation);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0)
			return column;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of relation \"%s\" does not exist", name,
					RelationGetRelationName(relation)),
			 errhint("The arguments of %s are a uuid column and columns to protect, each %s, spelt "
					 "as in the catalog: without quotes, case matters.",
					 arguments->kind->name, arguments->kind->forms),
			 caas_hide()));
	pg_unreachable();
}

static void
refuse_generated(Relation relation, Form_pg_attribute column)
{
	if (column->attgenerated != '\0')
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("column \"%s\" of relation \"%s\" is a generated column",
							   NameStr(column->attname), RelationGetRelationName(relation)),
						errhint("The server computes it after this trigger. Name a plain column."),
						caas_hide()));
}

static void
refuse_type(Relation relation, Form_pg_attribute column, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("column \"%s\" of relation \"%s\" has type %s", NameStr(column->attname),
						   RelationGetRelationName(relation), format_type_be(column->atttypid)),
					errhint("%s", hint), caas_hide()));
}

caas_place
caas_place_of(const caas_arguments *arguments, const char *name)
{
	Relation		  relation = arguments->call->tg_relation;
	Form_pg_attribute column = find_column(arguments, name);
	int32			  typmod = column->atttypmod;
	Oid				  base = getBaseTypeAndTypmod(column->atttypid, &typmod);
	caas_place		  place;

	refuse_generated(relation, column);
	place.attribute = column->attnum;
	place.is_text = base != BYTEAOID;
	if (base == BPCHAROID)
		refuse_type(relation, column,
					"character(n) pads values with blanks. Use text, varchar, citext or bytea.");
	if (place.is_text && !IsBinaryCoercible(base, TEXTOID))
		refuse_type(relation, column,
					"A protected column is text, varchar, citext, bytea or a domain over these.");
	place.domain = base != column->atttypid ? column->atttypid : InvalidOid;
	place.limit = base == VARCHAROID && typmod >= VARHDRSZ ? typmod - VARHDRSZ : -1;
	place.checks = NULL;
	return place;
}

caas_place
caas_bytea_place_of(const caas_arguments *arguments, const char *name)
{
	Form_pg_attribute column = find_column(arguments, name);

	if (getBaseType(column->atttypid) != BYTEAOID)
		refuse_type(arguments->call->tg_relation, column,
					"Sealed values and blind indexes are stored as bytea or a domain over it.");
	return caas_place_of(arguments, name);
}

void
caas_refuse_not_null(const caas_arguments *arguments, const caas_place *source)
{
	Relation		  relation = arguments->call->tg_relation;
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(relation), source->attribute - 1);

	if (column->attnotnull)
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("column \"%s\" of relation \"%s\" is NOT NULL and would become null",
							   NameStr(column->attname), RelationGetRelationName(relation)),
						errhint("%s", arguments->kind->not_null_hint), caas_hide()));
}

/* ---- the arguments together ---- */

AttrNumber
caas_uuid_argument(caas_arguments *arguments)
{
	Relation		  relation = arguments->call->tg_relation;
	Form_pg_attribute column = find_column(arguments, arguments->call->tg_trigger->tgargs[0]);

	if (getBaseType(column->atttypid) != UUIDOID)
		refuse_type(
			relation, column,
			psprintf("The first argument of %s names the uuid column.", arguments->kind->name));
	refuse_generated(relation, column);
	caas_use_once(arguments, column->attnum);
	caas_check_update_of(arguments, column->attnum);
	return column->attnum;
}

const char *
caas_trigger_column(const TriggerData *call, AttrNumber attribute)
{
	return NameStr(TupleDescAttr(RelationGetDescr(call->tg_relation), attribute - 1)->attname);
}

void
caas_use_once(caas_arguments *arguments, AttrNumber attribute)
{
	const TriggerData *call = arguments->call;

	if (bms_is_member(attribute, arguments->used))
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("column \"%s\" of relation \"%s\" is named twice",
							   caas_trigger_column(call, attribute),
							   RelationGetRelationName(call->tg_relation)),
						errhint("A column can have one part only in %s.%s", arguments->kind->name,
								arguments->kind->used_twice_hint),
						caas_hide()));
	arguments->used = bms_add_member(arguments->used, attribute);
}

void
caas_check_update_of(const caas_arguments *arguments, AttrNumber attribute)
{
	const TriggerData *call = arguments->call;
	const Trigger	  *definition = call->tg_trigger;

	for (int i = 0; i < definition->tgnattr; i++)
		if (definition->tgattr[i] == attribute)
			return;
	if (definition->tgnattr > 0)
		ereport(
			ERROR,
			(errcode(PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" is declared UPDATE OF without column \"%s\"",
					definition->tgname, caas_trigger_column(call, attribute)),
			 errhint("Declare it BEFORE INSERT OR UPDATE, or name the uuid column and every %s.",
					 arguments->kind->update_of_hint),
			 caas_hide()));
}

/* ---- the other triggers of the table ---- */

bool
caas_trigger_is_enabled(const Trigger *definition)
{
	if (definition->tgenabled == TRIGGER_DISABLED)
		return false;
	return definition->tgenabled != (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA
										 ? TRIGGER_FIRES_ON_ORIGIN
										 : TRIGGER_FIRES_ON_REPLICA);
}

/* Whether a trigger of that kind has a part for the column. */
bool
caas_trigger_protects(const caas_trigger_kind *kind, const Trigger *definition, const char *name)
{
	for (int i = 1; i < definition->tgnargs; i++)
	{
		caas_names given = kind->split(definition->tgargs[i]);

		if (strcmp(given.source, name) == 0 || strcmp(given.target, name) == 0 ||
			(given.index != NULL && strcmp(given.index, name) == 0))
			return true;
	}
	return false;
}

/* Which of the functions of caas it is, whatever its name in SQL; NULL when none. */
static const caas_trigger_kind *
kind_of(Oid function)
{
	FmgrInfo info;

	fmgr_info(function, &info);
	if (info.fn_addr == caas_encrypt_kind.function)
		return &caas_encrypt_kind;
	return info.fn_addr == caas_seal_kind.function ? &caas_seal_kind : NULL;
}

/* Whether both fire before the same row. Two with WHEN may exclude each other. */
static bool
fire_together(const Trigger *a, const Trigger *b)
{
	const int16 events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE;

	return (a->tgtype & b->tgtype & events) != 0 && TRIGGER_FOR_ROW(b->tgtype) &&
		   TRIGGER_FOR_BEFORE(b->tgtype) && (a->tgqual == NULL || b->tgqual == NULL) &&
		   caas_trigger_is_enabled(b);
}

void
caas_refuse_second_trigger(const caas_arguments *arguments, const char *name)
{
	Relation		   relation = arguments->call->tg_relation;
	const Trigger	  *own = arguments->call->tg_trigger;
	const TriggerDesc *all = relation->trigdesc;

	for (int i = 0; i < all->numtriggers; i++)
	{
		const Trigger			*other = &all->triggers[i];
		const caas_trigger_kind *kind;

		if (other->tgoid == own->tgoid || !fire_together(own, other))
			continue;
		kind = other->tgfoid == own->tgfoid ? arguments->kind : kind_of(other->tgfoid);
		if (kind == NULL || !caas_trigger_protects(kind, other, name))
			continue;
		if (kind != arguments->kind)
			kind = &caas_seal_kind;
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("column \"%s\" of relation \"%s\" is protected by two triggers, "
							   "\"%s\" and \"%s\"",
							   name, RelationGetRelationName(relation), own->tgname, other->tgname),
						errhint("Drop one of them: %s.", kind->two_triggers_hint), caas_hide()));
	}
}

/* Whether a trigger of the same function sees that event of the column. */
static bool
sees_event(const caas_arguments *arguments, const char *name, int16 event)
{
	const TriggerDesc *all = arguments->call->tg_relation->trigdesc;

	for (int i = 0; i < all->numtriggers; i++)
		if ((all->triggers[i].tgtype & event) != 0 &&
			all->triggers[i].tgfoid == arguments->call->tg_trigger->tgfoid &&
			caas_trigger_protects(arguments->kind, &all->triggers[i], name))
			return true;
	return false;
}

void
caas_require_both_events(const caas_arguments *arguments, const char *name)
{
	bool inserts = sees_event(arguments, name, TRIGGER_TYPE_INSERT);

	if (inserts && sees_event(arguments, name, TRIGGER_TYPE_UPDATE))
		return;
	ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
					errmsg("column \"%s\" of relation \"%s\" is not protected on %s", name,
						   RelationGetRelationName(arguments->call->tg_relation),
						   inserts ? "UPDATE" : "INSERT"),
					errhint("Declare the trigger BEFORE INSERT OR UPDATE."), caas_hide()));
}
