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

/* Citus copies the rows of a filled table into shards, and neither shows nor removes the old ones.
 */
static void
report_local_rows(caas_doctor *doctor, Relation relation)
{
	const char *name = caas_table_name(RelationGetRelid(relation));

	if (relation->rd_rel->relkind != RELKIND_RELATION ||
		relation->rd_rel->relam != HEAP_TABLE_AM_OID || RelationGetNumberOfBlocks(relation) == 0 ||
		caas_table_declarations(relation) == NIL)
		return;
	caas_doctor_add(doctor, CAAS_SEVERITY_WARNING, psprintf("table %s", name),
					"its rows from before Citus distributed it are still on this disk, as they "
					"were then",
					psprintf("SELECT truncate_local_data_after_distributing_table(%s);",
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
