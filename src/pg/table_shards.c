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
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* A column of a catalog of Citus. */
typedef struct citus_column
{
	const char *catalog;
	const char *name;
	Oid			type;
} citus_column;

static const citus_column table_column = {"pg_dist_partition", "logicalrelid", REGCLASSOID};
static const citus_column shard_column = {"pg_dist_shard", "shardid", INT8OID};

/*
 * Finds the catalog and the number of its column. Returns InvalidOid where the
 * database has no extension of this name. Only superusers create tables in pg_catalog.
 */
static Oid
find_catalog(const citus_column *column, AttrNumber *number)
{
	Oid catalog;

	if (!OidIsValid(get_extension_oid("citus", true)))
		return InvalidOid;
	catalog = get_relname_relid(column->catalog, PG_CATALOG_NAMESPACE);
	*number = OidIsValid(catalog) ? get_attnum(catalog, column->name) : InvalidAttrNumber;
	if (*number <= 0 || get_atttype(catalog, *number) != column->type)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("this version of Citus does not tell caas which tables it distributes"),
				 errhint("It needs the column %s of pg_catalog.%s.", column->name, column->catalog),
				 caas_hide()));
	return catalog;
}

List *
caas_distributed_tables(void)
{
	AttrNumber	column;
	Oid			oid = find_catalog(&table_column, &column);
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

/* Returns the number behind the last underscore of a name; 0 when there is none. */
static int64
number_of_shard(const char *name)
{
	const char *digits = strrchr(name, '_');
	char	   *end;
	int64		number;

	if (digits == NULL || digits[1] < '0' || digits[1] > '9')
		return 0;
	errno = 0;
	number = strtoll(digits + 1, &end, 10);
	return errno == 0 && *end == '\0' ? number : 0;
}

/*
 * Citus runs statements over a shard of this node in the session of the client, under
 * the client's application_name, so the name of the shard is what tells it.
 */
bool
caas_is_shard(Relation relation)
{
	int64		number = number_of_shard(RelationGetRelationName(relation));
	AttrNumber	column;
	Oid			oid = number > 0 ? find_catalog(&shard_column, &column) : InvalidOid;
	Relation	catalog;
	SysScanDesc scan;
	HeapTuple	row;
	bool		found = false;

	if (!OidIsValid(oid))
		return false;
	catalog = table_open(oid, AccessShareLock);
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	while (!found && HeapTupleIsValid(row = systable_getnext(scan)))
	{
		bool  is_null;
		Datum shard = heap_getattr(row, column, RelationGetDescr(catalog), &is_null);

		found = !is_null && DatumGetInt64(shard) == number;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

bool
caas_is_session_of_citus(void)
{
	return strcmp(application_name, "citus") == 0 || strncmp(application_name, "citus_", 6) == 0;
}

const char *
caas_over_shards(Oid table, const char *command)
{
	return psprintf("SELECT * FROM pg_catalog.run_command_on_shards(%s::pg_catalog.regclass, "
					"%s::pg_catalog.text);",
					quote_literal_cstr(caas_table_name(table)), quote_literal_cstr(command));
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
