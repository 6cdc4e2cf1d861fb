/*
 * trigger_seal.c - caas_seal_trigger(): values are sealed before a row is stored.
 *
 * A statement may also bring sealed values. The trigger opens them: only a value
 * sealed for the row's user and the column's context is stored, and the blind
 * index beside it is set right. A sealed value proves user and context by itself,
 * so nothing is remembered between firings, unlike in caas_encrypt_trigger().
 */
#include "trigger.h"

#include "catalog/partition.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define INDEX_BYTES 16

typedef struct seal_state
{
	const char *context_name; /* in the encoding of the database, for messages */
	caas_bytes	context;	  /* in UTF-8 */
} seal_state;

/* ---- new plaintext ---- */

static void
seal_source(caas_firing *firing, caas_protected_column *column, Datum value)
{
	const seal_state *state = column->state;
	const pg_uuid_t	 *uuid = caas_firing_uuid(firing, &column->source);
	caas_engine		 *engine = caas_firing_engine(firing);
	caas_bytes		  plaintext = caas_attribute_bytes(&column->source, value);

	caas_firing_write(firing, &column->target,
					  caas_seal_datum(engine, uuid, &state->context, &plaintext));
	if (column->has_companion)
		caas_firing_write(firing, &column->companion,
						  caas_index_datum(engine, 0, &state->context, &plaintext, INDEX_BYTES));
	caas_firing_write_null(firing, &column->source);
	caas_bytes_release(&plaintext);
}

/* ---- a sealed value that the statement brings ---- */

/* A sealed value and the blind index beside it; data is NULL when the row has none. */
typedef struct sealed_pair
{
	caas_bytes sealed;
	caas_bytes given_index;
	uint8_t	   right_index[INDEX_BYTES]; /* to be stored */
} sealed_pair;

/* Raises the error of a value that does not open. It says no more than caas_open() does. */
static void
refuse_sealed(const caas_firing *firing, const caas_protected_column *column,
			  const caas_error *error)
{
	const seal_state *state = column->state;
	const char		 *sealed = caas_firing_column(firing, column->target.number);
	const char		 *relation = caas_firing_relation(firing);

	if (error->status == CAAS_ERR_UNKNOWN_GENERATION)
		caas_raise_with_hint(error,
							 psprintf("The value is one for column \"%s\" of relation \"%s\". "
									  "caas_keyring() lists the generations.",
									  sealed, relation));
	if (error->status == CAAS_ERR_MALFORMED || error->status == CAAS_ERR_CANNOT_OPEN)
		caas_raise_with_hint(
			error,
			psprintf(
				"Column \"%s\" of relation \"%s\" takes what was sealed for this row's \"%s\" in the context '%s'. "
				"Write a new value as plaintext into column \"%s\".",
				sealed, relation, caas_firing_column(firing, firing->trigger->uuid),
				state->context_name, caas_firing_column(firing, column->source.number)));
	caas_raise(error);
}

/* memcmp() is enough: the author of the statement can read both. */
static bool
index_is_right(const sealed_pair *pair)
{
	return pair->given_index.len == INDEX_BYTES &&
		   memcmp(pair->given_index.data, pair->right_index, INDEX_BYTES) == 0;
}

static caas_status
blind_index(caas_engine *engine, int generation, const caas_bytes *context,
			const caas_bytes *plaintext, uint8_t *index, caas_error *error)
{
	return caas_blind_index(engine, generation, context->data, context->len, plaintext->data,
							plaintext->len, index, INDEX_BYTES, error);
}

/*
 * Takes the index of the active generation, with one exception: beside a value
 * of an older generation an index that is right under any generation stays. So a
 * restore brings back what was dumped, while resealing renews value and index.
 */
static caas_status
choose_index(caas_engine *engine, const caas_bytes *context, const caas_bytes *plaintext,
			 sealed_pair *pair, caas_error *error)
{
	caas_keyring_info keyring;
	caas_sealed_info  sealed;

	caas_engine_keyring(engine, &keyring);
	(void)caas_sealed_describe(pair->sealed.data, pair->sealed.len,
							   &sealed); /* cannot fail: it was opened */
	if (sealed.generation == keyring.active || pair->given_index.data == NULL)
		return blind_index(engine, 0, context, plaintext, pair->right_index, error);
	for (int i = 0; i < keyring.count; i++)
	{
		int			generation = caas_engine_generation_number(engine, i);
		caas_status status =
			blind_index(engine, generation, context, plaintext, pair->right_index, error);

		if (status != CAAS_OK || index_is_right(pair))
			return status;
	}
	return blind_index(engine, 0, context, plaintext, pair->right_index, error);
}

/* Opens the value and computes its index. Wipes the plaintext before any error is raised. */
static caas_status
open_sealed(caas_engine *engine, const pg_uuid_t *uuid, const caas_protected_column *column,
			sealed_pair *pair, caas_error *error)
{
	const seal_state *state = column->state;
	const caas_bytes *context = &state->context;
	uint8_t			 *room = palloc(pair->sealed.len);
	caas_bytes		  plaintext = {.data = (const char *)room};
	caas_status		  status =
		caas_open(engine, uuid->data, context->data, context->len, pair->sealed.data,
				  pair->sealed.len, room, &plaintext.len, error);

	if (status == CAAS_OK && column->has_companion)
		status = choose_index(engine, context, &plaintext, pair, error);
	caas_cleanse(room, plaintext.len);
	pfree(room);
	return status;
}

static void
write_index(const caas_firing *firing, caas_protected_column *column, const uint8_t *index)
{
	struct varlena *value = palloc(VARHDRSZ + INDEX_BYTES);

	SET_VARSIZE(value, VARHDRSZ + INDEX_BYTES);
	memcpy(VARDATA(value), index, INDEX_BYTES);
	caas_firing_write(firing, &column->companion, PointerGetDatum(value));
}

static void
check_sealed(caas_firing *firing, caas_protected_column *column, sealed_pair *pair)
{
	const pg_uuid_t *uuid = caas_firing_uuid(firing, &column->target);
	caas_engine		*engine = caas_firing_engine(firing);
	caas_error		 error;

	if (open_sealed(engine, uuid, column, pair, &error) != CAAS_OK)
		refuse_sealed(firing, column, &error);
	if (column->has_companion && !index_is_right(pair))
		write_index(firing, column, pair->right_index);
}

/* Returns the bytes that the row has in the column; data is NULL when the column is null. */
static caas_bytes
bytea_in_row(const caas_firing *firing, const caas_attribute *attribute)
{
	caas_bytes none = {.data = NULL};
	bool	   is_null;
	Datum	   value = slot_getattr(firing->row, attribute->number, &is_null);

	return is_null ? none : caas_bytea_bytes(value);
}

/* Without plaintext, the sealed value must fit the row, and the index the sealed value. */
static void
check_pair(caas_firing *firing, caas_protected_column *column)
{
	sealed_pair pair = {.sealed = bytea_in_row(firing, &column->target)};

	if (column->has_companion)
		pair.given_index = bytea_in_row(firing, &column->companion);
	if (pair.sealed.data != NULL)
		check_sealed(firing, column, &pair);
	else if (pair.given_index.data != NULL)
		caas_firing_write_null(firing, &column->companion);
	caas_bytes_release(&pair.sealed);
	caas_bytes_release(&pair.given_index);
}

/* A pair that an UPDATE does not change was checked when it was stored, and needs no API key. */
static bool
needs_check(const caas_firing *firing, const caas_protected_column *column)
{
	return !firing->same_uuid || caas_firing_changed(firing, &column->target) ||
		   (column->has_companion && caas_firing_changed(firing, &column->companion));
}

static void
protect_column(caas_firing *firing, caas_protected_column *column)
{
	bool  is_null;
	Datum value = slot_getattr(firing->row, column->source.number, &is_null);

	if (!is_null)
		seal_source(firing, column, value);
	else if (needs_check(firing, column))
		check_pair(firing, column);
}

/* ---- the trigger function ---- */

/*
 * Returns schema.table.column of the source. For a partition the table is the
 * topmost one: so a row that moves to another partition keeps its context.
 */
static const char *
default_context(Relation relation, const char *source)
{
	Oid table = RelationGetRelid(relation);

	while (get_rel_relispartition(table))
		table = get_partition_parent(table, true);
	return psprintf("%s.%s.%s", get_namespace_name(get_rel_namespace(table)), get_rel_name(table),
					source);
}

static void
open_column(const caas_opening *opening, const caas_argument *argument,
			caas_protected_column *column)
{
	seal_state *state = palloc(sizeof *state);
	caas_error	too_long = {.status = CAAS_ERR_CONTEXT};

	column->state = state;
	state->context_name = argument->context != NULL
							  ? argument->context
							  : default_context(opening->relation, argument->source);
	state->context = caas_text_bytes(CStringGetTextDatum(state->context_name));
	if (state->context.len > CAAS_CONTEXT_MAX_BYTES)
		caas_raise(&too_long);
}

const caas_trigger_kind caas_seal_kind = {
	.name = "caas_seal_trigger",
	.function = caas_sql_seal_trigger,
	.allows_companion = true,
	.allows_context = true,
	.requires_target = true,
	.target_is_bytea = true,
	.checks_target = true,
	.declaration_hint =
		"Write CREATE TRIGGER .. BEFORE INSERT OR UPDATE ON .. FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed').",
	.arguments_hint =
		"The arguments of caas_seal_trigger are the uuid column, then for each value 'source=sealed' or 'source=sealed:index', with '@context' at the end where the default context is not wanted. "
		"Write column names as the catalog has them: without quotes, in the same case.",
	.open_column = open_column,
	.protect_column = protect_column,
};

/* caas_seal_trigger() returns trigger */
PG_FUNCTION_INFO_V1(caas_sql_seal_trigger);
Datum
caas_sql_seal_trigger(PG_FUNCTION_ARGS)
{
	return caas_trigger_fire(fcinfo, &caas_seal_kind);
}
