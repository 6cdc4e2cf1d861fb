/*
 * trigger_memory.c - what a statement's firings of caas_encrypt_trigger() left.
 *
 * A digest can come back to the trigger as if it were new: the row that INSERT
 * .. ON CONFLICT DO UPDATE takes from EXCLUDED, and the row that an UPDATE
 * moves to another partition, where BEFORE INSERT fires after BEFORE UPDATE.
 * A trigger is not told of either, so it remembers what it left last.
 *
 * The statement is known by the memory context in which the server looked up
 * the trigger function: the executor's query context, or that of COPY. Its
 * INSERT and UPDATE firings share it, also on different partitions; a
 * statement that another trigger runs in between has its own.
 */
#include "trigger.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

typedef struct statement
{
	MemoryContextCallback gone;
	struct statement	 *next;
	MemoryContext		  context;
	caas_left			 *lefts;
} statement;

static statement *statements = NULL;

/* The context goes, with an error or without. */
static void
forget_statement(void *arg)
{
	statement **link = &statements;

	while (*link != arg)
		link = &(*link)->next;
	*link = (*link)->next;
}

static statement *
open_statement(MemoryContext context)
{
	statement *found = statements;

	while (found != NULL && found->context != context)
		found = found->next;
	if (found != NULL)
		return found;
	found = MemoryContextAllocZero(context, sizeof *found);
	found->context = context;
	found->gone.func = forget_statement;
	found->gone.arg = found;
	MemoryContextRegisterResetCallback(context, &found->gone);
	found->next = statements;
	statements = found;
	return found;
}

caas_left *
caas_left_open(MemoryContext context, Oid relation, const char *name)
{
	statement *owner = open_statement(context);
	caas_left *left = owner->lefts;

	while (left != NULL && (left->relation != relation || strcmp(left->name, name) != 0))
		left = left->next;
	if (left != NULL)
		return left;
	left = MemoryContextAllocZero(context, sizeof *left);
	left->relation = relation;
	left->name = MemoryContextStrdup(context, name);
	left->next = owner->lefts;
	owner->lefts = left;
	return left;
}

void
caas_left_set(caas_left *left, MemoryContext context, Datum value, const pg_uuid_t *uuid)
{
	Size size = VARSIZE_ANY(DatumGetPointer(value));

	/* A digest is short, and what an UPDATE leaves alone comes from a page: inline or as a pointer.
	 */
	left->set = size <= BLCKSZ;
	if (!left->set)
		return;
	if (size > left->room)
	{
		left->room = Max(size, VARHDRSZ + 2 * CAAS_DIGEST_MAX_BYTES);
		if (left->value != NULL)
			pfree(left->value);
		left->value = MemoryContextAlloc(context, left->room);
	}
	memcpy(left->value, DatumGetPointer(value), size);
	left->has_uuid = uuid != NULL;
	if (left->has_uuid)
		left->uuid = *uuid;
}

bool
caas_left_is(const caas_left *left, Datum value)
{
	return left != NULL && left->set && caas_same_image(PointerGetDatum(left->value), value);
}

/*
 * An equal value alone proves nothing: MERGE and WITH can insert a row of
 * their own after an UPDATE. The heap marks the old version of a row that
 * went to another partition; another table access method is taken at its word.
 */
bool
caas_left_moved(const caas_left *left)
{
	Relation		relation = table_open(left->from, NoLock); /* held by the statement */
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	ItemPointerData tid = left->tid;
	bool			moved = relation->rd_rel->relam != HEAP_TABLE_AM_OID;

	if (!moved && table_tuple_fetch_row_version(relation, &tid, SnapshotAny, slot))
		moved = HeapTupleHeaderIndicatesMovedPartitions(
			ExecFetchSlotHeapTuple(slot, false, NULL)->t_data);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, NoLock);
	return moved;
}
