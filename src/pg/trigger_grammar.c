/*
 * trigger_grammar.c - parses the arguments of a row trigger.
 *
 * The first argument names the user, each further one a value to protect:
 *
 *     id[@namespace]
 *     source[=target[:companion]][@context] [option ..]
 *
 * Names, namespace and context are written as in SQL: "in double quotes" when
 * they hold one of the characters = : @ " or a blank. A column's name without
 * quotes is looked up as written first, and then in lower case.
 * docs/triggers.md describes the grammar for users.
 */
#include "table.h"
#include "trigger.h"

#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#define SEPARATORS "=:@\" \t\n"
#define BLANKS " \t\n"

/* The rest of an argument, and what messages say about it. */
typedef struct caas_scanner
{
	const char		*rest;
	const char		*argument;
	caas_definition *definition;
	Relation		 relation;
} caas_scanner;

static void
refuse_argument(const caas_scanner *scanner, const char *detail)
{
	/* A security label is parsed as the arguments of a trigger that does not exist. */
	if (strcmp(scanner->definition->trigger->tgname, CAAS_LABEL_PROVIDER) == 0 &&
		!OidIsValid(scanner->definition->trigger->tgoid))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a security label of relation \"%s\" is not valid",
							   RelationGetRelationName(scanner->relation)),
						errdetail("%s", detail), caas_hide()));
	ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					errmsg("trigger \"%s\" of relation \"%s\" has a wrong argument: %s",
						   scanner->definition->trigger->tgname,
						   RelationGetRelationName(scanner->relation), scanner->argument),
					errdetail("%s", detail),
					errhint("%s", scanner->definition->kind->arguments_hint), caas_hide()));
}

void
caas_append_quoted(StringInfo text, const char *name)
{
	appendStringInfoChar(text, '"');
	for (const char *next = name; *next != '\0'; next++)
		appendStringInfo(text, *next == '"' ? "\"%c" : "%c", *next);
	appendStringInfoChar(text, '"');
}

/* Reads text in double quotes, in which two of them stand for one. */
static char *
scan_quoted(caas_scanner *scanner)
{
	StringInfoData text;
	const char	  *next = scanner->rest + 1;

	initStringInfo(&text);
	while (*next != '\0' && (*next != '"' || next[1] == '"'))
	{
		next += *next == '"' ? 1 : 0;
		appendStringInfoChar(&text, *next++);
	}
	if (*next == '\0')
		refuse_argument(scanner, "A double quote has no counterpart.");
	scanner->rest = next + 1;
	return text.data;
}

/* Reads quoted text, or text up to the first of the characters in ends. */
static char *
scan_text(caas_scanner *scanner, const char *ends, const char *missing)
{
	char  *text;
	size_t length;

	if (*scanner->rest == '"')
		return scan_quoted(scanner);
	length = strcspn(scanner->rest, ends);
	if (length == 0)
		refuse_argument(scanner, missing);
	text = pnstrdup(scanner->rest, length);
	scanner->rest += length;
	return text;
}

static AttrNumber
column_number(Relation relation, const char *name)
{
	TupleDesc columns = RelationGetDescr(relation);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0)
			return column->attnum;
	}
	return InvalidAttrNumber;
}

/* Before 0.4 a name ended at a separator and had no quotes. Such a name is still read when it is
 * that of a column. */
static bool
scan_older_name(caas_scanner *scanner, caas_name *name)
{
	size_t length = strcspn(scanner->rest, "=:@");

	name->text = pnstrdup(scanner->rest, length);
	name->number = column_number(scanner->relation, name->text);
	if (name->number == InvalidAttrNumber)
		return false;
	scanner->rest += length;
	return true;
}

static caas_name
scan_name(caas_scanner *scanner)
{
	bool	  quoted = *scanner->rest == '"';
	caas_name name;

	if (scan_older_name(scanner, &name))
		return name;
	name.text = scan_text(scanner, SEPARATORS, "The name of a column is missing.");
	name.number = column_number(scanner->relation, name.text);
	if (name.number == InvalidAttrNumber && !quoted)
	{
		name.text = downcase_identifier(name.text, (int)strlen(name.text), false, false);
		name.number = column_number(scanner->relation, name.text);
	}
	return name;
}

/* Goes past the separator when it is next. */
static bool
skip(caas_scanner *scanner, char separator)
{
	if (*scanner->rest != separator)
		return false;
	scanner->rest++;
	return true;
}

/* Returns false for a word that is not an option. */
static bool
set_option(caas_argument *argument, const char *option)
{
	if (strcmp(option, "keep") == 0)
		argument->keep = true;
	else if (strcmp(option, "digests=keep") == 0)
		argument->shaped = CAAS_SHAPED_KEPT;
	else if (strcmp(option, "digests=plaintext") == 0)
		argument->shaped = CAAS_SHAPED_DIGESTED;
	else if (strcmp(option, "normalize=casefold") == 0)
		argument->normalization = CAAS_NORMALIZE_CASEFOLD;
	else if (strcmp(option, "normalize=digits") == 0)
		argument->normalization = CAAS_NORMALIZE_DIGITS;
	else
		return false;
	return true;
}

static void
check_parts(const caas_scanner *scanner, const caas_argument *argument)
{
	const caas_trigger_kind *kind = scanner->definition->kind;

	if (kind->is_seal && argument->target.text == NULL)
		refuse_argument(scanner, "The column of the sealed value is missing.");
	if (!kind->is_seal && argument->context != NULL)
		refuse_argument(scanner, "A digest has no context.");
	if (kind->is_seal && argument->shaped != CAAS_SHAPED_REFUSED)
		refuse_argument(scanner, "The option digests is for caas_encrypt_trigger.");
	if (argument->normalization != CAAS_NORMALIZE_NONE &&
		!(kind->is_seal && argument->companion.text != NULL))
		refuse_argument(scanner, "The option normalize needs the column of a blind index.");
	if (argument->target.text == NULL && argument->keep)
		refuse_argument(scanner, "The option keep needs a target column.");
	if (argument->target.text != NULL && argument->shaped != CAAS_SHAPED_REFUSED)
		refuse_argument(scanner, "The option digests is for a value that is replaced in place.");
}

/* Takes the last word off the text when it is an option. */
static bool
cut_option(caas_argument *argument, char *text)
{
	char *end = text + strlen(text);
	char *word;

	while (end > text && strchr(BLANKS, end[-1]) != NULL)
		*--end = '\0';
	word = end;
	while (word > text && strchr(BLANKS, word[-1]) == NULL)
		word--;
	if (word == text || !set_option(argument, word))
		return false;
	*word = '\0';
	return true;
}

/* Before 0.4 a context went to the end of the argument, blanks included, and it still does; options
 * may follow it. */
static void
scan_context(caas_scanner *scanner, caas_argument *argument)
{
	char *context;

	if (*scanner->rest == '"')
	{
		argument->context = scan_quoted(scanner);
		return;
	}
	context = pstrdup(scanner->rest);
	while (cut_option(argument, context))
		;
	argument->context = context;
	argument->has_blank = strpbrk(context, BLANKS) != NULL;
	scanner->rest += strlen(scanner->rest);
}

static void
scan_options(caas_scanner *scanner, caas_argument *argument)
{
	while (*scanner->rest != '\0')
	{
		size_t		blanks = strspn(scanner->rest, BLANKS);
		const char *option;

		if (blanks == 0)
			refuse_argument(scanner, psprintf("\"%s\" is unexpected.", scanner->rest));
		scanner->rest += blanks;
		if (*scanner->rest == '\0')
			return;
		option = scan_text(scanner, BLANKS, "An option is missing.");
		if (!set_option(argument, option))
			refuse_argument(scanner, psprintf("There is no option \"%s\".", option));
	}
}

/* Reads the names of columns, up to the context or the options. */
static void
scan_columns(caas_scanner *scanner, caas_argument *argument)
{
	scanner->rest = scanner->argument + strspn(scanner->argument, BLANKS);
	argument->text = scanner->argument;
	argument->source = scan_name(scanner);
	if (skip(scanner, '='))
	{
		argument->target = scan_name(scanner);
		if (skip(scanner, ':'))
			argument->companion = scan_name(scanner);
	}
}

static void
scan_argument(caas_scanner *scanner, caas_argument *argument)
{
	scan_columns(scanner, argument);
	if (skip(scanner, '@'))
		scan_context(scanner, argument);
	scan_options(scanner, argument);
	check_parts(scanner, argument);
}

static void
scan_id(caas_scanner *scanner)
{
	caas_definition *definition = scanner->definition;

	scanner->argument = definition->trigger->tgargs[0];
	scanner->rest = scanner->argument + strspn(scanner->argument, BLANKS);
	definition->id = scan_name(scanner);
	if (skip(scanner, '@'))
		definition->id_namespace = scan_text(scanner, BLANKS, "The namespace is missing.");
	if (scanner->rest[strspn(scanner->rest, BLANKS)] != '\0')
		refuse_argument(scanner, psprintf("\"%s\" is unexpected.", scanner->rest));
}

caas_definition *
caas_parse_definition(Relation relation, const Trigger *trigger, const caas_trigger_kind *kind)
{
	int				 narguments = Max(trigger->tgnargs - 1, 0);
	caas_definition *definition =
		palloc0(offsetof(caas_definition, arguments) + narguments * sizeof(caas_argument));
	caas_scanner scanner = {.definition = definition, .relation = relation};

	definition->trigger = trigger;
	definition->kind = kind;
	definition->narguments = narguments;
	if (trigger->tgnargs < 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" gives %s too few arguments", trigger->tgname, kind->name),
				 errhint("%s", kind->arguments_hint), caas_hide()));
	scan_id(&scanner);
	for (int i = 0; i < narguments; i++)
	{
		scanner.argument = trigger->tgargs[i + 1];
		scan_argument(&scanner, &definition->arguments[i]);
	}
	return definition;
}

bool
caas_argument_has_context(Relation relation, const Trigger *trigger, const char *text)
{
	caas_definition definition = {.trigger = trigger, .kind = &caas_seal_kind};
	caas_argument	argument = {0};
	caas_scanner	scanner = {.argument = text, .definition = &definition, .relation = relation};

	scan_columns(&scanner, &argument);
	return *scanner.rest == '@';
}
