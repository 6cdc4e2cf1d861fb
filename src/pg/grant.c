/*
 * grant.c - caas_grant() and caas_revoke(): EXECUTE on the functions that a part in an application
 * needs.
 *
 * The functions are found among the members of the extension, so a function of the
 * same name elsewhere is never meant, and one that this version does not have is
 * left out.
 */
#include "table_plan.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* The names of each privilege's functions, of all their forms. */
static const struct
{
	const char *privilege;
	const char *functions;
} parts[] = {
	{"write", "{caas_encrypt,caas_seal,caas_blind_index,caas_hash_password}"},
	{"verify", "{caas_verify,caas_verified_by,caas_blind_candidates,caas_verify_password,"
			   "caas_password_outdated}"},
	{"read", "{caas_open,caas_open_bytea,caas_try_open,caas_try_open_bytea,caas_verify,"
			 "caas_verified_by,caas_blind_candidates,caas_verify_password,caas_password_outdated}"},
	/* caas_protect() creates triggers with the privileges of its caller */
	{"administer",
	 "{caas_backfill,caas_rotate,caas_cutover,caas_check,caas_generations,caas_residue,"
	 "caas_doctor,caas_protect,caas_protect_plan,caas_unprotect,caas_unprotect_plan,caas_reseal,"
	 "caas_encrypt_trigger,caas_seal_trigger,caas_keyring,caas_profile}"},
};

static const char *
functions_of(const char *privilege)
{
	for (size_t i = 0; i < lengthof(parts); i++)
		if (strcmp(parts[i].privilege, privilege) == 0)
			return parts[i].functions;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("there is no privilege \"%s\"", privilege),
					errhint("The privileges are write, verify, read (with verify) and administer."),
					caas_hide()));
}

/*
 * Of the owner of the functions alone: GRANT by another role may do nothing and say so
 * in a warning only.
 */
static void
require_function_owner(Oid function)
{
	if (!pg_proc_ownercheck(function, GetUserId()))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must be owner of the functions of caas"),
						errhint("The role that created the extension grants them."), caas_hide()));
}

static void
warn_of_schema(Oid function, Oid role)
{
	Oid			schema = get_func_namespace(function);
	AclResult	result = pg_namespace_aclcheck(schema, role, ACL_USAGE);
	const char *name = quote_identifier(get_namespace_name(schema));

	if (result != ACLCHECK_OK)
		ereport(WARNING, (errmsg("role %s may not use the schema of caas",
								 quote_identifier(GetUserNameFromId(role, false))),
						  errhint("GRANT USAGE ON SCHEMA %s TO %s;", name,
								  quote_identifier(GetUserNameFromId(role, false))),
						  caas_hide()));
}

/* The statements, made from the catalogs; role is its name as in SQL. */
static List *
statements_for(Oid function, const char *format, const char *role, const char *privilege)
{
	static const char query[] =
		"SELECT pg_catalog.format($3, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, "
		"p.oid::regprocedure, $4) FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid WHERE d.classid "
		"= 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = $1 AND "
		"d.deptype = 'e' AND p.proname::text = ANY ($2::text[]) ORDER BY p.proname, "
		"p.oid::regprocedure::text COLLATE \"C\"";
	Oid	  types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID};
	Datum parameters[] = {ObjectIdGetDatum(getExtensionOfObject(ProcedureRelationId, function)),
						  CStringGetTextDatum(functions_of(privilege)), CStringGetTextDatum(format),
						  CStringGetTextDatum(role)};

	return caas_query(query, lengthof(types), types, parameters);
}

/* Runs the statements and returns them as rows. */
static Datum
change_privileges(FunctionCallInfo fcinfo, const char *format)
{
	Oid			function = fcinfo->flinfo->fn_oid;
	Oid			role = PG_GETARG_OID(0);
	const char *name = quote_identifier(GetUserNameFromId(role, false));
	int			level;
	List	   *statements;
	ListCell   *cell;

	require_function_owner(function);
	level = caas_begin_queries();
	statements = statements_for(function, format, name, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	foreach (cell, statements)
		(void)caas_run(lfirst(cell));
	caas_end_queries(level);
	(void)caas_rows_begin(fcinfo, 1);
	foreach (cell, statements)
	{
		Datum value = CStringGetTextDatum((char *)lfirst(cell));
		bool  is_null = false;

		caas_rows_put(fcinfo, &value, &is_null);
	}
	return (Datum)0;
}

/* caas_grant(role regrole, privilege text) returns setof text */
PG_FUNCTION_INFO_V1(caas_sql_grant);
Datum
caas_sql_grant(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("caas_grant()");
	caas_refuse_restricted("caas_grant");
	(void)change_privileges(fcinfo, "GRANT EXECUTE ON %s %s TO %s");
	warn_of_schema(fcinfo->flinfo->fn_oid, PG_GETARG_OID(0));
	return (Datum)0;
}

/* caas_revoke(role regrole, privilege text) returns setof text */
PG_FUNCTION_INFO_V1(caas_sql_revoke);
Datum
caas_sql_revoke(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("caas_revoke()");
	caas_refuse_restricted("caas_revoke");
	return change_privileges(fcinfo, "REVOKE EXECUTE ON %s %s FROM %s");
}
