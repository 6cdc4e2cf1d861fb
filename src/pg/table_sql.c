/*
 * table_sql.c - the parts of statements over the rows of a table.
 */
#include "table.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

Oid
caas_base_type(Relation relation, const char *column)
{
	Oid table = RelationGetRelid(relation);

	return getBaseType(get_atttype(table, get_attnum(table, column)));
}

const char *
caas_normalization_name(caas_normalization normalization)
{
	static const char *const names[] = {"none", "casefold", "digits"};

	return names[normalization];
}

const char *
caas_row_column(const char *name)
{
	return psprintf(CAAS_ROW ".%s", quote_identifier(name));
}

const char *
caas_text_literal(const char *text)
{
	return psprintf("%s::pg_catalog.text", quote_literal_cstr(text));
}

/* Arrays are equal when their elements are equal or null in both. */
const char *
caas_same_sql(const char *a, const char *b, Oid type)
{
	const char *cast = type == BYTEAOID ? "bytea" : "text COLLATE pg_catalog.\"C\"";

	return psprintf("ARRAY[(%s)::pg_catalog.%s] OPERATOR(pg_catalog.=) ARRAY[(%s)::pg_catalog.%s]",
					a, cast, b, cast);
}

const char *
caas_row_user(Relation relation, const char *schema, const caas_declaration *declaration)
{
	Oid			type = caas_base_type(relation, declaration->id);
	bool		is_integer = type == INT2OID || type == INT4OID || type == INT8OID;
	const char *id = caas_row_column(declaration->id);

	if (declaration->id_namespace == NULL)
		return psprintf("%s::pg_catalog.uuid", id);
	return psprintf("%s.caas_uuid(%s, %s::pg_catalog.%s)", schema,
					caas_text_literal(declaration->id_namespace), id, is_integer ? "int8" : "text");
}

const char *
caas_table_name(Oid table)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
									  get_rel_name(table));
}

void
caas_require_all_rows(Relation relation)
{
	if (check_enable_rls(RelationGetRelid(relation), InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("row-level security hides rows of %s from this role",
							   caas_table_name(RelationGetRelid(relation))),
						errhint("Use a role with BYPASSRLS, or the owner of a table without FORCE "
								"ROW LEVEL SECURITY."),
						caas_hide()));
}

const char *
caas_extension_schema(FunctionCallInfo fcinfo)
{
	return quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
}

int
caas_active_generation(void)
{
	caas_keyring_info keyring;

	caas_engine_keyring(caas_gated_engine(), &keyring);
	return keyring.active;
}
