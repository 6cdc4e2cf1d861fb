/*
 * trigger_carry.c - the same expression over the source and over the target.
 *
 * An expression is carried when it is EXCLUDED.source, the row's own source, an
 * expression without them, or COALESCE or the results of CASE over these. It
 * becomes an expression for the source, which is null where the value comes from
 * a target, and one for target and companion.
 */
#include "trigger_carry.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/rel.h"

/* ---- does an expression use a column ---- */

typedef struct use_search
{
	int				 relation;
	const Bitmapset *columns;
	bool			 whole_rows; /* a whole row counts too */
	int				 depth;		 /* of sub-selects */
} use_search;

static bool
use_walker(Node *node, use_search *search)
{
	bool found;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const Var *var = (const Var *)node;

		if ((int)var->varno != search->relation || (int)var->varlevelsup != search->depth)
			return false;
		return var->varattno > 0 ? bms_is_member(var->varattno, search->columns)
								 : var->varattno == 0 && search->whole_rows;
	}
	if (!IsA(node, Query))
		return expression_tree_walker(node, use_walker, search);
	search->depth++;
	found = query_tree_walker((Query *)node, use_walker, search, 0);
	search->depth--;
	return found;
}

bool
caas_uses_own(const caas_setting *setting, Node *node, const Bitmapset *columns)
{
	use_search search = {setting->own, columns, false, 0};

	return use_walker(node, &search);
}

bool
caas_uses_excluded(const caas_setting *setting, Node *node, const Bitmapset *columns)
{
	use_search search = {setting->excluded, columns, true, 0};

	return setting->excluded != 0 && use_walker(node, &search);
}

bool
caas_uses_source(const caas_setting *setting, Node *node)
{
	Bitmapset *source = bms_make_singleton(setting->argument->source.number);

	return caas_uses_own(setting, node, source) || caas_uses_excluded(setting, node, source);
}

/* ---- building expressions ---- */

static Node *
column_of(const caas_setting *setting, int relation, AttrNumber number)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(setting->relation), number - 1);

	return (Node *)makeVar(relation, number, column->atttypid, column->atttypmod,
						   column->attcollation, 0);
}

static Node *
null_like(Node *node)
{
	return (Node *)makeNullConst(exprType(node), exprTypmod(node), exprCollation(node));
}

static CaseWhen *
when(Node *condition, Node *result)
{
	CaseWhen *arm = makeNode(CaseWhen);

	arm->expr = (Expr *)condition;
	arm->result = (Expr *)result;
	arm->location = -1;
	return arm;
}

static Node *
case_of(List *arms, Node *otherwise)
{
	CaseExpr *result = makeNode(CaseExpr);

	result->casetype = exprType(otherwise);
	result->casecollid = exprCollation(otherwise);
	result->args = arms;
	result->defresult = (Expr *)otherwise;
	result->location = -1;
	return (Node *)result;
}

static Node *
is_set(Node *node)
{
	NullTest *test = makeNode(NullTest);

	test->arg = copyObject((Expr *)node);
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	return (Node *)test;
}

/* ---- carrying an expression ---- */

static carried_value
value_of_row(const caas_setting *setting, int relation)
{
	const caas_argument *argument = setting->argument;
	carried_value		 value = {.companion = NULL};
	AttrNumber			 target =
		  argument->target.text != NULL ? argument->target.number : argument->source.number;

	value.target = column_of(setting, relation, target);
	value.source = column_of(setting, relation, argument->source.number);
	if (relation == setting->excluded)
		value.source = null_like(value.source);
	if (argument->companion.text != NULL)
		value.companion = column_of(setting, relation, argument->companion.number);
	return value;
}

static carried_value
plain_value(const caas_setting *setting, Node *node)
{
	carried_value value = value_of_row(setting, setting->own);

	value.source = node;
	value.target = null_like(value.target);
	if (value.companion != NULL)
		value.companion = null_like(value.companion);
	return value;
}

static Node *
first_of(const carried_value *first, Node *from_source, Node *from_target, Node *otherwise)
{
	return case_of(list_make2(when(is_set(first->source), from_source),
							  when(is_set(first->target), from_target)),
				   otherwise);
}

/* COALESCE(first, rest): the first that has a value in its source or in its target. */
static carried_value
carried_first(const carried_value *first, const carried_value *rest)
{
	carried_value value = {.companion = NULL};

	value.source = first_of(first, first->source, null_like(rest->source), rest->source);
	value.target = first_of(first, null_like(rest->target), first->target, rest->target);
	if (first->companion != NULL)
		value.companion =
			first_of(first, null_like(rest->companion), first->companion, rest->companion);
	return value;
}

static bool
carry_coalesce(const caas_setting *setting, const CoalesceExpr *coalesce, carried_value *value)
{
	int last = list_length(coalesce->args) - 1;

	if (!caas_carry(setting, list_nth(coalesce->args, last), value))
		return false;
	for (int i = last - 1; i >= 0; i--)
	{
		carried_value first;

		if (!caas_carry(setting, list_nth(coalesce->args, i), &first))
			return false;
		*value = carried_first(&first, value);
	}
	return true;
}

/* The same CASE, with other results. */
static CaseExpr *
case_like(const CaseExpr *expression, Node *otherwise)
{
	CaseExpr *result = copyObject((CaseExpr *)unconstify(CaseExpr *, expression));

	result->casetype = exprType(otherwise);
	result->casecollid = exprCollation(otherwise);
	result->defresult = (Expr *)otherwise;
	return result;
}

static void
set_result(CaseExpr *expression, int arm, Node *result)
{
	list_nth_node(CaseWhen, expression->args, arm)->result = (Expr *)result;
}

static bool
carry_case(const caas_setting *setting, const CaseExpr *expression, carried_value *value)
{
	CaseExpr *source;
	CaseExpr *target;
	CaseExpr *companion = NULL;

	if (caas_uses_source(setting, (Node *)expression->arg) ||
		!caas_carry(setting, (Node *)expression->defresult, value))
		return false;
	source = case_like(expression, value->source);
	target = case_like(expression, value->target);
	if (value->companion != NULL)
		companion = case_like(expression, value->companion);
	for (int i = 0; i < list_length(expression->args); i++)
	{
		const CaseWhen *arm = list_nth_node(CaseWhen, expression->args, i);
		carried_value	result;

		if (caas_uses_source(setting, (Node *)arm->expr) ||
			!caas_carry(setting, (Node *)arm->result, &result))
			return false;
		set_result(source, i, result.source);
		set_result(target, i, result.target);
		if (companion != NULL)
			set_result(companion, i, result.companion);
	}
	value->source = (Node *)source;
	value->target = (Node *)target;
	value->companion = (Node *)companion;
	return true;
}

bool
caas_carry(const caas_setting *setting, Node *node, carried_value *value)
{
	const Var *var = (const Var *)node;

	if (!caas_uses_source(setting, node))
	{
		*value = plain_value(setting, node);
		return true;
	}
	if (IsA(node, RelabelType))
	{
		RelabelType *cast = copyObject((RelabelType *)node);

		if (!caas_carry(setting, (Node *)cast->arg, value))
			return false;
		cast->arg = (Expr *)value->source;
		value->source = (Node *)cast;
		return true;
	}
	if (IsA(node, CoalesceExpr))
		return carry_coalesce(setting, (CoalesceExpr *)node, value);
	if (IsA(node, CaseExpr))
		return carry_case(setting, (CaseExpr *)node, value);
	if (!IsA(node, Var) || var->varlevelsup != 0 || var->varattno == 0)
		return false;
	*value = value_of_row(setting, var->varno);
	return true;
}

carried_value
caas_value_of_own(const caas_setting *setting)
{
	return value_of_row(setting, setting->own);
}

Node *
caas_when_set(Node *value, Node *result, Node *otherwise)
{
	return case_of(list_make1(when(is_set(value), result)), otherwise);
}
