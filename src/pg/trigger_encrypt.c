/*
 * trigger_encrypt.c - caas_encrypt_trigger(): values become digests before a row is stored.
 *
 * The trigger must not digest a digest. It knows one that comes back by the
 * memory of trigger_memory.c, and in place refuses other values of its shape.
 */
#include "trigger.h"

#include "access/detoast.h"
#include "utils/rel.h"

/* ---- a value that is a digest already ---- */

static void
refuse_other_user(caas_firing *firing, const caas_protected_column *column, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("column \"%s\" of relation \"%s\" holds a digest of another \"%s\"",
					caas_firing_column(firing, column->target.number), caas_firing_relation(firing),
					caas_firing_column(firing, firing->trigger->id.number)),
			 errdetail("The plaintext is not stored, so it cannot be digested again."),
			 errhint("%s", hint), caas_hide()));
}

/*
 * True when the target's value is protected already: the row had it before, or an
 * earlier firing of this statement left it. Raises 27000 for a protected value of
 * another user.
 */
static bool
is_protected(caas_firing *firing, const caas_protected_column *column, Datum value)
{
	bool				   is_old = !caas_firing_changed(firing, &column->target);
	const caas_remembered *remembered;

	if (is_old && firing->same_user)
		return true;
	remembered = caas_memory_find(firing, column, value);
	if (remembered == NULL && !is_old)
		return false;
	if (remembered == NULL)
		refuse_other_user(firing, column, "Write the plaintext again in the same UPDATE.");
	else if (!caas_same_user(caas_firing_user(firing), caas_remembered_user(remembered)))
		refuse_other_user(
			firing, column,
			firing->before == NULL
				? "A trigger that changes the id must fire before this one."
				: "Write the plaintext in DO UPDATE SET itself, or set the id column from EXCLUDED too.");
	return true;
}

/* Returns the size of the digest that the value can be by its shape, as the library makes; or 0. */
static size_t
size_as_digest(const caas_attribute *attribute, Datum value)
{
	caas_form  form = attribute->kind == CAAS_VALUE_BYTEA ? CAAS_FORM_RAW : CAAS_FORM_HEX;
	caas_bytes bytes;
	size_t	   size;

	/* A longer value need not be fetched. */
	if (toast_raw_datum_size(value) > VARHDRSZ + 2 * CAAS_DIGEST_MAX_BYTES)
		return 0;
	bytes = caas_bytea_bytes(value);
	size = caas_digest_size(bytes.data, bytes.len, form);
	caas_bytes_release(&bytes);
	return size;
}

/*
 * True for a value of the shape of a digest that the keyring's pools make. Where
 * no keyring can be read, as in a restore, the pools of the library count.
 */
static bool
has_shape_of_digest(const caas_attribute *attribute, Datum value)
{
	size_t			  size = size_as_digest(attribute, value);
	caas_engine		 *engine;
	caas_keyring_info keyring;
	caas_error		  error;

	if (size == 0 || !caas_try_keyring(&engine, &error))
		return size != 0;
	caas_engine_keyring(engine, &keyring);
	return (keyring.digest_sizes >> (size - 1) & 1) != 0;
}

static void
refuse_shape(const caas_firing *firing, const caas_protected_column *column)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
		 errmsg("the new value of column \"%s\" of relation \"%s\" has the shape of a digest",
				caas_firing_column(firing, column->source.number), caas_firing_relation(firing)),
		 errdetail("It can be a digest that was read and is written back, or plaintext."),
		 errhint("Write only the columns that change. The option digests=keep of the trigger "
				 "stores such values as they are, digests=plaintext digests them, and "
				 "'source=target' tells the two apart. Restore data with "
				 "pg_restore --disable-triggers."),
		 caas_hide()));
}

static void
refuse_no_digest(const caas_firing *firing, const caas_protected_column *column)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
		 errmsg("the new value of column \"%s\" of relation \"%s\" is not a digest",
				caas_firing_column(firing, column->target.number), caas_firing_relation(firing)),
		 errdetail("It does not have the shape of a digest that the keyring's pools make."),
		 errhint("Write the plaintext into column \"%s\".",
				 caas_firing_column(firing, column->source.number)),
		 caas_hide()));
}

/* ---- a new value ---- */

static void
require_room_for_digests(caas_firing *firing, caas_engine *engine)
{
	caas_trigger	 *trigger = firing->trigger;
	caas_keyring_info keyring;

	caas_engine_keyring(engine, &keyring);
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		const caas_attribute *target = &trigger->columns[i].target;

		if (target->limit >= 0 && target->limit < 2 * keyring.longest)
			ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
							errmsg("column \"%s\" of relation \"%s\" is too short for a digest",
								   caas_firing_column(firing, target->number),
								   caas_firing_relation(firing)),
							errdetail("The column holds %d characters. "
									  "Digests of the active generation have up to %d.",
									  target->limit, 2 * keyring.longest),
							errhint("Change its type to text, or to varchar(%d) or longer.",
									2 * keyring.longest),
							caas_hide()));
	}
	trigger->digests_fit = true;
}

static Datum
digest(caas_firing *firing, caas_protected_column *column, Datum value)
{
	const pg_uuid_t *uuid = caas_firing_uuid(firing, &column->source);
	caas_engine		*engine = caas_firing_engine(firing);
	caas_bytes		 bytes;
	Datum			 result;

	if (!firing->trigger->digests_fit)
		require_room_for_digests(firing, engine);
	bytes = caas_attribute_bytes(&column->source, value);
	result = caas_digest_datum(engine, uuid, 0, &bytes, column->target.kind != CAAS_VALUE_BYTEA);
	caas_bytes_release(&bytes);
	return result;
}

static void
write_generation(const caas_firing *firing, caas_protected_column *column, int generation)
{
	if (column->has_companion)
		caas_firing_write(firing, &column->companion, Int32GetDatum(generation));
}

static void
write_active_generation(caas_firing *firing, caas_protected_column *column)
{
	caas_keyring_info keyring;

	if (!column->has_companion)
		return;
	caas_engine_keyring(caas_firing_engine(firing), &keyring);
	write_generation(firing, column, keyring.active);
}

static void
write_digest(caas_firing *firing, caas_protected_column *column, Datum value)
{
	value = digest(firing, column, value);
	caas_firing_write(firing, &column->target, value);
	write_active_generation(firing, column);
	caas_memory_set(firing, column->state, value, true);
}

/* ---- one column of a row ---- */

/*
 * True for a value that was there before the trigger, which no digest can be. The
 * keyring does not count: it can have lost the generation of an old digest.
 */
static bool
is_old_plaintext(const caas_firing *firing, const caas_protected_column *column, Datum value)
{
	return !caas_firing_changed(firing, &column->target) &&
		   size_as_digest(&column->target, value) == 0;
}

static void
protect_in_place(caas_firing *firing, caas_protected_column *column)
{
	bool  is_null;
	Datum value = slot_getattr(firing->row, column->source.number, &is_null);

	if (is_null)
	{
		caas_memory_forget(firing, column->state);
		return;
	}
	if (is_old_plaintext(firing, column, value))
	{
		if (firing->same_user && caas_key_problem() != NULL)
			caas_memory_forget(firing, column->state);
		else
			write_digest(firing, column, value);
		return;
	}
	if (!is_protected(firing, column, value))
	{
		bool is_shaped =
			column->shaped != CAAS_SHAPED_DIGESTED && has_shape_of_digest(&column->target, value);

		if (!is_shaped)
		{
			write_digest(firing, column, value);
			return;
		}
		if (column->shaped == CAAS_SHAPED_REFUSED)
			refuse_shape(firing, column);
	}
	caas_memory_set(firing, column->state, value, false);
}

/*
 * The statement brings no plaintext, so the target stays, provided that it belongs
 * to this user. A statement can also bring a digest, as a restore does.
 */
static void
keep_target(caas_firing *firing, caas_protected_column *column)
{
	bool  is_null;
	Datum value = slot_getattr(firing->row, column->target.number, &is_null);

	if (is_null)
	{
		caas_memory_forget(firing, column->state);
		if (column->has_companion && !caas_firing_is_null(firing, &column->companion))
			caas_firing_write_null(firing, &column->companion);
		return;
	}
	if (!is_protected(firing, column, value))
	{
		if (!has_shape_of_digest(&column->target, value))
			refuse_no_digest(firing, column);
		/* The generation of a digest that the statement brings is what it says, or unknown. */
		if (column->has_companion && !caas_firing_changed(firing, &column->companion))
			caas_firing_write_null(firing, &column->companion);
	}
	caas_memory_set(firing, column->state, value, false);
}

/* Returns the generation under which the row's target is the digest of the source; 0: it is not. */
static int
generation_of_target(caas_firing *firing, caas_protected_column *column, Datum value)
{
	bool			 is_null;
	Datum			 target = slot_getattr(firing->row, column->target.number, &is_null);
	const pg_uuid_t *uuid = caas_firing_uuid(firing, &column->source);
	caas_engine		*engine = caas_firing_engine(firing);
	caas_bytes		 stored;
	caas_bytes		 bytes;
	int				 generation;
	caas_error		 error;

	if (is_null)
		return 0;
	stored = caas_bytea_bytes(target);
	bytes = caas_attribute_bytes(&column->source, value);
	if (caas_verify(engine, uuid->data, bytes.data, bytes.len, stored.data, stored.len,
					column->target.kind == CAAS_VALUE_BYTEA ? CAAS_FORM_RAW : CAAS_FORM_HEX,
					&generation, &error) != CAAS_OK)
		caas_raise(&error);
	caas_bytes_release(&stored);
	caas_bytes_release(&bytes);
	return generation;
}

/*
 * Keeps the source (the option keep). An UPDATE that leaves the source alone
 * cannot take its digest away, and can bring only a digest of the source.
 */
static void
protect_beside(caas_firing *firing, caas_protected_column *column, Datum value)
{
	bool was_null = caas_firing_was_null(firing, &column->target);
	int	 generation;

	if (caas_firing_leaves(firing, &column->source) && !was_null)
	{
		if (!caas_firing_changed(firing, &column->target))
			return;
		if (caas_firing_is_null(firing, &column->target))
		{
			caas_firing_restore(firing, column);
			return;
		}
		generation = generation_of_target(firing, column, value);
		if (generation != 0)
		{
			write_generation(firing, column, generation);
			return;
		}
	}
	write_digest(firing, column, value);
}

static void
protect_column(caas_firing *firing, caas_protected_column *column)
{
	bool  is_null;
	Datum value = slot_getattr(firing->row, column->source.number, &is_null);

	if (column->in_place)
		protect_in_place(firing, column);
	else if (is_null && caas_firing_erase(firing, column))
		caas_memory_forget(firing, column->state);
	else if (is_null)
		keep_target(firing, column);
	else if (caas_firing_stays_unprotected(firing, column))
		return;
	else if (column->keep)
		protect_beside(firing, column, value);
	else
	{
		write_digest(firing, column, value);
		caas_firing_write_null(firing, &column->source);
	}
}

/* ---- the trigger function ---- */

static void
open_column(const caas_opening *opening, const caas_argument *argument,
			caas_protected_column *column)
{
	column->state = caas_memory_open(opening->relation, argument->source.text);
}

const caas_trigger_kind caas_encrypt_kind = {
	.name = "caas_encrypt_trigger",
	.declaration_hint =
		"Write CREATE TRIGGER .. BEFORE INSERT OR UPDATE ON .. FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email').",
	.arguments_hint =
		"The arguments of caas_encrypt_trigger are the id column, as 'id' or 'id@namespace', then for each value 'column', which is replaced in place, or 'source=target' or 'source=target:generation', and options behind a blank. "
		"Write names as in SQL, in double quotes where needed.",
	.open_column = open_column,
	.protect_column = protect_column,
};

/* caas_encrypt_trigger() returns trigger */
PG_FUNCTION_INFO_V1(caas_sql_encrypt_trigger);
Datum
caas_sql_encrypt_trigger(PG_FUNCTION_ARGS)
{
	return caas_trigger_fire(fcinfo, &caas_encrypt_kind);
}
