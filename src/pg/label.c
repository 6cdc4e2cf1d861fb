/*
 * label.c - security labels, which declare columns that an application fills.
 *
 *     SECURITY LABEL FOR caas ON COLUMN people.ssn IS 'seal id@users :ssn_index@people.ssn';
 *
 * The label is a kind, encrypt or seal, the id column as in a trigger, and what
 * follows the target in an argument of a trigger (trigger_grammar.c): [:companion]
 * [@context] [option ..]. The column itself is the target.
 */
#include "table.h"
#include "trigger.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/seclabel.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define BLANKS " \t\n"

static void
refuse_label(Relation relation, AttrNumber column, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the security label of column \"%s\" of relation \"%s\" is not valid",
					caas_column_name(relation, column), RelationGetRelationName(relation)),
			 errdetail("%s", detail),
			 errhint("Write 'encrypt id', 'encrypt id@namespace :generation', 'seal id @context' "
					 "or 'seal id :index@context'."),
			 caas_hide()));
}

/* Cuts the next word off; blanks within double quotes belong to it. */
static char *
next_word(const char **rest)
{
	const char *start = *rest + strspn(*rest, BLANKS);
	const char *end = start;
	bool		quoted = false;

	while (*end != '\0' && (quoted || strchr(BLANKS, *end) == NULL))
		quoted ^= *end++ == '"';
	*rest = end + strspn(end, BLANKS);
	return pnstrdup(start, end - start);
}

/* The argument of a trigger with the column as source and target. */
static char *
as_argument(Relation relation, AttrNumber column, const char *rest)
{
	const char	  *name = caas_column_name(relation, column);
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < 2; i++)
	{
		appendStringInfoString(&text, i == 0 ? "" : "=");
		caas_append_quoted(&text, name);
	}
	if (*rest != '\0' && *rest != ':' && *rest != '@')
		appendStringInfoChar(&text, ' ');
	appendStringInfoString(&text, rest);
	return text.data;
}

/* ---- the types of the columns ---- */

/*
 * Only these types: statements over the rows are built of the columns, and run by
 * whoever reports on them. A cast or a function of another type would be code of the
 * table's owner. A cast without a function, as that of citext, is a superuser's.
 */
static bool
type_fits(Oid base, Oid collation, caas_part part)
{
	switch (part)
	{
	case CAAS_PART_ID:
		return base == UUIDOID;
	case CAAS_PART_ID_NAME:
		return caas_uuid_takes(base, collation);
	case CAAS_PART_GENERATION:
		return base == INT2OID || base == INT4OID || base == INT8OID;
	case CAAS_PART_SEALED_VALUE:
		return base == BYTEAOID;
	default:
		return base == BYTEAOID || (base != BPCHAROID && IsBinaryCoercible(base, TEXTOID));
	}
}

static const char *
types_of(caas_part part)
{
	switch (part)
	{
	case CAAS_PART_ID:
		return "An id without a namespace is a uuid.";
	case CAAS_PART_ID_NAME:
		return "An id with a namespace is smallint, integer, bigint, text or varchar; its collation "
			   "is deterministic.";
	case CAAS_PART_GENERATION:
		return "A generation is smallint, integer or bigint.";
	case CAAS_PART_SEALED_VALUE:
		return "Sealed values and blind indexes are bytea.";
	default:
		return "A digest is text, varchar or bytea.";
	}
}

static const char *
column_problem(Relation relation, const caas_name *name, caas_part part)
{
	Form_pg_attribute column;

	if (name->text == NULL)
		return NULL;
	if (name->number == InvalidAttrNumber)
		return psprintf("There is no column \"%s\".", name->text);
	column = TupleDescAttr(RelationGetDescr(relation), name->number - 1);
	if (type_fits(getBaseType(column->atttypid), column->attcollation, part))
		return NULL;
	return psprintf("Column \"%s\" has type %s. %s", name->text, format_type_be(column->atttypid),
					types_of(part));
}

static const char *
columns_problem(Relation relation, const caas_definition *definition)
{
	const caas_argument *argument = &definition->arguments[0];
	bool				 is_seal = definition->kind->is_seal;
	const char			*problem =
		column_problem(relation, &definition->id,
					   definition->id_namespace == NULL ? CAAS_PART_ID : CAAS_PART_ID_NAME);

	if (problem == NULL)
		problem = column_problem(relation, &argument->target,
								 is_seal ? CAAS_PART_SEALED_VALUE : CAAS_PART_DIGEST);
	if (problem == NULL)
		problem = column_problem(relation, &argument->companion,
								 is_seal ? CAAS_PART_SEALED_VALUE : CAAS_PART_GENERATION);
	return problem;
}

/* ---- the label ---- */

/* Returns what a trigger's argument may have and a label may not, or NULL. */
static const char *
label_problem(Relation relation, const caas_definition *definition)
{
	const caas_argument *argument = &definition->arguments[0];

	if (argument->keep)
		return "The option keep is for triggers.";
	if (definition->kind->is_seal && argument->context == NULL)
		return "The context is missing.";
	if (argument->has_blank)
		return "The context has a blank; write it in double quotes.";
	return columns_problem(relation, definition);
}

/* Returns NULL for a label that begins with another word. */
static const caas_trigger_kind *
kind_of_label(const char *label)
{
	const char *word = next_word(&label);

	if (strcmp(word, "seal") == 0)
		return &caas_seal_kind;
	return strcmp(word, "encrypt") == 0 ? &caas_encrypt_kind : NULL;
}

static caas_definition *
parse_label(Relation relation, AttrNumber column, const char *label)
{
	const char				*rest = label;
	const caas_trigger_kind *kind = kind_of_label(label);
	char				   **arguments = palloc(2 * sizeof(char *));
	Trigger					*trigger = palloc0(sizeof *trigger);

	(void)next_word(&rest);
	if (kind == NULL)
		refuse_label(relation, column, "It begins with neither encrypt nor seal.");
	arguments[0] = next_word(&rest);
	if (*arguments[0] == '\0')
		refuse_label(relation, column, "The id column is missing.");
	arguments[1] = as_argument(relation, column, rest);
	trigger->tgname = pstrdup(CAAS_LABEL_PROVIDER);
	trigger->tgargs = arguments;
	trigger->tgnargs = 2;
	return caas_parse_definition(relation, trigger, kind);
}

/* A label that is being parsed. */
typedef struct caas_label
{
	Relation		 relation;
	AttrNumber		 column;
	const char		*text;
	caas_definition *definition;
} caas_label;

static void
parse(void *argument)
{
	caas_label *label = argument;

	label->definition = parse_label(label->relation, label->column, label->text);
}

static void
declare_columns(caas_declaration *declaration, const caas_definition *definition)
{
	const caas_argument *argument = &definition->arguments[0];

	declaration->id = definition->id.text;
	declaration->id_namespace = definition->id_namespace;
	declaration->companion = argument->companion.text;
	declaration->context = argument->context;
	declaration->normalization = argument->normalization;
}

caas_declaration *
caas_parse_label(Relation relation, AttrNumber column, const char *text)
{
	caas_label		  label = {.relation = relation, .column = column, .text = text};
	caas_declaration *declaration = palloc0(sizeof *declaration);

	declaration->kind =
		kind_of_label(text) == &caas_encrypt_kind ? CAAS_DECLARED_DIGEST : CAAS_DECLARED_SEALED;
	declaration->by = CAAS_BY_LABEL;
	declaration->target = pstrdup(caas_column_name(relation, column));
	declaration->enabled = true;
	declaration->problem = caas_problem_of(caas_definition_error(parse, &label));
	if (declaration->problem == NULL)
	{
		declare_columns(declaration, label.definition);
		declaration->problem = label_problem(relation, label.definition);
	}
	declaration->usable = declaration->problem == NULL;
	return declaration;
}

/* The server calls this for SECURITY LABEL; it raises what is wrong with the label. */
static void
check_new_label(const ObjectAddress *object, const char *label)
{
	AttrNumber	column = (AttrNumber)object->objectSubId;
	Relation	relation;
	const char *problem;

	if (label == NULL)
		return;
	if (object->classId != RelationRelationId || column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a security label of caas belongs to a column"),
				 errhint("Write SECURITY LABEL FOR caas ON COLUMN .. IS '..'."), caas_hide()));
	relation = table_open(object->objectId, AccessShareLock);
	problem = label_problem(relation, parse_label(relation, column, label));
	if (problem != NULL)
		refuse_label(relation, column, problem);
	table_close(relation, AccessShareLock);
}

void
caas_label_init(void)
{
	register_label_provider(CAAS_LABEL_PROVIDER, check_new_label);
}
