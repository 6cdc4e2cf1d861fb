/*
 * trigger_memory.c - the values that the firings of caas_encrypt_trigger() left in a statement.
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
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* The value that a firing left in a column. */
struct caas_remembered
{
	caas_remembered *next; /* of the same statement */
	Oid				 relation;
	const char		*column; /* the source's name */

	bool	  is_set;
	bool	  has_uuid;
	pg_uuid_t uuid; /* the user to whom the value belongs */
	Size	  room;
	char	 *value; /* a varlena, as it was in the row */

	/* For an UPDATE: the row's place before it. */
	Oid				old_relation;
	ItemPointerData old_tid;
};

/* The values that the last firings of the statement left in a protected column. */
struct caas_memory
{
	caas_remembered *inserted; /* by INSERT, in this table */
	caas_remembered *updated;  /* by UPDATE, in any partition; NULL when the table is not one */
};

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
	caas_remembered			*values;
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
static caas_remembered *
open_remembered(MemoryContext context, Oid relation, const char *column)
{
	statement_memory *statement = memory_of_statement(context);
	caas_remembered	 *value = statement->values;

	while (value != NULL && (value->relation != relation || strcmp(value->column, column) != 0))
		value = value->next;
	if (value != NULL)
		return value;
	value = MemoryContextAllocZero(context, sizeof *value);
	value->relation = relation;
	value->column = MemoryContextStrdup(context, column);
	value->next = statement->values;
	statement->values = value;
	return value;
}

caas_memory *
caas_memory_open(Relation relation, const char *source)
{
	MemoryContext context = CurrentMemoryContext;
	caas_memory	 *memory = palloc0(sizeof *memory);

	memory->inserted = open_remembered(context, RelationGetRelid(relation), source);
	if (relation->rd_rel->relispartition)
		memory->updated = open_remembered(context, InvalidOid, source);
	return memory;
}

/* ---- remembering ---- */

static void
set_remembered(caas_remembered *remembered, caas_firing *firing, Datum value)
{
	Size			 size = VARSIZE_ANY(DatumGetPointer(value));
	const pg_uuid_t *user;

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
	user = caas_firing_user(firing);
	remembered->has_uuid = user != NULL;
	if (user != NULL)
		remembered->uuid = *user;
}

void
caas_memory_forget(const caas_firing *firing, const caas_memory *memory)
{
	if (firing->before == NULL)
		memory->inserted->is_set = false;
	/* The row that an UPDATE moves arrives with the next INSERT firing, not later. */
	if (memory->updated != NULL)
		memory->updated->is_set = false;
}

/*
 * After an INSERT only a new digest matters: EXCLUDED can hold it. A row that an
 * UPDATE moves can carry any value.
 */
void
caas_memory_set(caas_firing *firing, caas_memory *memory, Datum value, bool is_new)
{
	caas_memory_forget(firing, memory);
	if (firing->before == NULL && is_new)
		set_remembered(memory->inserted, firing, value);
	if (firing->before != NULL && memory->updated != NULL)
	{
		set_remembered(memory->updated, firing, value);
		memory->updated->old_relation = RelationGetRelid(firing->call->tg_relation);
		memory->updated->old_tid = firing->call->tg_trigtuple->t_self;
	}
}

const pg_uuid_t *
caas_remembered_user(const caas_remembered *remembered)
{
	return remembered->has_uuid ? &remembered->uuid : NULL;
}

/* ---- finding a value again ---- */

static bool
is_remembered(const caas_remembered *remembered, Datum value)
{
	return remembered != NULL && remembered->is_set &&
		   datum_image_eq(PointerGetDatum(remembered->value), value, false, -1);
}

/*
 * True when the row of the last UPDATE firing has moved to another partition. An
 * equal value does not prove it: MERGE and WITH can insert a row of their own
 * after an UPDATE. The heap marks the old version of a row that has moved. Other
 * table access methods need not, so there an equal value has to be enough.
 */
static bool
has_moved(const caas_remembered *updated)
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
 * Looks at the UPDATE that moves the row here, or at the INSERT whose row is
 * EXCLUDED. DO UPDATE may set a column from any column of EXCLUDED, and a digest
 * does not depend on its column: so all are compared.
 */
const caas_remembered *
caas_memory_find(const caas_firing *firing, const caas_protected_column *column, Datum value)
{
	const caas_trigger *trigger = firing->trigger;
	const caas_memory  *memory = column->state;

	if (firing->before == NULL)
		return is_remembered(memory->updated, value) && has_moved(memory->updated) ? memory->updated
																				   : NULL;
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		memory = trigger->columns[i].state;
		if (is_remembered(memory->inserted, value))
			return memory->inserted;
	}
	return NULL;
}
