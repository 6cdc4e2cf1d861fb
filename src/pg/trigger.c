/*
 * trigger.c - the frame of a firing, which both row triggers share.
 *
 * The way of a row begins at the end of this file, in caas_trigger_fire().
 */
#include "trigger.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
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

/* ---- the user ---- */

const pg_uuid_t *
caas_firing_user(caas_firing *firing)
{
	bool  is_null;
	Datum id;

	if (!firing->has_user)
		return NULL;
	if (!firing->uuid_known)
	{
		id = slot_getattr(firing->row, firing->trigger->id.number, &is_null);
		if (firing->trigger->id_type == UUIDOID)
			firing->uuid = *DatumGetUUIDP(id);
		else
			caas_uuid_of_id(&firing->trigger->id_namespace, firing->trigger->id_type, id,
							&firing->uuid);
		firing->uuid_known = true;
	}
	return &firing->uuid;
}

const pg_uuid_t *
caas_firing_uuid(caas_firing *firing, const caas_attribute *attribute)
{
	if (!firing->has_user)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of relation \"%s\" has a value but \"%s\" is null",
						caas_firing_column(firing, attribute->number), caas_firing_relation(firing),
						caas_firing_column(firing, firing->trigger->id.number)),
				 errhint("A value can be protected for a known user only. "
						 "Set the id in the statement, by a default or in an earlier trigger."),
				 caas_hide()));
	return caas_firing_user(firing);
}

bool
caas_same_user(const pg_uuid_t *a, const pg_uuid_t *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return memcmp(a, b, sizeof *a) == 0;
}

/* ---- the columns ---- */

bool
caas_firing_is_null(const caas_firing *firing, const caas_attribute *attribute)
{
	return slot_attisnull(firing->row, attribute->number);
}

bool
caas_firing_was_null(const caas_firing *firing, const caas_attribute *attribute)
{
	return firing->before == NULL || slot_attisnull(firing->before, attribute->number);
}

static bool
differs(const caas_firing *firing, const caas_attribute *attribute)
{
	bool  was_null;
	bool  is_null;
	Datum old = slot_getattr(firing->before, attribute->number, &was_null);
	Datum new = slot_getattr(firing->row, attribute->number, &is_null);

	if (was_null || is_null)
		return was_null != is_null;
	return !caas_same_image(attribute, old, new);
}

bool
caas_firing_changed(const caas_firing *firing, const caas_attribute *attribute)
{
	return firing->before == NULL || differs(firing, attribute);
}

bool
caas_firing_leaves(const caas_firing *firing, const caas_attribute *attribute)
{
	return firing->same_user && !caas_firing_changed(firing, attribute);
}

bool
caas_firing_stays_unprotected(const caas_firing *firing, const caas_protected_column *column)
{
	return caas_firing_was_null(firing, &column->target) &&
		   caas_firing_is_null(firing, &column->target) &&
		   caas_firing_leaves(firing, &column->source) && caas_key_problem() != NULL;
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

static void
restore_attribute(const caas_firing *firing, caas_attribute *attribute)
{
	bool  is_null;
	Datum value = slot_getattr(firing->before, attribute->number, &is_null);

	write_attribute(firing, attribute, value, is_null);
}

void
caas_firing_restore(const caas_firing *firing, caas_protected_column *column)
{
	restore_attribute(firing, &column->target);
	if (column->has_companion)
		restore_attribute(firing, &column->companion);
}

bool
caas_firing_erase(const caas_firing *firing, caas_protected_column *column)
{
	if (!column->keep || caas_firing_was_null(firing, &column->source) ||
		caas_firing_changed(firing, &column->target))
		return false;
	caas_firing_write_null(firing, &column->target);
	if (column->has_companion)
		caas_firing_write_null(firing, &column->companion);
	return true;
}

/* ---- one firing ---- */

void
caas_refuse_declaration(const caas_trigger_kind *kind)
{
	ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					errmsg("%s must be fired BEFORE INSERT OR UPDATE FOR EACH ROW", kind->name),
					errhint("%s", kind->declaration_hint), caas_hide()));
}

static const TriggerData *
checked_call(FunctionCallInfo fcinfo, const caas_trigger_kind *kind)
{
	const TriggerData *call = (const TriggerData *)fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(call->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(call->tg_event) ||
		!(TRIGGER_FIRED_BY_INSERT(call->tg_event) || TRIGGER_FIRED_BY_UPDATE(call->tg_event)))
		caas_refuse_declaration(kind);
	return call;
}

/* Set when a statement that was planned before the library was loaded fired a trigger for an
 * INSERT. */
static bool inserted_unprepared = false;

/*
 * DO UPDATE would store nothing of the new value where the planner did not carry
 * EXCLUDED (trigger_statement.c): in a statement that was planned before the library
 * was loaded, and where a partition alone has the trigger, which a statement over
 * the partitioned table does not see.
 */
static void
refuse_uncarried_upsert(const caas_firing *firing, const caas_protected_column *column)
{
	int	 number = column->source.number - FirstLowInvalidHeapAttributeNumber;
	bool alone = firing->trigger->is_partition_alone && firing->trigger->inserted;
	bool loading = inserted_unprepared && caas_planned_before_loading();

	if (!(alone || loading) || column->in_place || column->keep || firing->before == NULL ||
		!bms_is_member(number, firing->call->tg_updatedcols) ||
		!caas_firing_is_null(firing, &column->source))
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
		 errmsg("this statement cannot set column \"%s\" of relation \"%s\" from EXCLUDED",
				caas_firing_column(firing, column->source.number), caas_firing_relation(firing)),
		 alone ? errdetail("The partition alone has the trigger \"%s\".",
						   firing->call->tg_trigger->tgname)
			   : errdetail("It was planned before the library of caas was loaded."),
		 alone ? errhint("Create the trigger on the partitioned table.")
			   : errhint("Repeat the statement. Add caas to shared_preload_libraries or "
						 "session_preload_libraries."),
		 caas_hide()));
}

static caas_firing
begin_firing(const TriggerData *call, caas_trigger *trigger)
{
	bool		is_update = TRIGGER_FIRED_BY_UPDATE(call->tg_event);
	caas_firing firing = {.trigger = trigger, .call = call};

	trigger->nwritten = 0;
	firing.row = is_update ? call->tg_newslot : call->tg_trigslot;
	firing.before = is_update ? call->tg_trigslot : NULL;
	firing.has_user = !slot_attisnull(firing.row, trigger->id.number);
	firing.same_user = is_update && !differs(&firing, &trigger->id);
	if (!is_update)
		trigger->inserted = true;
	if (!is_update && caas_planned_before_loading())
		inserted_unprepared = true;
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
		trigger = fcinfo->flinfo->fn_extra =
			caas_trigger_open(call->tg_relation, call->tg_trigger, kind, fcinfo->flinfo->fn_mcxt);
	firing = begin_firing(call, trigger);
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		refuse_uncarried_upsert(&firing, &trigger->columns[i]);
		kind->protect_column(&firing, &trigger->columns[i]);
	}
	return PointerGetDatum(written_row(&firing));
}
