/*
 * doctor_calls.c - calls of caas with constants in views, defaults, constraints and the like, and
 * in generated columns of foreign tables.
 *
 * The catalogs hold such constants, which are plaintext, and the server may compute
 * such a call once and keep its result when a new generation becomes active.
 */
#include "doctor.h"

#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

/* The functions that take plaintext. */
static const char *const plaintext_functions[] = {
	"caas_sql_encrypt_text",
	"caas_sql_encrypt_bytea",
	"caas_sql_verify_text",
	"caas_sql_verify_bytea",
	"caas_sql_verified_by_text",
	"caas_sql_verified_by_bytea",
	"caas_sql_seal_text",
	"caas_sql_seal_bytea",
	"caas_sql_blind_index_text",
	"caas_sql_blind_index_bytea",
	"caas_sql_blind_candidates_text",
	"caas_sql_blind_candidates_bytea",
	"caas_sql_hash_password",
	"caas_sql_verify_password",
};

static bool
takes_plaintext(Oid function)
{
	for (size_t i = 0; i < lengthof(plaintext_functions); i++)
		if (caas_is_function(function, plaintext_functions[i]))
			return true;
	return false;
}

static bool
are_constants(List *arguments)
{
	ListCell *cell;

	foreach (cell, arguments)
	{
		Node *argument = lfirst(cell);

		while (IsA(argument, RelabelType))
			argument = (Node *)((RelabelType *)argument)->arg;
		if (!IsA(argument, Const))
			return false;
	}
	return true;
}

/* Finds the first such call in a tree of the parser; *found is its function. */
static bool
find_constant_call(Node *node, void *found)
{
	const FuncExpr *call = (const FuncExpr *)node;

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && are_constants(call->args) && takes_plaintext(call->funcid))
	{
		*(Oid *)found = call->funcid;
		return true;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *)node, find_constant_call, found, 0);
	return expression_tree_walker(node, find_constant_call, found);
}

static void
report_calls(caas_doctor *doctor, char **columns, const void *argument)
{
	Oid function;

	if (find_constant_call(stringToNode(columns[1]), &function))
		caas_doctor_add(
			doctor, CAAS_SEVERITY_WARNING, columns[0],
			psprintf("it calls %s with constants: the catalogs hold the plaintext, and the result "
					 "can be kept over a rotation",
					 get_func_name(function)),
			"Create it anew with the result in place of the call, or with values of rows.");
}

/* A catalog, its column of the object's oid, and its column of a tree. */
#define TREES(catalog, class, oid, tree)                                                           \
	" SELECT 'pg_catalog." class "'::pg_catalog.regclass, " oid ", " tree                          \
								 " FROM pg_catalog." catalog " WHERE " tree " IS NOT NULL"

/* The objects that depend on a function of the extension. */
static const char
	trees[] =
		"WITH calls AS MATERIALIZED (SELECT DISTINCT d.classid, d.objid FROM pg_catalog.pg_depend d"
		" JOIN pg_catalog.pg_depend m ON m.objid" EQ "d.refobjid AND m.classid" EQ "d.refclassid"
		" WHERE d.refclassid" EQ "'pg_catalog.pg_proc'::pg_catalog.regclass"
		" AND m.refclassid" EQ "'pg_catalog.pg_extension'::pg_catalog.regclass"
		" AND m.refobjid" EQ "%u AND m.deptype" EQ "'e')"
		" SELECT pg_catalog.pg_describe_object(c.classid, c.objid, 0), t.tree"
		" FROM calls c JOIN (" TREES(
			"pg_attrdef", "pg_attrdef", "oid", "adbin") " UNION ALL" TREES("pg_constraint", "pg_constraint", "oid", "conbin") " UNION ALL" TREES("pg_index", "pg_class", "indexrelid", "indexprs") " UNION ALL" TREES("pg_index", "pg_class", "indexrelid", "indpred") " UNION ALL" TREES("pg_rewrite", "pg_rewrite", "oid", "ev_action") " UNION ALL" TREES("pg_proc",
																																																																																							 "pg_proc", "oid", "prosqlbody") " UNION ALL" TREES("pg_policy",
																																																																																																				"pg_policy", "oid", "polqual") " UNION ALL" TREES("pg_policy",
																																																																																																																  "pg_policy", "oid", "polwithcheck") " UNION ALL" TREES("pg_trigger",
																																																																																																																														 "pg_trigger",
																																																																																																																														 "oid",
																																																																																																																														 "tgqual") " UNION ALL" TREES("pg_statistic_ext",
																																																																																																																																					  "pg_statistic_ext", "oid", "stxexprs") ") t(classid, objid, tree) ON t.classid" EQ
																																																																																																																																															 "c.classid AND t.objid" EQ
																																																																																																																																															 "c.objid"
																																																																																																																																															 " ORDER BY 1";

/* The other server gets DEFAULT for such a column, whatever was computed here. */
static const char foreign_columns[] =
	"SELECT DISTINCT 'column ' OPERATOR(pg_catalog.||) a.attrelid::pg_catalog.regclass::pg_catalog.text"
	" OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(a.attname),"
	" 'the column is generated on a foreign table: the digest that is stored is the one that the other "
	"server computes, or none',"
	" 'Make the column of the other server generated, too, or at least NOT NULL.'"
	" FROM pg_catalog.pg_attrdef f"
	" JOIN pg_catalog.pg_attribute a ON a.attrelid" EQ "f.adrelid AND a.attnum" EQ "f.adnum"
	" JOIN pg_catalog.pg_class c ON c.oid" EQ "a.attrelid AND c.relkind" EQ "'f'"
	" JOIN pg_catalog.pg_depend d ON d.objid" EQ "f.oid"
	" AND d.classid" EQ "'pg_catalog.pg_attrdef'::pg_catalog.regclass"
	" AND d.refclassid" EQ "'pg_catalog.pg_proc'::pg_catalog.regclass"
	" JOIN pg_catalog.pg_depend m ON m.objid" EQ "d.refobjid AND m.classid" EQ "d.refclassid"
	" WHERE a.attgenerated" EQ "'s' AND m.deptype" EQ "'e' AND m.refobjid" EQ "%u"
	" AND m.refclassid" EQ "'pg_catalog.pg_extension'::pg_catalog.regclass";

void
caas_doctor_calls(caas_doctor *doctor)
{
	caas_doctor_query(doctor, psprintf(trees, doctor->extension), report_calls, NULL);
	caas_doctor_select(doctor, CAAS_SEVERITY_NOTE, psprintf(foreign_columns, doctor->extension));
}
