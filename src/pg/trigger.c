/*
 * trigger.c - the frame of a firing, which both row triggers share.
 *
 * The way of a row begins at the end of this file, in caas_trigger_fire().
 */
#include "trigger.h"

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"

/* ---- a row, for the protect_column() of each kind ---- */

const char *
caas_firing_relation(const caas_firing *firing)
{
	return RelationGetRelationName(firing->call->tg_relation);
}

const char *
caas_firing_column(const caas_firing *firing, AttrNumber number)
{
	TupleDesc columns = RelationGetDescr(firing->call->tg_relation);

	return NameStr(TupleDescAttr(columns, number - 1)->attname);
}

caas_engine *
caas_firing_engine(caas_firing *firing)
{
	if (firing->engine == NULL)
		firing->engine = caas_gated_engine();
	return firing->engine;
}

const pg_uuid_t *
caas_firing_uuid(const caas_firing *firing, const caas_attribute *attribute)
{
	if (firing->uuid == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of relation \"%s\" has a value but \"%s\" is null",
						caas_firing_column(firing, attribute->number), caas_firing_relation(firing),
						caas_firing_column(firing, firing->trigger->uuid)),
				 errhint("A value can be protected for a known user only. "
						 "Set the uuid in the statement, by a default or in an earlier trigger."),
				 caas_hide()));
	return firing->uuid;
}

bool
caas_same_user(const pg_uuid_t *a, const pg_uuid_t *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return memcmp(a, b, sizeof *a) == 0;
}

bool
caas_same_image(Datum a, Datum b)
{
	Size size = VARSIZE_ANY(DatumGetPointer(a));

	/* Two equal TOAST pointers name the same value: it need not be fetched. */
	if (size == VARSIZE_ANY(DatumGetPointer(b)) &&
		memcmp(DatumGetPointer(a), DatumGetPointer(b), size) == 0)
		return true;
	return datum_image_eq(a, b, false, -1);
}

bool
caas_firing_changed(const caas_firing *firing, const caas_attribute *attribute)
{
	bool  was_null;
	bool  is_null;
	Datum old;
	Datum new;

	if (firing->before == NULL)
		return true;
	old = slot_getattr(firing->before, attribute->number, &was_null);
	new = slot_getattr(firing->row, attribute->number, &is_null);
	if (was_null || is_null)
		return was_null != is_null;
	return !caas_same_image(old, new);
}

caas_bytes
caas_attribute_bytes(const caas_attribute *attribute, Datum value)
{
	return attribute->is_text ? caas_text_bytes(value) : caas_bytea_bytes(value);
}

static void
write_attribute(const caas_firing *firing, caas_attribute *attribute, Datum value, bool is_null)
{
	caas_trigger *trigger = firing->trigger;
	int			  i = trigger->nwritten++;

	if (OidIsValid(attribute->domain))
		domain_check(value, is_null, attribute->domain, &attribute->domain_cache, trigger->context);
	trigger->written_numbers[i] = attribute->number;
	trigger->written_values[i] = value;
	trigger->written_nulls[i] = is_null;
}

void
caas_firing_write(const caas_firing *firing, caas_attribute *attribute, Datum value)
{
	write_attribute(firing, attribute, value, false);
}

void
caas_firing_write_null(const caas_firing *firing, caas_attribute *attribute)
{
	write_attribute(firing, attribute, (Datum)0, true);
}

/* ---- one firing ---- */

static const TriggerData *
checked_call(FunctionCallInfo fcinfo, const caas_trigger_kind *kind)
{
	const TriggerData *call = (const TriggerData *)fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(call->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(call->tg_event) ||
		!(TRIGGER_FIRED_BY_INSERT(call->tg_event) || TRIGGER_FIRED_BY_UPDATE(call->tg_event)))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("%s must be fired BEFORE INSERT OR UPDATE FOR EACH ROW", kind->name),
						errhint("%s", kind->declaration_hint), caas_hide()));
	return call;
}

static const pg_uuid_t *
user_of_row(TupleTableSlot *slot, AttrNumber number)
{
	bool  is_null;
	Datum uuid = slot_getattr(slot, number, &is_null);

	return is_null ? NULL : DatumGetUUIDP(uuid);
}

static caas_firing
begin_firing(const TriggerData *call, caas_trigger *trigger)
{
	bool		is_update = TRIGGER_FIRED_BY_UPDATE(call->tg_event);
	caas_firing firing = {.trigger = trigger, .call = call};

	trigger->nwritten = 0;
	firing.row = is_update ? call->tg_newslot : call->tg_trigslot;
	firing.before = is_update ? call->tg_trigslot : NULL;
	firing.uuid = user_of_row(firing.row, trigger->uuid);
	firing.same_uuid =
		is_update && caas_same_user(firing.uuid, user_of_row(firing.before, trigger->uuid));
	return firing;
}

/* Returns the row to store. It lies in memory that the server resets after each row. */
static HeapTuple
written_row(const caas_firing *firing)
{
	const caas_trigger *trigger = firing->trigger;
	const TriggerData  *call = firing->call;
	HeapTuple			row = firing->before == NULL ? call->tg_trigtuple : call->tg_newtuple;

	if (trigger->nwritten == 0)
		return row;
	return heap_modify_tuple_by_cols(row, RelationGetDescr(call->tg_relation), trigger->nwritten,
									 trigger->written_numbers, trigger->written_values,
									 trigger->written_nulls);
}

/*
 * The server keeps fn_extra for one trigger of one table during one statement,
 * so the arguments are read once and serve all rows.
 */
Datum
caas_trigger_fire(FunctionCallInfo fcinfo, const caas_trigger_kind *kind)
{
	const TriggerData *call = checked_call(fcinfo, kind);
	caas_trigger	  *trigger = fcinfo->flinfo->fn_extra;
	caas_firing		   firing;

	if (trigger == NULL)
		trigger = fcinfo->flinfo->fn_extra = caas_trigger_open(call, kind, fcinfo->flinfo->fn_mcxt);
	firing = begin_firing(call, trigger);
	for (int i = 0; i < trigger->ncolumns; i++)
		kind->protect_column(&firing, &trigger->columns[i]);
	return PointerGetDatum(written_row(&firing));
}
