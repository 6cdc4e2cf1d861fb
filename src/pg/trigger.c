/*
 * trigger.c - caas_encrypt_trigger(): a row's values become digests before the row is stored.
 */
#include "trigger.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/rel.h"

/* One firing. */
typedef struct firing
{
	caas_trigger	  *trigger;
	const TriggerData *call;
	MemoryContext	   context;	  /* of the statement */
	TupleTableSlot	  *row;		  /* as it would be stored */
	TupleTableSlot	  *before;	  /* NULL on INSERT */
	const pg_uuid_t	  *uuid;	  /* NULL when the column is null */
	bool			   same_uuid; /* as before */
	caas_engine		  *engine;	  /* asked for by the first value that needs it */
} firing;

static const TriggerData *
check_call(FunctionCallInfo fcinfo)
{
	const TriggerData *call = (const TriggerData *)fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(call->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(call->tg_event) ||
		!(TRIGGER_FIRED_BY_INSERT(call->tg_event) || TRIGGER_FIRED_BY_UPDATE(call->tg_event)))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("caas_encrypt_trigger must be fired BEFORE INSERT OR UPDATE FOR "
							   "EACH ROW"),
						errhint("CREATE TRIGGER .. BEFORE INSERT OR UPDATE ON .. FOR EACH ROW "
								"EXECUTE FUNCTION caas_encrypt_trigger('id', 'email')."),
						caas_hide()));
	return call;
}

static const pg_uuid_t *
uuid_of(TupleTableSlot *slot, AttrNumber attribute)
{
	bool  is_null;
	Datum uuid = slot_getattr(slot, attribute, &is_null);

	return is_null ? NULL : DatumGetUUIDP(uuid);
}

static bool
same_user(const pg_uuid_t *a, const pg_uuid_t *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return memcmp(a, b, sizeof *a) == 0;
}

static void
open_firing(firing *now, caas_trigger *trigger, const TriggerData *call, MemoryContext context)
{
	bool is_update = TRIGGER_FIRED_BY_UPDATE(call->tg_event);

	now->trigger = trigger;
	now->call = call;
	now->context = context;
	now->row = is_update ? call->tg_newslot : call->tg_trigslot;
	now->before = is_update ? call->tg_trigslot : NULL;
	now->uuid = uuid_of(now->row, trigger->uuid);
	now->same_uuid = is_update && same_user(now->uuid, uuid_of(now->before, trigger->uuid));
	now->engine = NULL;
	trigger->nchanges = 0;
}

/* ---- whose is a value that is already there? ---- */

static void
refuse_other_user(const firing *now, const caas_column *column, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
					errmsg("column \"%s\" of relation \"%s\" holds a digest of another \"%s\"",
						   caas_trigger_column(now->call, column->target),
						   RelationGetRelationName(now->call->tg_relation),
						   caas_trigger_column(now->call, now->trigger->uuid)),
					errdetail("The plaintext is gone, so no digest can be made for this one."),
					errhint("%s", hint), caas_hide()));
}

static bool
was_there_before(const firing *now, const caas_column *column, Datum value)
{
	bool  is_null;
	Datum old;

	if (now->before == NULL)
		return false;
	old = slot_getattr(now->before, column->target, &is_null);
	return !is_null && caas_same_image(old, value);
}

/*
 * The firing of this statement that left the value in this row: that of the
 * UPDATE which moves the row here, or of the INSERT whose EXCLUDED holds it,
 * perhaps in another column, since a digest does not depend on the column.
 */
static const caas_left *
left_by_us(const firing *now, const caas_column *column, Datum value)
{
	const caas_trigger *trigger = now->trigger;

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
is_kept(const firing *now, const caas_column *column, Datum value)
{
	bool			 was_there = was_there_before(now, column, value);
	const caas_left *left;

	if (was_there && now->same_uuid)
		return true;
	left = left_by_us(now, column, value);
	if (left != NULL)
	{
		if (!same_user(now->uuid, left->has_uuid ? &left->uuid : NULL))
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

static void
change(firing *now, AttrNumber attribute, Datum value, bool is_null, Oid domain, void **checks)
{
	caas_trigger *trigger = now->trigger;

	/* The server checks no domain on what a trigger returns. */
	if (OidIsValid(domain))
		domain_check(value, is_null, domain, checks, now->context);
	trigger->attributes[trigger->nchanges] = attribute;
	trigger->values[trigger->nchanges] = value;
	trigger->nulls[trigger->nchanges] = is_null;
	trigger->nchanges++;
}

static Datum
digest(firing *now, const caas_column *column, Datum value)
{
	caas_bytes bytes;
	Datum	   result;

	if (now->uuid == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("column \"%s\" of relation \"%s\" has a value but \"%s\" is null",
							   caas_trigger_column(now->call, column->source),
							   RelationGetRelationName(now->call->tg_relation),
							   caas_trigger_column(now->call, now->trigger->uuid)),
						errhint("A value can be stored for a known user only. A column default or "
								"a trigger that fires earlier may fill the uuid."),
						caas_hide()));
	if (now->engine == NULL)
		now->engine = caas_gated_engine();
	if (!now->trigger->lengths_checked)
		caas_trigger_check_lengths(now->trigger, now->call, now->engine);
	bytes = column->source_is_text ? caas_text_bytes(value) : caas_bytea_bytes(value);
	result = caas_digest_datum(now->engine, now->uuid, 0, &bytes, column->target_is_text);
	caas_bytes_release(&bytes);
	return result;
}

/* What this firing leaves in a column is what a later one of the statement may meet again. */
static void
remember(const firing *now, caas_column *column, Datum value, bool is_null, bool kept)
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
protect(firing *now, caas_column *column)
{
	bool  in_place = column->source == column->target;
	bool  is_null;
	bool  kept = false;
	Datum value = slot_getattr(now->row, column->source, &is_null);

	if (is_null && !in_place)
	{
		/* Nothing new: what the target holds stays, as long as it is this user's. */
		value = slot_getattr(now->row, column->target, &is_null);
		if (!is_null)
			(void)is_kept(now, column, value);
		kept = true;
	}
	else if (!is_null && in_place)
		kept = is_kept(now, column, value);
	if (!is_null && !kept)
	{
		value = digest(now, column, value);
		change(now, column->target, value, false, column->target_domain, &column->target_checks);
		if (!in_place)
			change(now, column->source, (Datum)0, true, column->source_domain,
				   &column->source_checks);
	}
	remember(now, column, value, is_null, kept);
}

/* The row to store. All of it is in the server's per-row context, reset after each row. */
static HeapTuple
close_firing(const firing *now)
{
	const caas_trigger *trigger = now->trigger;
	HeapTuple row = now->before == NULL ? now->call->tg_trigtuple : now->call->tg_newtuple;

	if (trigger->nchanges == 0)
		return row;
	return heap_modify_tuple_by_cols(row, RelationGetDescr(now->call->tg_relation),
									 trigger->nchanges, trigger->attributes, trigger->values,
									 trigger->nulls);
}

/* caas_encrypt_trigger() returns trigger */
PG_FUNCTION_INFO_V1(caas_sql_encrypt_trigger);
Datum
caas_sql_encrypt_trigger(PG_FUNCTION_ARGS)
{
	const TriggerData *call = check_call(fcinfo);
	MemoryContext	   context = fcinfo->flinfo->fn_mcxt;
	caas_trigger	  *trigger = fcinfo->flinfo->fn_extra;
	firing			   now;

	if (trigger == NULL)
		fcinfo->flinfo->fn_extra = trigger = caas_trigger_open(call, context);
	open_firing(&now, trigger, call, context);
	for (int i = 0; i < trigger->ncolumns; i++)
		protect(&now, &trigger->columns[i]);
	return PointerGetDatum(close_firing(&now));
}
