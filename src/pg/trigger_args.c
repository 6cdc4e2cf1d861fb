/*
 * trigger_args.c - the arguments of caas_encrypt_trigger(), read and checked
 * once per statement and table.
 *
 * Arguments: the uuid column, then the columns to protect, each 'column'
 * (replaced in place) or 'source=target'. Names are taken as the catalog has
 * them: no quotes, no case folding; one that holds '=' can not be given.
 */
#include "trigger.h"

#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define PROTOCOL_VIOLATED ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED

/* ---- the text of an argument ---- */

/* 'source=target', or 'column' for both. */
typedef struct names
{
	char *source;
	char *target;
} names;

static names
split_argument(const char *argument)
{
	names result;
	char *equals;

	result.source = result.target = pstrdup(argument);
	equals = strchr(result.source, '=');
	if (equals != NULL)
	{
		*equals = '\0';
		result.target = equals + 1;
	}
	return result;
}

static Form_pg_attribute
find_column(Relation relation, const char *name)
{
	TupleDesc columns = RelationGetDescr(relation);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0)
			return column;
	}
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" of relation \"%s\" does not exist", name,
						   RelationGetRelationName(relation)),
					errhint("The arguments of caas_encrypt_trigger are a uuid column and columns "
							"to protect, each 'column' or 'source=target', spelt as in the "
							"catalog: without quotes, case matters."),
					caas_hide()));
	pg_unreachable();
}

/* ---- one column ---- */

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

/* What the trigger wants to know of a source or target. */
typedef struct column_type
{
	bool is_text;
	Oid	 domain;
	int	 limit;
} column_type;

static column_type
type_of(Relation relation, Form_pg_attribute column)
{
	int32		typmod = column->atttypmod;
	Oid			base = getBaseTypeAndTypmod(column->atttypid, &typmod);
	column_type type;

	refuse_generated(relation, column);
	type.is_text = base != BYTEAOID;
	if (base == BPCHAROID)
		refuse_type(relation, column,
					"character(n) pads values with blanks. Use text, varchar, citext or bytea.");
	if (type.is_text && !IsBinaryCoercible(base, TEXTOID))
		refuse_type(relation, column,
					"A protected column is text, varchar, citext, bytea or a domain over these.");
	type.domain = base != column->atttypid ? column->atttypid : InvalidOid;
	type.limit = base == VARCHAROID && typmod >= VARHDRSZ ? typmod - VARHDRSZ : -1;
	return type;
}

static AttrNumber
uuid_column(Relation relation, const char *name)
{
	Form_pg_attribute column = find_column(relation, name);

	if (getBaseType(column->atttypid) != UUIDOID)
		refuse_type(relation, column,
					"The first argument of caas_encrypt_trigger names the uuid column.");
	refuse_generated(relation, column);
	return column->attnum;
}

static void
refuse_not_null_source(Relation relation, Form_pg_attribute source)
{
	if (source->attnotnull)
		ereport(ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("column \"%s\" of relation \"%s\" is NOT NULL and would become null",
						NameStr(source->attname), RelationGetRelationName(relation)),
				 errhint("With 'source=target' the source is set to null: drop its NOT NULL, or "
						 "name the column alone to replace it in place."),
				 caas_hide()));
}

static void
read_column(caas_column *column, const TriggerData *call, const char *argument,
			MemoryContext context)
{
	Relation		  relation = call->tg_relation;
	names			  given = split_argument(argument);
	Form_pg_attribute source = find_column(relation, given.source);
	Form_pg_attribute target = find_column(relation, given.target);
	column_type		  type = type_of(relation, target);

	column->source = source->attnum;
	column->target = target->attnum;
	column->target_is_text = type.is_text;
	column->target_domain = type.domain;
	column->limit = type.limit;
	type = type_of(relation, source);
	column->source_is_text = type.is_text;
	column->source_domain = type.domain;
	if (source != target)
		refuse_not_null_source(relation, source);
	column->inserted = caas_left_open(context, RelationGetRelid(relation), given.source);
	if (relation->rd_rel->relispartition)
		column->moving = caas_left_open(context, InvalidOid, given.source);
}

/* ---- the arguments together ---- */

const char *
caas_trigger_column(const TriggerData *call, AttrNumber attribute)
{
	return NameStr(TupleDescAttr(RelationGetDescr(call->tg_relation), attribute - 1)->attname);
}

static void
use_once(const TriggerData *call, Bitmapset **used, AttrNumber attribute)
{
	if (bms_is_member(attribute, *used))
		ereport(ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("column \"%s\" of relation \"%s\" is named twice",
						caas_trigger_column(call, attribute),
						RelationGetRelationName(call->tg_relation)),
				 errhint("A column can have one part only in caas_encrypt_trigger. To replace a "
						 "column in place, name it alone."),
				 caas_hide()));
	*used = bms_add_member(*used, attribute);
}

static void
refuse_too_few(const Trigger *definition)
{
	if (definition->tgnargs < 2)
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("trigger \"%s\" gives caas_encrypt_trigger too few arguments",
							   definition->tgname),
						errhint("Name the uuid column and at least one column to protect: "
								"caas_encrypt_trigger('id', 'email', 'phone=phone_digest')."),
						caas_hide()));
}

/* UPDATE OF that leaves out a column would let its plaintext through, or a changed uuid. */
static void
check_update_of(const TriggerData *call, AttrNumber attribute)
{
	const Trigger *definition = call->tg_trigger;

	for (int i = 0; i < definition->tgnattr; i++)
		if (definition->tgattr[i] == attribute)
			return;
	if (definition->tgnattr > 0)
		ereport(ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" is declared UPDATE OF without column \"%s\"",
						definition->tgname, caas_trigger_column(call, attribute)),
				 errhint("Declare it BEFORE INSERT OR UPDATE, or name the uuid column and every "
						 "source column."),
				 caas_hide()));
}

/* ---- all of it ---- */

static caas_trigger *
allocate(int ncolumns, MemoryContext context)
{
	Size		  size = offsetof(caas_trigger, columns) + ncolumns * sizeof(caas_column);
	caas_trigger *trigger = MemoryContextAllocZero(context, size);

	trigger->ncolumns = ncolumns;
	trigger->attributes = MemoryContextAlloc(context, 2 * ncolumns * sizeof *trigger->attributes);
	trigger->values = MemoryContextAlloc(context, 2 * ncolumns * sizeof *trigger->values);
	trigger->nulls = MemoryContextAlloc(context, 2 * ncolumns * sizeof *trigger->nulls);
	return trigger;
}

caas_trigger *
caas_trigger_open(const TriggerData *call, MemoryContext context)
{
	const Trigger *definition = call->tg_trigger;
	Relation	   relation = call->tg_relation;
	Bitmapset	  *used = NULL;
	caas_trigger  *trigger;

	refuse_too_few(definition);
	trigger = allocate(definition->tgnargs - 1, context);
	trigger->uuid = uuid_column(relation, definition->tgargs[0]);
	use_once(call, &used, trigger->uuid);
	check_update_of(call, trigger->uuid);
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		const char	*argument = definition->tgargs[i + 1];
		caas_column *column = &trigger->columns[i];

		read_column(column, call, argument, context);
		use_once(call, &used, column->source);
		if (strchr(argument, '=') != NULL)
			use_once(call, &used, column->target);
		check_update_of(call, column->source);
		caas_trigger_check_neighbours(call, argument);
	}
	return trigger;
}

void
caas_trigger_check_lengths(caas_trigger *trigger, const TriggerData *call, caas_engine *engine)
{
	caas_keyring_info keyring;

	caas_engine_keyring(engine, &keyring);
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		const caas_column *column = &trigger->columns[i];

		if (column->limit < 0 || column->limit >= 2 * keyring.longest)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("column \"%s\" of relation \"%s\" is too short for a digest",
						caas_trigger_column(call, column->target),
						RelationGetRelationName(call->tg_relation)),
				 errdetail("It holds %d characters; digests of the active generation have up to "
						   "%d.",
						   column->limit, 2 * keyring.longest),
				 errhint("Make it text, or varchar(%d) at least.", 2 * keyring.longest),
				 caas_hide()));
	}
	trigger->lengths_checked = true;
}
