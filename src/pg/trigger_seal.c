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

/* ---- what a blind index is made of ---- */

/*
 * Returns the plaintext, or with the option normalize its normalized text, which
 * is empty when there is nothing to index. Release it with release_indexed().
 */
static caas_bytes
indexed_bytes(const caas_protected_column *column, const caas_bytes *plaintext)
{
	caas_bytes borrowed = {.data = plaintext->data, .len = plaintext->len};

	return column->normalization == CAAS_NORMALIZE_NONE
			   ? borrowed
			   : caas_normalized_bytes(column->normalization, plaintext);
}

static bool
has_index(const caas_protected_column *column, const caas_bytes *indexed)
{
	return column->normalization == CAAS_NORMALIZE_NONE || indexed->len > 0;
}

static void
release_indexed(caas_bytes *indexed)
{
	if (indexed->owned != NULL)
		caas_normalized_release(indexed);
}

/* ---- new plaintext ---- */

static void
write_new_index(caas_firing *firing, caas_protected_column *column, const caas_bytes *plaintext)
{
	const seal_state *state = column->state;
	caas_bytes		  indexed = indexed_bytes(column, plaintext);

	if (has_index(column, &indexed))
		caas_firing_write(firing, &column->companion,
						  caas_index_datum(caas_firing_engine(firing), 0, &state->context, &indexed,
										   INDEX_BYTES));
	else
		caas_firing_write_null(firing, &column->companion);
	release_indexed(&indexed);
}

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
		write_new_index(firing, column, &plaintext);
	if (!column->keep)
		caas_firing_write_null(firing, &column->source);
	caas_bytes_release(&plaintext);
}

/* ---- a sealed value that the statement brings ---- */

/* A sealed value and the blind index beside it; data is NULL when the row has none. */
typedef struct sealed_pair
{
	caas_bytes sealed;
	caas_bytes given_index;
	bool	   has_right_index;			 /* false: the index is null */
	uint8_t	   right_index[INDEX_BYTES]; /* to be stored */
	bool	   is_expected;				 /* it opened, and to the plaintext that it has to hold */
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
				sealed, relation, caas_firing_column(firing, firing->trigger->id.number),
				state->context_name, caas_firing_column(firing, column->source.number)));
	caas_raise(error);
}

/* memcmp() is enough: the author of the statement can read both. */
static bool
index_is_right(const sealed_pair *pair)
{
	if (!pair->has_right_index)
		return pair->given_index.data == NULL;
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
 * of an older generation an index that is right under any index key stays. So a
 * restore brings back what was dumped, while resealing renews value and index.
 */
static caas_status
choose_index(caas_engine *engine, const caas_bytes *context, const caas_bytes *indexed,
			 sealed_pair *pair, caas_error *error)
{
	caas_keyring_info keyring;
	caas_sealed_info  sealed;

	caas_engine_keyring(engine, &keyring);
	(void)caas_sealed_describe(pair->sealed.data, pair->sealed.len,
							   &sealed); /* cannot fail: it was opened */
	if (sealed.generation == keyring.active || pair->given_index.data == NULL)
		return blind_index(engine, 0, context, indexed, pair->right_index, error);
	for (int i = 0;; i++)
	{
		int			generation;
		caas_status status = caas_engine_index_generation(engine, i, &generation, error);

		if (status != CAAS_OK)
			return status;
		/* 0: it is right under none */
		status = blind_index(engine, generation, context, indexed, pair->right_index, error);
		if (status != CAAS_OK || generation == 0 || index_is_right(pair))
			return status;
	}
}

static caas_status
find_index(caas_engine *engine, const caas_protected_column *column, const caas_bytes *plaintext,
		   sealed_pair *pair, caas_error *error)
{
	const seal_state *state = column->state;
	caas_bytes		  indexed = indexed_bytes(column, plaintext);
	caas_status		  status = CAAS_OK;

	pair->has_right_index = has_index(column, &indexed);
	if (pair->has_right_index)
		status = choose_index(engine, &state->context, &indexed, pair, error);
	release_indexed(&indexed);
	return status;
}

static bool
same_bytes(const caas_bytes *a, const caas_bytes *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/*
 * Opens the value and computes its index; expected is the plaintext that it has
 * to hold, or NULL for any. Wipes the plaintext before any error is raised.
 */
static caas_status
open_sealed(caas_engine *engine, const pg_uuid_t *uuid, const caas_protected_column *column,
			const caas_bytes *expected, sealed_pair *pair, caas_error *error)
{
	const seal_state	*state = column->state;
	const caas_bytes	*context = &state->context;
	uint8_t				*room = palloc(pair->sealed.len);
	caas_bytes			 plaintext = {.data = (const char *)room};
	volatile caas_status status =
		caas_open(engine, uuid->data, context->data, context->len, pair->sealed.data,
				  pair->sealed.len, room, &plaintext.len, error);

	pair->is_expected = status == CAAS_OK && (expected == NULL || same_bytes(expected, &plaintext));
	PG_TRY();
	{
		if (pair->is_expected && column->has_companion)
			status = find_index(engine, column, &plaintext, pair, error);
	}
	PG_CATCH();
	{
		caas_cleanse(room, plaintext.len);
		PG_RE_THROW();
	}
	PG_END_TRY();
	caas_cleanse(room, plaintext.len);
	pfree(room);
	return status;
}

static void
write_index(const caas_firing *firing, caas_protected_column *column, const sealed_pair *pair)
{
	struct varlena *value;

	if (!pair->has_right_index)
	{
		caas_firing_write_null(firing, &column->companion);
		return;
	}
	value = palloc(VARHDRSZ + INDEX_BYTES);
	SET_VARSIZE(value, VARHDRSZ + INDEX_BYTES);
	memcpy(VARDATA(value), pair->right_index, INDEX_BYTES);
	caas_firing_write(firing, &column->companion, PointerGetDatum(value));
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

static sealed_pair
pair_in_row(const caas_firing *firing, const caas_protected_column *column)
{
	sealed_pair pair = {.sealed = bytea_in_row(firing, &column->target)};

	if (column->has_companion)
		pair.given_index = bytea_in_row(firing, &column->companion);
	return pair;
}

static void
release_pair(sealed_pair *pair)
{
	caas_bytes_release(&pair->sealed);
	caas_bytes_release(&pair->given_index);
}

/* Without plaintext, the sealed value must fit the row, and the index the sealed value. */
static void
check_pair(caas_firing *firing, caas_protected_column *column)
{
	sealed_pair		 pair = pair_in_row(firing, column);
	const pg_uuid_t *uuid;
	caas_error		 error;

	if (pair.sealed.data != NULL)
	{
		uuid = caas_firing_uuid(firing, &column->target);
		if (open_sealed(caas_firing_engine(firing), uuid, column, NULL, &pair, &error) != CAAS_OK)
			refuse_sealed(firing, column, &error);
		if (column->has_companion && !index_is_right(&pair))
			write_index(firing, column, &pair);
	}
	else if (pair.given_index.data != NULL)
		caas_firing_write_null(firing, &column->companion);
	release_pair(&pair);
}

/* True when the row's sealed value opens to the source; then its index is set right. */
static bool
holds_source(caas_firing *firing, caas_protected_column *column, Datum value)
{
	sealed_pair		 pair = pair_in_row(firing, column);
	const pg_uuid_t *uuid = caas_firing_uuid(firing, &column->source);
	caas_engine		*engine = caas_firing_engine(firing);
	caas_bytes		 expected = caas_attribute_bytes(&column->source, value);
	caas_error		 error;

	if (open_sealed(engine, uuid, column, &expected, &pair, &error) != CAAS_OK)
		pair.is_expected = false;
	if (pair.is_expected && column->has_companion && !index_is_right(&pair))
		write_index(firing, column, &pair);
	caas_bytes_release(&expected);
	release_pair(&pair);
	return pair.is_expected;
}

/* A pair that an UPDATE does not change was checked when it was stored, and needs no API key. */
static bool
needs_check(const caas_firing *firing, const caas_protected_column *column)
{
	return !firing->same_user || caas_firing_changed(firing, &column->target) ||
		   (column->has_companion && caas_firing_changed(firing, &column->companion));
}

/*
 * Keeps the source (the option keep). An UPDATE that leaves the source alone
 * cannot take its sealed value away, and can bring only one of the source.
 */
static void
seal_beside(caas_firing *firing, caas_protected_column *column, Datum value)
{
	bool was_null = caas_firing_was_null(firing, &column->target);

	if (!caas_firing_leaves(firing, &column->source) || was_null)
		seal_source(firing, column, value);
	else if (!needs_check(firing, column))
		return;
	else if (caas_firing_is_null(firing, &column->target))
		caas_firing_restore(firing, column);
	else if (!holds_source(firing, column, value))
		seal_source(firing, column, value);
}

static void
protect_column(caas_firing *firing, caas_protected_column *column)
{
	bool  is_null;
	Datum value = slot_getattr(firing->row, column->source.number, &is_null);

	if (is_null && caas_firing_erase(firing, column))
		return;
	else if (is_null && needs_check(firing, column))
		check_pair(firing, column);
	else if (is_null || caas_firing_stays_unprotected(firing, column))
		return;
	else if (column->keep)
		seal_beside(firing, column, value);
	else
		seal_source(firing, column, value);
}

/* ---- the trigger function ---- */

/*
 * Returns the context that releases before 0.4 took where none was named:
 * schema.table.column of the source, with the topmost table of a partition.
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

/* Returns a context as an argument has it: in double quotes where needed. */
static const char *
as_written(const char *context)
{
	StringInfoData text;

	if (strpbrk(context, "\" \t\n") == NULL)
		return context;
	initStringInfo(&text);
	caas_append_quoted(&text, context);
	return text.data;
}

static void
open_column(const caas_opening *opening, const caas_argument *argument,
			caas_protected_column *column)
{
	seal_state *state = palloc(sizeof *state);
	caas_error	too_long = {.status = CAAS_ERR_CONTEXT};

	column->state = state;
	state->context_name = argument->context;
	if (argument->context == NULL)
	{
		state->context_name = default_context(opening->relation, argument->source.text);
		ereport(
			opening->is_creation ? WARNING : ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" of relation \"%s\" names no context for column \"%s\"",
					opening->own->trigger->tgname, RelationGetRelationName(opening->relation),
					argument->source.text),
			 errdetail("Sealed values belong to a context, which must not change when the table "
					   "is renamed or moved."),
			 errhint("Write '%s@%s', which is the context that it had before version 0.4.",
					 argument->text, as_written(state->context_name)),
			 caas_hide()));
	}
	if (argument->has_blank && opening->is_creation)
		ereport(WARNING,
				(errmsg("the context \"%s\" of trigger \"%s\" contains a blank", argument->context,
						opening->own->trigger->tgname),
				 errhint("If its end was meant as an option, there is no such option. Write the "
						 "context in double quotes: @%s",
						 as_written(argument->context)),
				 caas_hide()));
	state->context = caas_text_bytes(CStringGetTextDatum(state->context_name));
	if (state->context.len > CAAS_CONTEXT_MAX_BYTES)
		caas_raise(&too_long);
}

const caas_trigger_kind caas_seal_kind = {
	.name = "caas_seal_trigger",
	.is_seal = true,
	.declaration_hint =
		"Write CREATE TRIGGER .. BEFORE INSERT OR UPDATE ON .. FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed@users.ssn').",
	.arguments_hint =
		"The arguments of caas_seal_trigger are the id column, as 'id' or 'id@namespace', then for each value 'source=sealed@context' or 'source=sealed:index@context', and options behind a blank. "
		"Write names as in SQL, in double quotes where needed.",
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
