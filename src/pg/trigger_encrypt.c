/*
 * trigger_encrypt.c - caas_encrypt_trigger(): values become digests before a row is stored.
 *
 * The trigger must not digest a digest. A digest comes back to it in two cases:
 * ON CONFLICT DO UPDATE takes it from EXCLUDED, and an UPDATE that moves a row
 * to another partition fires BEFORE INSERT there after BEFORE UPDATE here. The
 * server does not tell the trigger about either. Therefore the trigger remembers
 * the values that the statement's last INSERT and UPDATE firings left.
 */
#include "trigger.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* ---- the memory ---- */

/* The value that a firing left in a column. */
typedef struct remembered_value
{
	struct remembered_value *next; /* of the same statement */
	Oid						 relation;
	const char				*column; /* the source's name */

	bool	  is_set;
	bool	  has_uuid;
	pg_uuid_t uuid; /* the user to whom the value belongs */
	Size	  room;
	char	 *value; /* a varlena, as it was in the row */

	/* For an UPDATE: the row's place before it. */
	Oid				old_relation;
	ItemPointerData old_tid;
} remembered_value;

/* The values that the last firings of the statement left in a protected column. */
typedef struct encrypt_state
{
	remembered_value *inserted; /* by INSERT, in this table */
	remembered_value *updated;	/* by UPDATE, in any partition; NULL when the table is not one */
} encrypt_state;

/*
 * A statement is identified by the memory context in which the server looked up
 * the trigger function: the executor's query context, or that of COPY. All its
 * firings share this context, on all partitions. A statement that runs inside
 * another trigger has a context of its own.
 */
typedef struct statement_memory
{
	MemoryContextCallback	 on_end;
	struct statement_memory *next;
	MemoryContext			 context;
	remembered_value		*values;
} statement_memory;

static statement_memory *statements = NULL;

/* Called when the server frees the context, after an error too. */
static void
forget_statement(void *arg)
{
	statement_memory **link = &statements;

	while (*link != arg)
		link = &(*link)->next;
	*link = (*link)->next;
}

static statement_memory *
memory_of_statement(MemoryContext context)
{
	statement_memory *found = statements;

	while (found != NULL && found->context != context)
		found = found->next;
	if (found != NULL)
		return found;
	found = MemoryContextAllocZero(context, sizeof *found);
	found->context = context;
	found->on_end.func = forget_statement;
	found->on_end.arg = found;
	MemoryContextRegisterResetCallback(context, &found->on_end);
	found->next = statements;
	statements = found;
	return found;
}

/*
 * Finds or makes the entry for a column. relation is InvalidOid for a value that
 * moves between partitions. The column is known by its name, since partitions
 * may number their columns differently.
 */
static remembered_value *
open_remembered(MemoryContext context, Oid relation, const char *column)
{
	statement_memory *statement = memory_of_statement(context);
	remembered_value *value = statement->values;

	while (value != NULL && (value->relation != relation || strcmp(value->column, column) != 0))
		value = value->next;
	if (value != NULL)
		return value;
	value = MemoryContextAllocZero(context, sizeof *value);
	value->relation = relation;
	value->column = column;
	value->next = statement->values;
	statement->values = value;
	return value;
}

static void
set_remembered(remembered_value *remembered, const caas_firing *firing, Datum value)
{
	Size size = VARSIZE_ANY(DatumGetPointer(value));

	/* A digest is short, and a value that an UPDATE leaves alone comes from a page. */
	remembered->is_set = size <= BLCKSZ;
	if (!remembered->is_set)
		return;
	if (size > remembered->room)
	{
		remembered->room = Max(size, VARHDRSZ + 2 * CAAS_DIGEST_MAX_BYTES);
		if (remembered->value != NULL)
			pfree(remembered->value);
		remembered->value = MemoryContextAlloc(firing->trigger->context, remembered->room);
	}
	memcpy(remembered->value, DatumGetPointer(value), size);
	remembered->has_uuid = firing->uuid != NULL;
	if (remembered->has_uuid)
		remembered->uuid = *firing->uuid;
}

static void
forget(const caas_firing *firing, const encrypt_state *state)
{
	if (firing->before == NULL)
		state->inserted->is_set = false;
	/* The row that an UPDATE moves arrives with the next INSERT firing, not later. */
	if (state->updated != NULL)
		state->updated->is_set = false;
}

/*
 * Remembers the value that this firing leaves in the column. After an INSERT
 * only a new digest matters: EXCLUDED can hold it. A row that an UPDATE moves
 * can carry any value.
 */
static void
remember(const caas_firing *firing, const encrypt_state *state, Datum value, bool is_new)
{
	forget(firing, state);
	if (firing->before == NULL && is_new)
		set_remembered(state->inserted, firing, value);
	if (firing->before != NULL && state->updated != NULL)
	{
		set_remembered(state->updated, firing, value);
		state->updated->old_relation = RelationGetRelid(firing->call->tg_relation);
		state->updated->old_tid = firing->call->tg_trigtuple->t_self;
	}
}

static bool
is_remembered(const remembered_value *remembered, Datum value)
{
	return remembered != NULL && remembered->is_set &&
		   caas_same_image(PointerGetDatum(remembered->value), value);
}

/*
 * True when the row of the last UPDATE firing has moved to another partition. An
 * equal value does not prove it: MERGE and WITH can insert a row of their own
 * after an UPDATE. The heap marks the old version of a row that has moved. Other
 * table access methods need not, so there an equal value has to be enough.
 */
static bool
has_moved(const remembered_value *updated)
{
	Relation relation = table_open(updated->old_relation, NoLock); /* the statement has a lock */
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	ItemPointerData tid = updated->old_tid;
	bool			moved = relation->rd_rel->relam != HEAP_TABLE_AM_OID;

	if (!moved && table_tuple_fetch_row_version(relation, &tid, SnapshotAny, slot))
		moved = HeapTupleHeaderIndicatesMovedPartitions(
			ExecFetchSlotHeapTuple(slot, false, NULL)->t_data);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, NoLock);
	return moved;
}

/*
 * Finds the value among those of the UPDATE that moves the row here, or of the
 * INSERT whose row is EXCLUDED. DO UPDATE may set a column from any column of
 * EXCLUDED, and a digest does not depend on its column: so all are compared.
 */
static const remembered_value *
find_remembered(const caas_firing *firing, const caas_protected_column *column, Datum value)
{
	const caas_trigger	*trigger = firing->trigger;
	const encrypt_state *state = column->state;

	if (firing->before == NULL)
		return is_remembered(state->updated, value) && has_moved(state->updated) ? state->updated
																				 : NULL;
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		state = trigger->columns[i].state;
		if (is_remembered(state->inserted, value))
			return state->inserted;
	}
	return NULL;
}

/* ---- a value that is a digest already ---- */

static void
refuse_other_user(const caas_firing *firing, const caas_protected_column *column, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("column \"%s\" of relation \"%s\" holds a digest of another \"%s\"",
					caas_firing_column(firing, column->target.number), caas_firing_relation(firing),
					caas_firing_column(firing, firing->trigger->uuid)),
			 errdetail("The plaintext is not stored, so it cannot be digested again."),
			 errhint("%s", hint), caas_hide()));
}

/*
 * True when the target's value is protected already: the row had it before, or an
 * earlier firing of this statement left it. Otherwise it is new plaintext.
 * Raises 27000 for a protected value of another user.
 */
static bool
is_protected(const caas_firing *firing, const caas_protected_column *column, Datum value)
{
	bool					is_old = !caas_firing_changed(firing, &column->target);
	const remembered_value *remembered;

	if (is_old && firing->same_uuid)
		return true;
	remembered = find_remembered(firing, column, value);
	if (remembered == NULL && !is_old)
		return false;
	if (remembered == NULL)
		refuse_other_user(firing, column, "Write the plaintext again in the same UPDATE.");
	else if (!caas_same_user(firing->uuid, remembered->has_uuid ? &remembered->uuid : NULL))
		refuse_other_user(
			firing, column,
			firing->before == NULL
				? "A trigger that changes the uuid must fire before this one."
				: "Write the plaintext in DO UPDATE SET itself, or set the uuid column from EXCLUDED too.");
	return true;
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
digest(caas_firing *firing, const caas_protected_column *column, Datum value)
{
	const pg_uuid_t *uuid = caas_firing_uuid(firing, &column->source);
	caas_engine		*engine = caas_firing_engine(firing);
	caas_bytes		 bytes;
	Datum			 result;

	if (!firing->trigger->digests_fit)
		require_room_for_digests(firing, engine);
	bytes = caas_attribute_bytes(&column->source, value);
	result = caas_digest_datum(engine, uuid, 0, &bytes, column->target.is_text);
	caas_bytes_release(&bytes);
	return result;
}

/* ---- one column of a row ---- */

static void
protect_in_place(caas_firing *firing, caas_protected_column *column)
{
	bool  is_null;
	bool  is_new;
	Datum value = slot_getattr(firing->row, column->source.number, &is_null);

	if (is_null)
	{
		forget(firing, column->state);
		return;
	}
	is_new = !is_protected(firing, column, value);
	if (is_new)
	{
		value = digest(firing, column, value);
		caas_firing_write(firing, &column->target, value);
	}
	remember(firing, column->state, value, is_new);
}

/* The source has no plaintext, so the target stays, provided that it belongs to this user. */
static void
keep_target(caas_firing *firing, caas_protected_column *column)
{
	bool  is_null;
	Datum value = slot_getattr(firing->row, column->target.number, &is_null);

	if (is_null)
	{
		forget(firing, column->state);
		return;
	}
	(void)is_protected(firing, column, value);
	remember(firing, column->state, value, false);
}

static void
protect_into_target(caas_firing *firing, caas_protected_column *column)
{
	bool  is_null;
	Datum value = slot_getattr(firing->row, column->source.number, &is_null);

	if (is_null)
	{
		keep_target(firing, column);
		return;
	}
	value = digest(firing, column, value);
	caas_firing_write(firing, &column->target, value);
	caas_firing_write_null(firing, &column->source);
	remember(firing, column->state, value, true);
}

static void
protect_column(caas_firing *firing, caas_protected_column *column)
{
	if (column->in_place)
		protect_in_place(firing, column);
	else
		protect_into_target(firing, column);
}

/* ---- the trigger function ---- */

static void
open_column(const caas_opening *opening, const caas_argument *argument,
			caas_protected_column *column)
{
	Relation	   relation = opening->relation;
	encrypt_state *state = palloc0(sizeof *state);

	column->state = state;
	state->inserted =
		open_remembered(CurrentMemoryContext, RelationGetRelid(relation), argument->source);
	if (!relation->rd_rel->relispartition)
		return;
	state->updated = open_remembered(CurrentMemoryContext, InvalidOid, argument->source);
	if (column->in_place && !caas_fires_on_every_update(opening, argument->source))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("no trigger protects column \"%s\" of partition \"%s\" on every UPDATE",
						argument->source, RelationGetRelationName(relation)),
				 errdetail("A row that moves to another partition would be digested twice."),
				 errhint("Declare the trigger BEFORE INSERT OR UPDATE on the partitioned table. "
						 "It must have neither UPDATE OF nor WHEN."),
				 caas_hide()));
}

const caas_trigger_kind caas_encrypt_kind = {
	.name = "caas_encrypt_trigger",
	.function = caas_sql_encrypt_trigger,
	.declaration_hint =
		"Write CREATE TRIGGER .. BEFORE INSERT OR UPDATE ON .. FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email').",
	.arguments_hint =
		"The arguments of caas_encrypt_trigger are the uuid column, then for each value 'column', which is replaced in place, or 'source=target'. "
		"Write column names as the catalog has them: without quotes, in the same case.",
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
