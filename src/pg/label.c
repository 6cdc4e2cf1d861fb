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
#include "commands/seclabel.h"
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
					 "or 'seal id :index @context'."),
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
		appendStringInfoString(&text, i == 0 ? "\"" : "=\"");
		for (const char *next = name; *next != '\0'; next++)
			appendStringInfo(&text, *next == '"' ? "\"%c" : "%c", *next);
		appendStringInfoChar(&text, '"');
	}
	if (*rest != '\0' && *rest != ':' && *rest != '@')
		appendStringInfoChar(&text, ' ');
	appendStringInfoString(&text, rest);
	return text.data;
}

static const char *
missing(const caas_name *name)
{
	return name->text == NULL || name->number != InvalidAttrNumber
			   ? NULL
			   : psprintf("There is no column \"%s\".", name->text);
}

/* Raises what a trigger's argument may have and a label may not. */
static void
check_label(Relation relation, AttrNumber column, const caas_definition *definition)
{
	const caas_argument *argument = &definition->arguments[0];
	const char			*problem = missing(&definition->id);

	if (problem == NULL)
		problem = missing(&argument->companion);
	if (problem == NULL && argument->keep)
		problem = "The option keep is for triggers.";
	if (problem == NULL && definition->kind->is_seal && argument->context == NULL)
		problem = "The context is missing.";
	if (problem == NULL && argument->has_blank)
		problem = "The context has a blank; write it in double quotes.";
	if (problem != NULL)
		refuse_label(relation, column, problem);
}

static caas_definition *
parse_label(Relation relation, AttrNumber column, const char *label)
{
	const char				*rest = label;
	char					*word = next_word(&rest);
	const caas_trigger_kind *kind = strcmp(word, "seal") == 0	   ? &caas_seal_kind
									: strcmp(word, "encrypt") == 0 ? &caas_encrypt_kind
																   : NULL;
	char				   **arguments = palloc(2 * sizeof(char *));
	Trigger					*trigger = palloc0(sizeof *trigger);

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

caas_declaration *
caas_parse_label(Relation relation, AttrNumber column, const char *label)
{
	const caas_definition *definition = parse_label(relation, column, label);
	const caas_argument	  *argument = &definition->arguments[0];
	caas_declaration	  *declaration = palloc0(sizeof *declaration);

	declaration->kind = definition->kind->is_seal ? CAAS_DECLARED_SEALED : CAAS_DECLARED_DIGEST;
	declaration->by = CAAS_BY_LABEL;
	declaration->id = definition->id.text;
	declaration->id_namespace = definition->id_namespace;
	declaration->target = argument->target.text;
	declaration->companion = argument->companion.text;
	declaration->context = argument->context;
	declaration->normalization = argument->normalization;
	declaration->enabled = true;
	declaration->problem = missing(&definition->id);
	if (declaration->problem == NULL)
		declaration->problem = missing(&argument->companion);
	return declaration;
}

/* The server calls this for SECURITY LABEL; it raises what is wrong with the label. */
static void
check_new_label(const ObjectAddress *object, const char *label)
{
	Relation relation;

	if (label == NULL)
		return;
	if (object->classId != RelationRelationId || object->objectSubId == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a security label of caas belongs to a column"),
				 errhint("Write SECURITY LABEL FOR caas ON COLUMN .. IS '..'."), caas_hide()));
	relation = table_open(object->objectId, AccessShareLock);
	check_label(relation, (AttrNumber)object->objectSubId,
				parse_label(relation, (AttrNumber)object->objectSubId, label));
	table_close(relation, AccessShareLock);
}

void
caas_label_init(void)
{
	register_label_provider(CAAS_LABEL_PROVIDER, check_new_label);
}
