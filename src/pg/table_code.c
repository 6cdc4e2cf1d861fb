/*
 * table_code.c - whether an expression of a table runs code of the table's owner.
 *
 * A generated column is computed by whoever writes a row, and its expression can
 * call functions of the owner. Who only reads the table, as caas_check does, must
 * not run them in another role's name: nor may the planner, which computes calls
 * with constants before the statement runs.
 */
#include "table.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static bool
is_foreign(Oid class_id, Oid object)
{
	Oid extension;

	if (object < FirstNormalObjectId)
		return false;
	extension = getExtensionOfObject(class_id, object);
	return !OidIsValid(extension) || extension != get_extension_oid("caas", true);
}

static bool
is_foreign_function(Oid function, void *context)
{
	return is_foreign(ProcedureRelationId, function);
}

/* A value of a foreign type is compared, converted and shown by functions of that type. */
static bool
has_foreign_type(Node *node)
{
	switch (nodeTag(node))
	{
	case T_Var:
	case T_Const:
	case T_FuncExpr:
	case T_RelabelType:
	case T_CoerceViaIO:
	case T_ArrayCoerceExpr:
	case T_ConvertRowtypeExpr:
	case T_ArrayExpr:
	case T_RowExpr:
	case T_MinMaxExpr:
		return is_foreign(TypeRelationId, getBaseType(exprType(node)));
	case T_CoerceToDomain: /* it checks the constraints of the domain */
		return is_foreign(TypeRelationId, exprType(node));
	default:
		return false;
	}
}

static bool
find_foreign_code(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_foreign_function, context) || has_foreign_type(node) ||
		   expression_tree_walker(node, find_foreign_code, context);
}

bool
caas_has_foreign_code(Node *expression)
{
	return find_foreign_code(expression, NULL);
}

/* A superuser has the privileges of every role, and would lend the owner his. */
bool
caas_may_evaluate(Relation relation, const caas_declaration *declaration)
{
	Oid owner = relation->rd_rel->relowner;
	Oid user = GetUserId();

	return !declaration->foreign_code ||
		   (has_privs_of_role(user, owner) && (!superuser_arg(user) || superuser_arg(owner)));
}
