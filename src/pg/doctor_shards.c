/*
 * doctor_shards.c - what is left where Citus has distributed a table.
 */
#include "doctor.h"
#include "table.h"

#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

/* A trigger with digests=plaintext digested again what Citus copied. */
static bool
has_lost_digests(const List *declarations)
{
	ListCell *cell;

	foreach (cell, declarations)
		if (((const caas_declaration *)lfirst(cell))->takes_anything)
			return true;
	return false;
}

/*
 * Citus copies the rows of a filled table into shards, and neither shows nor removes the
 * old ones. Where the table declares nothing, its shards alone can have triggers, and
 * caas_residue() on their nodes does not see this disk.
 */
static void
report_local_rows(caas_doctor *doctor, Relation relation)
{
	const char *name = caas_table_name(RelationGetRelid(relation));
	const char *object = psprintf("table %s", name);
	const List *declarations;

	if (relation->rd_rel->relkind != RELKIND_RELATION ||
		relation->rd_rel->relam != HEAP_TABLE_AM_OID || RelationGetNumberOfBlocks(relation) == 0)
		return;
	declarations = caas_table_declarations(relation);
	if (has_lost_digests(declarations))
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, object,
						"a trigger with digests=plaintext digests what Citus copies: its rows from "
						"before Citus distributed it, which are still on this disk, can be the "
						"only right ones",
						"Keep them: do not truncate or drop the table. Verify known values over "
						"the shards, and restore those that are wrong.");
	else
		caas_doctor_add(
			doctor, declarations == NIL ? CAAS_SEVERITY_NOTE : CAAS_SEVERITY_WARNING, object,
			"its rows from before Citus distributed it are still on this disk, as they were then",
			psprintf("SELECT pg_catalog.truncate_local_data_after_distributing_table(%s::"
					 "pg_catalog.regclass);",
					 quote_literal_cstr(name)));
}

void
caas_doctor_shards(caas_doctor *doctor)
{
	ListCell *cell;

	foreach (cell, caas_distributed_tables())
	{
		Relation relation = caas_doctor_open(doctor, lfirst_oid(cell));

		if (relation == NULL)
			continue;
		report_local_rows(doctor, relation);
		caas_doctor_close(relation);
	}
}
