/*
 * table_shards.c - tables that Citus distributes.
 *
 * Citus keeps the rows of such a table in shards, which are tables of other names on
 * this server and others. The table itself, the shell, stays empty on every node, so
 * what reads a table without the planner finds nothing there and must not take that
 * for an answer.
 */
#include "table.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/*
 * Finds the catalog of Citus' tables and its column. Returns InvalidOid where the
 * database has no extension of this name. Only superusers create tables in pg_catalog.
 */
static Oid
find_catalog(AttrNumber *column)
{
	Oid catalog;

	if (!OidIsValid(get_extension_oid("citus", true)))
		return InvalidOid;
	catalog = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
	*column = OidIsValid(catalog) ? get_attnum(catalog, "logicalrelid") : InvalidAttrNumber;
	if (*column <= 0 || get_atttype(catalog, *column) != REGCLASSOID)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this version of Citus does not tell caas which tables it distributes"),
				 errhint("It needs the column logicalrelid of pg_catalog.pg_dist_partition."),
				 caas_hide()));
	return catalog;
}

List *
caas_distributed_tables(void)
{
	AttrNumber	column;
	Oid			oid = find_catalog(&column);
	Relation	catalog;
	SysScanDesc scan;
	HeapTuple	row;
	List	   *tables = NIL;

	if (!OidIsValid(oid))
		return NIL;
	catalog = table_open(oid, AccessShareLock);
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		bool  is_null;
		Datum table = heap_getattr(row, column, RelationGetDescr(catalog), &is_null);

		if (!is_null)
			tables = lappend_oid(tables, DatumGetObjectId(table));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return tables;
}

bool
caas_is_distributed(Oid table)
{
	List *tables = caas_distributed_tables();
	bool  found = list_member_oid(tables, table);

	list_free(tables);
	return found;
}

/* A partition or an inheritance child can be distributed without its parent. */
void
caas_refuse_distributed(Oid root, const char *function, const char *hint)
{
	List	 *distributed = caas_distributed_tables();
	ListCell *cell;

	if (distributed == NIL)
		return;
	foreach (cell, find_all_inheritors(root, NoLock, NULL))
		if (list_member_oid(distributed, lfirst_oid(cell)))
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("%s is distributed by Citus: its rows are in shards, which %s "
								   "does not reach through it",
								   caas_table_name(lfirst_oid(cell)), function),
							errhint("%s", hint), caas_hide()));
}

void
caas_show_shards(void)
{
	const char *name = "citus.override_table_visibility";

	if (GetConfigOption(name, true, false) != NULL)
		(void)set_config_option(name, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								false);
}
