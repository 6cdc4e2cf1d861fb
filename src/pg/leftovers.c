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
#include "utils/regproc.h"
#include "utils/rel.h"

static const char key_prefix[] = "caas.api_key=";

/* Adds the description of every row of a catalog whose column config sets caas.api_key. */
static ArrayBuildState *
collect(Oid catalog, AttrNumber config, char *(*describe)(HeapTuple), ArrayBuildState *found)
{
	Relation	relation = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool   is_null;
		Datum  settings = heap_getattr(tuple, config, RelationGetDescr(relation), &is_null);
		Datum *elements;
		int	   count = 0;

		if (!is_null)
			deconstruct_array(DatumGetArrayTypeP(settings), TEXTOID, -1, false, TYPALIGN_INT,
							  &elements, NULL, &count);
		for (int i = 0; i < count; i++)
			if (pg_strncasecmp(TextDatumGetCString(elements[i]), key_prefix,
							   sizeof key_prefix - 1) == 0)
				found = accumArrayResult(found, CStringGetTextDatum(describe(tuple)), false,
										 TEXTOID, CurrentMemoryContext);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

static char *
describe_role_setting(HeapTuple tuple)
{
	Form_pg_db_role_setting setting = (Form_pg_db_role_setting)GETSTRUCT(tuple);
	const char			   *database =
		OidIsValid(setting->setdatabase) ? get_database_name(setting->setdatabase) : NULL;
	const char *role =
		OidIsValid(setting->setrole) ? GetUserNameFromId(setting->setrole, true) : NULL;

	return psprintf("%s%s%s%s", role ? "role " : "all roles", role ? role : "",
					database ? " in database " : "", database ? database : "");
}

static char *
describe_function(HeapTuple tuple)
{
	return psprintf("function %s",
					format_procedure_qualified(((Form_pg_proc)GETSTRUCT(tuple))->oid));
}

/*
 * Tells whether the server's configuration files set the key. The files are
 * parsed here, because a value of a role, a database or the client hides that of
 * the file from a library that is loaded later. Files with errors are skipped.
 */
static bool
key_in_files(void)
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

	if (key_in_files())
		found = accumArrayResult(found, CStringGetTextDatum("configuration of the server"), false,
								 TEXTOID, CurrentMemoryContext);
	found = collect(DbRoleSettingRelationId, Anum_pg_db_role_setting_setconfig,
					describe_role_setting, found);
	found = collect(ProcedureRelationId, Anum_pg_proc_proconfig, describe_function, found);
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
