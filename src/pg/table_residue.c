/*
 * table_residue.c - caas_residue(): where plaintext may still be after a table is protected, in the
 * order in which it is removed.
 */
#include "table_residue.h"

#include "trigger.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

void
caas_residue_add(caas_residue *residue, const char *object, const char *what, const char *command)
{
	caas_place *place = palloc(sizeof *place);

	place->object = object;
	place->what = what;
	place->command = command;
	residue->places = lappend(residue->places, place);
}

/* ---- the declarations ---- */

/* The arguments of all triggers of caas on the table. */
static List *
find_arguments(Relation relation)
{
	List			  *arguments = NIL;
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const caas_trigger_kind *kind = caas_kind_of_function(triggers->triggers[i].tgfoid);
		caas_definition			*definition;

		if (kind == NULL)
			continue;
		definition = caas_parse_definition(relation, &triggers->triggers[i], kind);
		for (int j = 0; j < definition->narguments; j++)
			arguments = lappend(arguments, &definition->arguments[j]);
	}
	return arguments;
}

static void
list_sources(caas_residue *residue, const List *arguments)
{
	List	 *sources = NIL;
	List	 *in_place = NIL;
	ListCell *cell;

	foreach (cell, arguments)
	{
		const caas_argument *argument = lfirst(cell);

		sources = lappend(sources, (char *)argument->source.text);
		if (argument->target.text == NULL)
			in_place = lappend(in_place, (char *)argument->source.text);
	}
	residue->sources = caas_text_array(sources);
	residue->in_place = caas_text_array(in_place);
}

/* ---- plaintext in the rows themselves ---- */

/* A constraint that holds for all rows answers without reading them. */
static bool
has_valid_guard(Relation relation, const caas_argument *argument)
{
	const TupleConstr *constraints = RelationGetDescr(relation)->constr;
	bool			   all_valid = true;

	for (int i = 0; constraints != NULL && i < constraints->num_check; i++)
		all_valid = all_valid && constraints->check[i].ccvalid;
	return all_valid && caas_has_guard(relation, argument);
}

static void
find_plaintext(caas_residue *residue, Relation relation, const caas_argument *argument,
			   const char *schema)
{
	const char *table = caas_table_name(RelationGetRelid(relation));
	const char *object =
		psprintf("column %s of %s", quote_identifier(argument->source.text), table);
	caas_argument without_keep = *argument;

	without_keep.keep = false;
	if (has_valid_guard(relation, argument) ||
		caas_query(psprintf("SELECT 1 FROM %s WHERE NOT (%s) LIMIT 1", table,
							caas_guard(relation, &without_keep, schema)),
				   0, NULL, NULL) == NIL)
		return;
	if (argument->keep)
		caas_residue_add(residue, object,
						 "Its rows have plaintext: the trigger has the option keep.",
						 psprintf("CALL %s.caas_cutover(%s, %s)", schema, quote_literal_cstr(table),
								  quote_literal_cstr(argument->source.text)));
	else
		caas_residue_add(residue, object, "Its rows have plaintext from before the trigger.",
						 psprintf("CALL %s.caas_backfill(%s)", schema, quote_literal_cstr(table)));
}

/* ---- the pages ---- */

/* The bytes that the pages of a table hold besides its rows. */
typedef struct caas_leftovers
{
	bool dead_rows;
	bool old_bytes; /* in free space */
	bool unread;	/* another access method keeps the rows */
} caas_leftovers;

/* Rows are removed from a page by moving others: what is free then is not overwritten. */
static bool
has_old_bytes(Page page)
{
	const PageHeaderData *head = (const PageHeaderData *)page;

	for (const char *byte = (const char *)page + head->pd_lower;
		 byte < (const char *)page + head->pd_upper; byte++)
		if (*byte != '\0')
			return true;
	return false;
}

/* True for a row that was updated or deleted, or whose insertion was rolled back. */
static bool
is_dead(HeapTupleHeader row)
{
	TransactionId inserted = HeapTupleHeaderGetXmin(row);
	TransactionId removed;

	if (!HeapTupleHeaderXminCommitted(row) &&
		(HeapTupleHeaderXminInvalid(row) ||
		 (!TransactionIdIsInProgress(inserted) && !TransactionIdDidCommit(inserted))))
		return true;
	if ((row->t_infomask & HEAP_XMAX_INVALID) != 0 || HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask))
		return false;
	removed = HeapTupleHeaderGetUpdateXid(row);
	return TransactionIdIsValid(removed) && TransactionIdDidCommit(removed);
}

static bool
has_dead_rows(Page page)
{
	OffsetNumber last = PageGetMaxOffsetNumber(page);

	for (OffsetNumber i = FirstOffsetNumber; i <= last; i = OffsetNumberNext(i))
	{
		ItemId item = PageGetItemId(page, i);

		if (ItemIdIsDead(item) ||
			(ItemIdIsNormal(item) && is_dead((HeapTupleHeader)PageGetItem(page, item))))
			return true;
	}
	return false;
}

/*
 * Reads a table until both are found. The counters of the server are not asked: they
 * are written with a delay, and a crash resets them.
 */
static void
read_pages(Relation relation, caas_leftovers *leftovers)
{
	BufferAccessStrategy strategy;
	BlockNumber			 count;

	if (relation->rd_rel->relam != HEAP_TABLE_AM_OID)
	{
		leftovers->unread = true;
		return;
	}
	strategy = GetAccessStrategy(BAS_BULKREAD);
	count = RelationGetNumberOfBlocks(relation);
	for (BlockNumber block = 0; block < count && !(leftovers->dead_rows && leftovers->old_bytes);
		 block++)
	{
		Buffer buffer;
		Page   page;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(relation, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		if (!PageIsNew(page))
		{
			leftovers->dead_rows = leftovers->dead_rows || has_dead_rows(page);
			leftovers->old_bytes = leftovers->old_bytes || has_old_bytes(page);
		}
		UnlockReleaseBuffer(buffer);
	}
	FreeAccessStrategy(strategy);
}

/* The table and its TOAST table. */
static caas_leftovers
read_table(Oid table)
{
	Relation	   relation = table_open(table, AccessShareLock);
	Oid			   toast = relation->rd_rel->reltoastrelid;
	caas_leftovers leftovers = {false, false, false};

	read_pages(relation, &leftovers);
	if (OidIsValid(toast))
	{
		Relation toast_relation = table_open(toast, AccessShareLock);

		read_pages(toast_relation, &leftovers);
		table_close(toast_relation, AccessShareLock);
	}
	table_close(relation, AccessShareLock);
	return leftovers;
}

static void
find_leftovers(caas_residue *residue, Oid table)
{
	caas_leftovers leftovers = read_table(table);
	const char	  *object = psprintf("table %s", caas_table_name(table));

	if (leftovers.unread)
		caas_residue_add(residue, object,
						 "Its access method is not heap, so what is left of removed rows is not "
						 "known here.",
						 NULL);
	if (leftovers.dead_rows)
		caas_residue_add(
			residue, object,
			psprintf("It or its TOAST table has dead rows. %s", caas_residue_age(table)),
			psprintf("VACUUM %s", caas_table_name(table)));
	if (leftovers.old_bytes)
		caas_residue_add(
			residue, object,
			"The space of removed rows, there or in its TOAST table, is not overwritten "
			"until other rows need it. VACUUM FULL writes the table anew, and locks it "
			"meanwhile.",
			psprintf("VACUUM (FULL, ANALYZE) %s", caas_table_name(table)));
}

/* ---- the function ---- */

static void
refuse_distributed(Relation relation, const char *schema)
{
	Oid table = RelationGetRelid(relation);

	caas_refuse_distributed(
		table, "caas_residue()",
		psprintf("Ask the shards: %s",
				 caas_over_shards(table, psprintf("SELECT pg_catalog.json_agg(r) FROM "
												  "%s.caas_residue(%%L::pg_catalog.regclass) r",
												  schema))));
}

static void
find_all(caas_residue *residue, Relation relation, const List *arguments, const List *tables,
		 const char *schema)
{
	ListCell *cell;

	foreach (cell, arguments)
		find_plaintext(residue, relation, lfirst(cell), schema);
	caas_residue_find(residue, CAAS_RESIDUE_COPIES);
	caas_residue_find(residue, CAAS_RESIDUE_TRANSACTIONS);
	caas_residue_find(residue, CAAS_RESIDUE_DEAD_ROWS);
	foreach (cell, tables)
	{
		char kind = get_rel_relkind(lfirst_oid(cell));

		if (kind == RELKIND_RELATION)
			find_leftovers(residue, lfirst_oid(cell));
		else if (kind == RELKIND_FOREIGN_TABLE)
			caas_residue_add(residue, psprintf("table %s", caas_table_name(lfirst_oid(cell))),
							 "It is a foreign table: ask the server that stores its rows.", NULL);
	}
	caas_residue_find(residue, CAAS_RESIDUE_STATISTICS);
	caas_residue_find_statements(residue, RelationGetRelationName(relation));
	caas_residue_find(residue, CAAS_RESIDUE_OUTSIDE);
}

static void
return_places(FunctionCallInfo fcinfo, const List *places)
{
	int		  step = 0;
	ListCell *cell;

	(void)caas_rows_begin(fcinfo, 4);
	foreach (cell, places)
	{
		const caas_place *place = lfirst(cell);
		bool			  nulls[4] = {false, false, false, place->command == NULL};
		Datum			  values[4] = {Int32GetDatum(++step), CStringGetTextDatum(place->object),
									   CStringGetTextDatum(place->what)};

		if (!nulls[3])
			values[3] = CStringGetTextDatum(place->command);
		caas_rows_put(fcinfo, values, nulls);
	}
}

/* caas_residue(relation regclass) returns table */
PG_FUNCTION_INFO_V1(caas_sql_residue);
Datum
caas_sql_residue(PG_FUNCTION_ARGS)
{
	Relation	 relation = table_open(PG_GETARG_OID(0), AccessShareLock);
	const char	*schema = caas_extension_schema(fcinfo);
	caas_residue residue = {.schema = CStringGetTextDatum(schema)};
	List		*arguments;
	List		*tables;
	int			 level;

	caas_require_table(relation, "caas_residue");
	refuse_distributed(relation, schema);
	arguments = find_arguments(relation);
	tables = find_all_inheritors(RelationGetRelid(relation), AccessShareLock, NULL);
	list_sources(&residue, arguments);
	residue.tables = caas_oid_array(tables);
	level = caas_begin_queries();
	find_all(&residue, relation, arguments, tables, schema);
	caas_end_queries(level);
	table_close(relation, AccessShareLock);
	return_places(fcinfo, residue.places);
	return (Datum)0;
}
