/*
 * seal_trigger.c - caas_seal_trigger(): a row's values are sealed before the row is stored.
 *
 * Arguments: the uuid column, then for each value 'source=sealed' or
 * 'source=sealed:index', and '@context' behind it where the default is not
 * wanted. A name that holds '@', '=' or ':' can not be given.
 *
 * Whatever writes the row, a sealed value in it opens for the row's user and
 * the column's context, and the index beside it is that of its plaintext.
 * A sealed value proves that by itself, so nothing needs to be remembered
 * between the firings of a statement.
 */
#include "trigger_columns.h"

#include "catalog/partition.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define INDEX_BYTES 16

/* A value to protect. */
typedef struct seal_column
{
	caas_place	source;
	caas_place	sealed;
	bool		has_index;
	caas_place	index;
	const char *context_name; /* in the database's encoding */
	caas_bytes	context;
} seal_column;

/* One trigger of one table in one statement. */
typedef struct seal_trigger
{
	AttrNumber	 uuid;
	caas_changes changes;
	int			 ncolumns;
	seal_column	 columns[FLEXIBLE_ARRAY_MEMBER];
} seal_trigger;

extern PGDLLEXPORT Datum caas_sql_seal_trigger(PG_FUNCTION_ARGS);

/* ---- the arguments, once per statement and table ---- */

static caas_names
split_argument(const char *argument)
{
	caas_names names = {pstrdup(argument)};
	char	  *target;

	names.context = caas_cut(names.source, '@');
	target = caas_cut(names.source, '=');
	names.target = target != NULL ? target : names.source;
	names.index = caas_cut(names.target, ':');
	return names;
}

const caas_trigger_kind caas_seal_kind = {
	.name = "caas_seal_trigger",
	.example = "'id', 'ssn=ssn_sealed'",
	.forms_example = "'id', 'ssn=ssn_sealed', 'email=email_sealed:email_index@users.email'",
	.forms = "'source=sealed' or 'source=sealed:index', with '@context' behind it if need be",
	.not_null_hint = "The source is set to null: drop its NOT NULL, and give it to the column of "
					 "the sealed values.",
	.used_twice_hint = "",
	.update_of_hint = "source, sealed and index column",
	.two_triggers_hint = "the second finds only what the first leaves",
	.function = caas_sql_seal_trigger,
	.split = split_argument,
};

static void
refuse_in_place(const TriggerData *call, const char *argument)
{
	ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					errmsg("trigger \"%s\" names no column for the sealed values of \"%s\"",
						   call->tg_trigger->tgname, argument),
					errhint("A value is sealed into a column of its own: %s(%s).",
							caas_seal_kind.name, caas_seal_kind.forms_example),
					caas_hide()));
}

/*
 * schema.table.column, where the table is the topmost one of a partition: a
 * row that moves to another partition keeps its context.
 */
static char *
default_context(Relation relation, const char *column)
{
	Oid table = RelationGetRelid(relation);

	while (get_rel_relispartition(table))
		table = get_partition_parent(table, true);
	return psprintf("%s.%s.%s", get_namespace_name(get_rel_namespace(table)), get_rel_name(table),
					column);
}

static void
set_context(seal_column *column, const char *name, MemoryContext lifetime)
{
	MemoryContext caller = MemoryContextSwitchTo(lifetime);
	caas_error	  too_long = {.status = CAAS_ERR_CONTEXT};

	column->context_name = pstrdup(name);
	column->context = caas_text_bytes(CStringGetTextDatum(name));
	MemoryContextSwitchTo(caller);
	if (column->context.len > CAAS_CONTEXT_MAX_BYTES)
		caas_raise(&too_long);
}

/* The column has this part and no other, and every change of it is seen. */
static void
take_part(caas_arguments *arguments, const caas_place *place)
{
	caas_use_once(arguments, place->attribute);
	caas_check_update_of(arguments, place->attribute);
	caas_refuse_second_trigger(arguments, caas_trigger_column(arguments->call, place->attribute));
}

static void
read_column(caas_arguments *arguments, seal_column *column, const char *argument,
			MemoryContext context)
{
	caas_names names = split_argument(argument);

	if (names.target == names.source)
		refuse_in_place(arguments->call, argument);
	column->source = caas_place_of(arguments, names.source);
	column->sealed = caas_bytea_place_of(arguments, names.target);
	column->has_index = names.index != NULL;
	if (column->has_index)
		column->index = caas_bytea_place_of(arguments, names.index);
	caas_refuse_not_null(arguments, &column->source);
	take_part(arguments, &column->source);
	caas_require_both_events(arguments, names.source);
	take_part(arguments, &column->sealed);
	if (column->has_index)
		take_part(arguments, &column->index);
	if (names.context == NULL)
		names.context = default_context(arguments->call->tg_relation, names.source);
	set_context(column, names.context, context);
}

static seal_trigger *
open_trigger(const TriggerData *call, MemoryContext context)
{
	caas_arguments arguments = caas_arguments_begin(call, &caas_seal_kind);
	int			   ncolumns = call->tg_trigger->tgnargs - 1;
	seal_trigger  *trigger = MemoryContextAllocZero(context, offsetof(seal_trigger, columns) +
																 ncolumns * sizeof(seal_column));

	trigger->ncolumns = ncolumns;
	caas_changes_init(&trigger->changes, 3 * ncolumns, context);
	trigger->uuid = caas_uuid_argument(&arguments);
	for (int i = 0; i < ncolumns; i++)
		read_column(&arguments, &trigger->columns[i], call->tg_trigger->tgargs[i + 1], context);
	return trigger;
}

/* ---- a new plaintext ---- */

static void
seal_source(caas_firing *now, seal_column *column, Datum value)
{
	const pg_uuid_t *uuid = caas_firing_uuid(now, &column->source);
	caas_engine		*engine = caas_firing_engine(now);
	caas_bytes		 bytes = caas_place_bytes(&column->source, value);
	Datum			 sealed = caas_seal_datum(engine, uuid, &column->context, &bytes);

	caas_firing_write(now, &column->sealed, sealed, false);
	if (column->has_index)
		caas_firing_write(now, &column->index,
						  caas_index_datum(engine, 0, &column->context, &bytes, INDEX_BYTES),
						  false);
	caas_firing_write(now, &column->source, (Datum)0, true);
	caas_bytes_release(&bytes);
}

/* ---- a sealed value that comes with the row ---- */

/* Raises why the value is not one for this row. The error does not say what is wrong with it. */
static void
refuse_foreign(const caas_firing *now, const seal_column *column, const caas_error *error)
{
	const TriggerData *call = now->call;
	const char		  *sealed = caas_trigger_column(call, column->sealed.attribute);
	const char		  *relation = RelationGetRelationName(call->tg_relation);

	if (error->status == CAAS_ERR_UNKNOWN_GENERATION)
		caas_raise_with_hint(error, psprintf("The value is one for column \"%s\" of relation "
											 "\"%s\". caas_keyring() lists the generations.",
											 sealed, relation));
	if (error->status == CAAS_ERR_MALFORMED || error->status == CAAS_ERR_CANNOT_OPEN)
		caas_raise_with_hint(
			error,
			psprintf("Column \"%s\" of relation \"%s\" takes what was sealed for this row's \"%s\" "
					 "in the context '%s'. Write a new value as plaintext into column \"%s\".",
					 sealed, relation, caas_trigger_column(call, now->uuid_column),
					 column->context_name, caas_trigger_column(call, column->source.attribute)));
	caas_raise(error);
}

/* A sealed value and the index beside it. */
typedef struct candidate
{
	caas_bytes sealed;
	caas_bytes given;			   /* the index in the row; data is NULL where there is none */
	uint8_t	   index[INDEX_BYTES]; /* the one to store */
} candidate;

/* Not in constant time: both are in the row for its writer to see. */
static bool
is_given(const candidate *value)
{
	return value->given.len == INDEX_BYTES &&
		   memcmp(value->given.data, value->index, INDEX_BYTES) == 0;
}

static caas_status
blind_index(caas_engine *engine, int generation, const caas_bytes *context,
			const caas_bytes *plaintext, uint8_t *index, caas_error *error)
{
	return caas_blind_index(engine, generation, context->data, context->len, plaintext->data,
							plaintext->len, index, INDEX_BYTES, error);
}

/*
 * The index of the active generation, except beside a value of an older one:
 * there the given index stays when it is right under any generation. So a
 * restore brings back what was dumped, and resealing renews both.
 */
static caas_status
choose_index(caas_engine *engine, const caas_bytes *context, const caas_bytes *plaintext,
			 candidate *value, caas_error *error)
{
	caas_keyring_info keyring;
	caas_sealed_info  sealed;

	caas_engine_keyring(engine, &keyring);
	(void)caas_sealed_describe(value->sealed.data, value->sealed.len, &sealed);
	if (sealed.generation == keyring.active || value->given.data == NULL)
		return blind_index(engine, 0, context, plaintext, value->index, error);
	for (int i = 0; i < keyring.count; i++)
	{
		int			generation = caas_engine_generation_number(engine, i);
		caas_status status =
			blind_index(engine, generation, context, plaintext, value->index, error);

		if (status != CAAS_OK || is_given(value))
			return status;
	}
	return blind_index(engine, 0, context, plaintext, value->index, error);
}

/* Opens the value, and wipes the plaintext before anything can raise an error. */
static caas_status
authenticate(caas_engine *engine, const pg_uuid_t *uuid, const seal_column *column,
			 candidate *value, caas_error *error)
{
	const caas_bytes *context = &column->context;
	uint8_t			 *room = palloc(value->sealed.len);
	caas_bytes		  plaintext = {.data = (const char *)room};
	caas_status		  status =
		caas_open(engine, uuid->data, context->data, context->len, value->sealed.data,
				  value->sealed.len, room, &plaintext.len, error);

	if (status == CAAS_OK && column->has_index)
		status = choose_index(engine, context, &plaintext, value, error);
	caas_cleanse(room, plaintext.len);
	pfree(room);
	return status;
}

static void
write_index(const caas_firing *now, seal_column *column, const uint8_t *index)
{
	struct varlena *value = palloc(VARHDRSZ + INDEX_BYTES);

	SET_VARSIZE(value, VARHDRSZ + INDEX_BYTES);
	memcpy(VARDATA(value), index, INDEX_BYTES);
	caas_firing_write(now, &column->index, PointerGetDatum(value), false);
}

static void
check_sealed(caas_firing *now, seal_column *column, candidate *value)
{
	const pg_uuid_t *uuid = caas_firing_uuid(now, &column->sealed);
	caas_engine		*engine = caas_firing_engine(now);
	caas_error		 error;

	if (authenticate(engine, uuid, column, value, &error) != CAAS_OK)
		refuse_foreign(now, column, &error);
	if (column->has_index && !is_given(value))
		write_index(now, column, value->index);
}

/* The bytes in the row; data is NULL where it has none. */
static caas_bytes
bytes_of(const caas_firing *now, const caas_place *place)
{
	caas_bytes none = {.data = NULL};
	bool	   is_null;
	Datum	   value = slot_getattr(now->row, place->attribute, &is_null);

	return is_null ? none : caas_bytea_bytes(value);
}

/* No plaintext came with the row: what its other columns hold must fit together. */
static void
check_row(caas_firing *now, seal_column *column)
{
	candidate value = {.sealed = bytes_of(now, &column->sealed)};

	if (column->has_index)
		value.given = bytes_of(now, &column->index);
	if (value.sealed.data != NULL)
		check_sealed(now, column, &value);
	else if (value.given.data != NULL)
		caas_firing_write(now, &column->index, (Datum)0, true);
	caas_bytes_release(&value.sealed);
	caas_bytes_release(&value.given);
}

static bool
is_touched(const caas_firing *now, const seal_column *column)
{
	return !now->same_uuid || caas_firing_changed(now, column->sealed.attribute) ||
		   (column->has_index && caas_firing_changed(now, column->index.attribute));
}

static void
protect(caas_firing *now, seal_column *column)
{
	bool  is_null;
	Datum value = slot_getattr(now->row, column->source.attribute, &is_null);

	if (!is_null)
		seal_source(now, column, value);
	else if (is_touched(now, column))
		check_row(now, column);
}

/* caas_seal_trigger() returns trigger */
PG_FUNCTION_INFO_V1(caas_sql_seal_trigger);
Datum
caas_sql_seal_trigger(PG_FUNCTION_ARGS)
{
	const TriggerData *call = caas_trigger_call(fcinfo, &caas_seal_kind);
	seal_trigger	  *trigger = fcinfo->flinfo->fn_extra;
	caas_firing		   now;

	if (trigger == NULL)
		fcinfo->flinfo->fn_extra = trigger = open_trigger(call, fcinfo->flinfo->fn_mcxt);
	now = caas_firing_begin(fcinfo, trigger->uuid, &trigger->changes);
	for (int i = 0; i < trigger->ncolumns; i++)
		protect(&now, &trigger->columns[i]);
	return PointerGetDatum(caas_firing_end(&now));
}
