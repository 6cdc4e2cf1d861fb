/*
 * leftovers.c - finds API keys that are stored where every role can read them, from a time
 * before the library refused that, and reads the extension's version.
 */
#include "leftovers.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"

static char *
describe_function(Oid function)
{
	return psprintf("function %s", format_procedure_qualified(function));
}

static void
describe_role_setting(Form_pg_db_role_setting row, caas_stored_setting *setting)
{
	const char *database =
		OidIsValid(row->setdatabase) ? get_database_name(row->setdatabase) : NULL;
	const char *role = OidIsValid(row->setrole) ? GetUserNameFromId(row->setrole, true) : NULL;

	setting->database = row->setdatabase;
	setting->role = row->setrole;
	setting->where = psprintf("%s%s%s%s", role ? "role " : "all roles", role ? role : "",
							  database ? " in database " : "", database ? database : "");
	if (role == NULL && database != NULL)
		setting->command = psprintf("ALTER DATABASE %s", quote_identifier(database));
	else
		setting->command =
			psprintf("ALTER ROLE %s%s%s", role ? quote_identifier(role) : "ALL",
					 database ? " IN DATABASE " : "", database ? quote_identifier(database) : "");
}

static void
describe(Oid catalog, HeapTuple tuple, caas_stored_setting *setting)
{
	if (catalog == DbRoleSettingRelationId)
	{
		describe_role_setting((Form_pg_db_role_setting)GETSTRUCT(tuple), setting);
		return;
	}
	setting->where = describe_function(((Form_pg_proc)GETSTRUCT(tuple))->oid);
	setting->command = psprintf("ALTER ROUTINE %s",
								format_procedure_qualified(((Form_pg_proc)GETSTRUCT(tuple))->oid));
}

/* Adds the settings of a row of the catalog; with a name, those of this name alone. */
static List *
collect_row(Oid catalog, HeapTuple tuple, Datum config, const char *name, List *found)
{
	Datum *elements;
	int	   count;

	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  &count);
	for (int i = 0; i < count; i++)
	{
		char				*entry = TextDatumGetCString(elements[i]);
		char				*value = strchr(entry, '=');
		caas_stored_setting *setting;

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (name != NULL && pg_strcasecmp(entry, name) != 0)
			continue;
		setting = palloc0(sizeof *setting);
		setting->name = entry;
		setting->value = value;
		describe(catalog, tuple, setting);
		found = lappend(found, setting);
	}
	return found;
}

/* Adds the settings in the column config of every row of the catalog. */
static List *
collect(Oid catalog, AttrNumber config, const char *name, List *found)
{
	Relation	relation = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool  is_null;
		Datum settings = heap_getattr(tuple, config, RelationGetDescr(relation), &is_null);

		if (!is_null)
			found = collect_row(catalog, tuple, settings, name, found);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

List *
caas_role_settings(void)
{
	return collect(DbRoleSettingRelationId, Anum_pg_db_role_setting_setconfig, NULL, NIL);
}

List *
caas_stored_key_settings(void)
{
	List *found =
		collect(DbRoleSettingRelationId, Anum_pg_db_role_setting_setconfig, "caas.api_key", NIL);

	return collect(ProcedureRelationId, Anum_pg_proc_proconfig, "caas.api_key", found);
}

/*
 * Tells whether the server's configuration files set the key. The files are
 * parsed here, because a value of a role, a database or the client hides that of
 * the file from a library that is loaded later. Files with errors are skipped.
 */
bool
caas_key_in_files(void)
{
	ConfigVariable *head = NULL;
	ConfigVariable *tail = NULL;
	bool			found = false;

	(void)ParseConfigFile(ConfigFileName, true, NULL, 0, 0, DEBUG2, &head, &tail);
	(void)ParseConfigFile(PG_AUTOCONF_FILENAME, false, NULL, 0, 0, DEBUG2, &head, &tail);
	for (const ConfigVariable *item = head; item != NULL; item = item->next)
		if (item->name != NULL && pg_strcasecmp(item->name, "caas.api_key") == 0)
			found = found || (item->value != NULL && *item->value != '\0');
	FreeConfigVariables(head);
	return found;
}

Datum
caas_stored_api_keys(void)
{
	ArrayBuildState *found = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	ListCell		*cell;

	if (caas_key_in_files())
		found = accumArrayResult(found, CStringGetTextDatum("configuration of the server"), false,
								 TEXTOID, CurrentMemoryContext);
	foreach (cell, caas_stored_key_settings())
		found = accumArrayResult(found,
								 CStringGetTextDatum(((caas_stored_setting *)lfirst(cell))->where),
								 false, TEXTOID, CurrentMemoryContext);
	return makeArrayResult(found, CurrentMemoryContext);
}

char *
caas_installed_version(void)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	char	   *version = NULL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool  is_null;
		Datum value;

		if (namestrcmp(&((Form_pg_extension)GETSTRUCT(tuple))->extname, "caas") != 0)
			continue;
		value =
			heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &is_null);
		version = is_null ? NULL : TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return version;
}
