/*
 * trigger_firing.c - the frame of one firing of a trigger of caas.
 */
#include "trigger_columns.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"

const TriggerData *
caas_trigger_call(FunctionCallInfo fcinfo, const caas_trigger_kind *kind)
{
	const TriggerData *call = (const TriggerData *)fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(call->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(call->tg_event) ||
		!(TRIGGER_FIRED_BY_INSERT(call->tg_event) || TRIGGER_FIRED_BY_UPDATE(call->tg_event)))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("%s must be fired BEFORE INSERT OR UPDATE FOR EACH ROW", kind->name),
						errhint("CREATE TRIGGER .. BEFORE INSERT OR UPDATE ON .. FOR EACH ROW "
								"EXECUTE FUNCTION %s(%s).",
								kind->name, kind->example),
						caas_hide()));
	return call;
}

void
caas_changes_init(caas_changes *changes, int room, MemoryContext context)
{
	changes->count = 0;
	changes->attributes = MemoryContextAlloc(context, room * sizeof *changes->attributes);
	changes->values = MemoryContextAlloc(context, room * sizeof *changes->values);
	changes->nulls = MemoryContextAlloc(context, room * sizeof *changes->nulls);
}

static const pg_uuid_t *
uuid_of(TupleTableSlot *slot, AttrNumber attribute)
{
	bool  is_null;
	Datum uuid = slot_getattr(slot, attribute, &is_null);

	return is_null ? NULL : DatumGetUUIDP(uuid);
}

bool
caas_same_user(const pg_uuid_t *a, const pg_uuid_t *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return memcmp(a, b, sizeof *a) == 0;
}

caas_firing
caas_firing_begin(FunctionCallInfo fcinfo, AttrNumber uuid_column, caas_changes *changes)
{
	const TriggerData *call = (const TriggerData *)fcinfo->context;
	bool			   is_update = TRIGGER_FIRED_BY_UPDATE(call->tg_event);
	caas_firing		   now;

	now.call = call;
	now.context = fcinfo->flinfo->fn_mcxt;
	now.row = is_update ? call->tg_newslot : call->tg_trigslot;
	now.before = is_update ? call->tg_trigslot : NULL;
	now.uuid_column = uuid_column;
	now.uuid = uuid_of(now.row, uuid_column);
	now.same_uuid = is_update && caas_same_user(now.uuid, uuid_of(now.before, uuid_column));
	now.engine = NULL;
	now.changes = changes;
	changes->count = 0;
	return now;
}

caas_engine *
caas_firing_engine(caas_firing *now)
{
	if (now->engine == NULL)
		now->engine = caas_gated_engine();
	return now->engine;
}

const pg_uuid_t *
caas_firing_uuid(const caas_firing *now, const caas_place *place)
{
	if (now->uuid == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("column \"%s\" of relation \"%s\" has a value but \"%s\" is null",
							   caas_trigger_column(now->call, place->attribute),
							   RelationGetRelationName(now->call->tg_relation),
							   caas_trigger_column(now->call, now->uuid_column)),
						errhint("A value can be stored for a known user only. A column default or "
								"a trigger that fires earlier may fill the uuid."),
						caas_hide()));
	return now->uuid;
}

bool
caas_same_image(Datum a, Datum b)
{
	Size size = VARSIZE_ANY(DatumGetPointer(a));

	/* Also spares fetching a large value that both name by the same pointer. */
	if (size == VARSIZE_ANY(DatumGetPointer(b)) &&
		memcmp(DatumGetPointer(a), DatumGetPointer(b), size) == 0)
		return true;
	return datum_image_eq(a, b, false, -1);
}

bool
caas_firing_changed(const caas_firing *now, AttrNumber attribute)
{
	bool  was_null;
	bool  is_null;
	Datum old;
	Datum new;

	if (now->before == NULL)
		return true;
	old = slot_getattr(now->before, attribute, &was_null);
	new = slot_getattr(now->row, attribute, &is_null);
	if (was_null || is_null)
		return was_null != is_null;
	return !caas_same_image(old, new);
}

void
caas_firing_write(const caas_firing *now, caas_place *place, Datum value, bool is_null)
{
	caas_changes *changes = now->changes;

	if (OidIsValid(place->domain))
		domain_check(value, is_null, place->domain, &place->checks, now->context);
	changes->attributes[changes->count] = place->attribute;
	changes->values[changes->count] = value;
	changes->nulls[changes->count] = is_null;
	changes->count++;
}

HeapTuple
caas_firing_end(const caas_firing *now)
{
	const caas_changes *changes = now->changes;
	HeapTuple row = now->before == NULL ? now->call->tg_trigtuple : now->call->tg_newtuple;

	if (changes->count == 0)
		return row;
	return heap_modify_tuple_by_cols(row, RelationGetDescr(now->call->tg_relation), changes->count,
									 changes->attributes, changes->values, changes->nulls);
}

caas_bytes
caas_place_bytes(const caas_place *place, Datum value)
{
	return place->is_text ? caas_text_bytes(value) : caas_bytea_bytes(value);
}
