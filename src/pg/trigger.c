/*
 * trigger.c - caas_encrypt_trigger(): a row's values become digests before the row is stored.
 */
#include "trigger.h"

#include "utils/rel.h"

/* ---- whose is a value that is already there? ---- */

static void
refuse_other_user(const caas_firing *now, const caas_column *column, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
					errmsg("column \"%s\" of relation \"%s\" holds a digest of another \"%s\"",
						   caas_trigger_column(now->call, column->target.attribute),
						   RelationGetRelationName(now->call->tg_relation),
						   caas_trigger_column(now->call, now->uuid_column)),
					errdetail("The plaintext is gone, so no digest can be made for this one."),
					errhint("%s", hint), caas_hide()));
}

/*
 * The firing of this statement that left the value in this row: that of the
 * UPDATE which moves the row here, or of the INSERT whose EXCLUDED holds it,
 * perhaps in another column, since a digest does not depend on the column.
 */
static const caas_left *
left_by_us(const caas_trigger *trigger, const caas_firing *now, const caas_column *column,
		   Datum value)
{
	if (now->before == NULL)
		return caas_left_is(column->moving, value) && caas_left_moved(column->moving)
				   ? column->moving
				   : NULL;
	for (int i = 0; i < trigger->ncolumns; i++)
		if (caas_left_is(trigger->columns[i].inserted, value))
			return trigger->columns[i].inserted;
	return NULL;
}

/* Whether the target's value is there already, rather than written by the user now; raises 27000
 * when it is another user's. */
static bool
is_kept(const caas_trigger *trigger, const caas_firing *now, const caas_column *column, Datum value)
{
	bool			 was_there = !caas_firing_changed(now, column->target.attribute);
	const caas_left *left;

	if (was_there && now->same_uuid)
		return true;
	left = left_by_us(trigger, now, column, value);
	if (left != NULL)
	{
		if (!caas_same_user(now->uuid, left->has_uuid ? &left->uuid : NULL))
			refuse_other_user(now, column,
							  now->before == NULL
								  ? "A trigger that changes the uuid must fire before this one."
								  : "Write the plaintext in DO UPDATE SET itself, or set the uuid "
									"column from EXCLUDED too.");
		return true;
	}
	if (was_there)
		refuse_other_user(now, column, "Write the plaintext again in the same UPDATE.");
	return false;
}

/* ---- new values ---- */

static Datum
digest(caas_trigger *trigger, caas_firing *now, const caas_column *column, Datum value)
{
	const pg_uuid_t *uuid = caas_firing_uuid(now, &column->source);
	caas_engine		*engine = caas_firing_engine(now);
	caas_bytes		 bytes;
	Datum			 result;

	if (!trigger->lengths_checked)
		caas_trigger_check_lengths(trigger, now->call, engine);
	bytes = caas_place_bytes(&column->source, value);
	result = caas_digest_datum(engine, uuid, 0, &bytes, column->target.is_text);
	caas_bytes_release(&bytes);
	return result;
}

/* What this firing leaves in a column is what a later one of the statement may meet again. */
static void
remember(const caas_firing *now, caas_column *column, Datum value, bool is_null, bool kept)
{
	caas_left *left = now->before == NULL ? column->inserted : column->moving;

	if (now->before == NULL && column->moving != NULL)
		column->moving->set = false; /* it has arrived, if it moved at all */
	if (left == NULL)
		return;
	left->set = false;
	/* What EXCLUDED can hold of ours is a new digest; what moves with a row, anything. */
	if (is_null || (kept && now->before == NULL))
		return;
	caas_left_set(left, now->context, value, now->uuid);
	if (now->before != NULL)
	{
		left->from = RelationGetRelid(now->call->tg_relation);
		left->tid = now->call->tg_trigtuple->t_self;
	}
}

static void
protect(caas_trigger *trigger, caas_firing *now, caas_column *column)
{
	bool  is_null;
	bool  kept = false;
	Datum value = slot_getattr(now->row, column->source.attribute, &is_null);

	if (is_null && !column->in_place)
	{
		/* Nothing new: what the target holds stays, as long as it is this user's. */
		value = slot_getattr(now->row, column->target.attribute, &is_null);
		if (!is_null)
			(void)is_kept(trigger, now, column, value);
		kept = true;
	}
	else if (!is_null && column->in_place)
		kept = is_kept(trigger, now, column, value);
	if (!is_null && !kept)
	{
		value = digest(trigger, now, column, value);
		caas_firing_write(now, &column->target, value, false);
		if (!column->in_place)
			caas_firing_write(now, &column->source, (Datum)0, true);
	}
	remember(now, column, value, is_null, kept);
}

/* caas_encrypt_trigger() returns trigger */
PG_FUNCTION_INFO_V1(caas_sql_encrypt_trigger);
Datum
caas_sql_encrypt_trigger(PG_FUNCTION_ARGS)
{
	const TriggerData *call = caas_trigger_call(fcinfo, &caas_encrypt_kind);
	caas_trigger	  *trigger = fcinfo->flinfo->fn_extra;
	caas_firing		   now;

	if (trigger == NULL)
		fcinfo->flinfo->fn_extra = trigger = caas_trigger_open(call, fcinfo->flinfo->fn_mcxt);
	now = caas_firing_begin(fcinfo, trigger->uuid, &trigger->changes);
	for (int i = 0; i < trigger->ncolumns; i++)
		protect(trigger, &now, &trigger->columns[i]);
	return PointerGetDatum(caas_firing_end(&now));
}
