/*
 * table_protect_check.c - what caas_protect() refuses, before anything is changed.
 *
 * CREATE TRIGGER makes the checks of trigger_arguments.c again; a plan makes them
 * here, while the target columns may not exist yet.
 */
#include "table_protect.h"

#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define PROTOCOL_VIOLATED ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED

/* ---- the columns ---- */

static void
require_column(Relation relation, const caas_name *name)
{
	if (name->number == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", name->text,
						RelationGetRelationName(relation)),
				 errhint("Name the id column, as 'id' or 'id@namespace', and then the columns to "
						 "protect, as 'source=target' or 'source=target@context'."),
				 caas_hide()));
}

static void
check_existing(const caas_opening *opening, const caas_name *name, caas_part part)
{
	if (name->text != NULL && name->number != InvalidAttrNumber)
		(void)caas_open_attribute(opening, name->number, part);
}

static void
check_context(const caas_argument *argument)
{
	caas_error too_long = {.status = CAAS_ERR_CONTEXT};
	caas_bytes context;

	if (argument->context == NULL)
		return;
	context = caas_text_bytes(CStringGetTextDatum(argument->context));
	if (context.len > CAAS_CONTEXT_MAX_BYTES)
		caas_raise(&too_long);
	caas_bytes_release(&context);
}

static void
check_argument(const caas_opening *opening, const caas_argument *argument)
{
	const caas_trigger_kind *kind = opening->own->kind;

	require_column(opening->relation, &argument->source);
	check_existing(opening, &argument->source, caas_part_of_source(kind, argument));
	check_existing(opening, &argument->target,
				   kind->is_seal ? CAAS_PART_SEALED_VALUE : CAAS_PART_DIGEST);
	check_existing(opening, &argument->companion,
				   kind->is_seal ? CAAS_PART_SEALED_VALUE : CAAS_PART_GENERATION);
	check_context(argument);
}

/* The columns are named, since one that will be added has no number. */
static List *
add_name(Relation relation, List *names, const caas_name *name)
{
	ListCell *cell;

	if (name->text == NULL)
		return names;
	foreach (cell, names)
		if (strcmp(lfirst(cell), name->text) == 0)
			ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
							errmsg("column \"%s\" of relation \"%s\" is named twice", name->text,
								   RelationGetRelationName(relation)),
							errhint("Each column has one part: id, source, target or companion."),
							caas_hide()));
	return lappend(names, (char *)name->text);
}

static List *
add_names(Relation relation, List *names, const caas_definition *definition)
{
	for (int i = 0; i < definition->narguments; i++)
	{
		names = add_name(relation, names, &definition->arguments[i].source);
		names = add_name(relation, names, &definition->arguments[i].target);
		names = add_name(relation, names, &definition->arguments[i].companion);
	}
	return names;
}

void
caas_protect_check_columns(const caas_protection *protection)
{
	List	 *names = NIL;
	ListCell *cell;

	foreach (cell, protection->definitions)
	{
		caas_definition *definition = lfirst(cell);
		caas_opening	 opening = {.relation = protection->relation, .own = definition};

		require_column(protection->relation, &definition->id);
		check_existing(&opening, &definition->id,
					   definition->id_namespace == NULL ? CAAS_PART_ID : CAAS_PART_ID_NAME);
		for (int i = 0; i < definition->narguments; i++)
			check_argument(&opening, &definition->arguments[i]);
		if (names == NIL)
			names = add_name(protection->relation, names, &definition->id);
		names = add_names(protection->relation, names, definition);
	}
}

/* ---- the table ---- */

static void
refuse_partition(const caas_protection *protection)
{
	Oid root = RelationGetRelid(protection->relation);

	if (!protection->relation->rd_rel->relispartition)
		return;
	while (get_rel_relispartition(root))
		root = get_partition_parent(root, true);
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("\"%s\" is a partition", RelationGetRelationName(protection->relation)),
					errhint("Protect the partitioned table %s: its partitions get the columns and "
							"the triggers from it.",
							caas_table_name(root)),
					caas_hide()));
}

static void
refuse_typed_table(const caas_protection *protection)
{
	if (OidIsValid(protection->relation->rd_rel->reloftype))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a typed table", RelationGetRelationName(protection->relation)),
				 errhint("Columns can be added after ALTER TABLE %s NOT OF.", protection->table),
				 caas_hide()));
}

static void
refuse_not_null(const caas_protection *protection, const caas_argument *argument)
{
	Relation	relation = protection->relation;
	const char *source = quote_identifier(argument->source.text);

	if (TupleDescAttr(RelationGetDescr(relation), argument->source.number - 1)->attnotnull)
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("column \"%s\" of relation \"%s\" is NOT NULL and would become null",
							   argument->source.text, RelationGetRelationName(relation)),
						errhint("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL; the target may have "
								"NOT NULL once every row is protected. With the option keep the "
								"source keeps its value until caas_cutover().",
								protection->table, source),
						caas_hide()));
}

/* Raises the error where the query finds the name of an object. $1 is the tables, $2 the source. */
static void
refuse_found(const caas_protection *protection, const caas_argument *argument, const char *query,
			 const char *message, const char *hint)
{
	Oid	  types[] = {OIDARRAYOID, TEXTOID};
	Datum parameters[] = {caas_oid_array(protection->all),
						  CStringGetTextDatum(argument->source.text)};
	List *found = caas_query(query, lengthof(types), types, parameters);

	if (found != NIL)
		ereport(ERROR,
				(errcode(PROTOCOL_VIOLATED),
				 errmsg(message, argument->source.text,
						RelationGetRelationName(protection->relation), (char *)linitial(found)),
				 errhint("%s", hint), caas_hide()));
}

#define OF_SOURCE(relation, numbers)                                                               \
	"EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = " relation                              \
	" AND a.attname::text = $2 AND a.attnum = ANY (" numbers "))"

/* A domain over a domain has the constraints of both. */
static const char domain_query[] =
	"WITH RECURSIVE d AS (SELECT t.* FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE "
	"a.attrelid = ANY ($1) AND a.attname::text = $2 AND t.typtype = 'd' UNION SELECT t.* FROM d JOIN "
	"pg_type t ON t.oid = d.typbasetype AND t.typtype = 'd') SELECT oid::regtype FROM d WHERE "
	"typnotnull ORDER BY 1";
static const char referencing_query[] =
	"SELECT quote_ident(c.conname) FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0 "
	"AND c.confrelid = ANY ($1) AND " OF_SOURCE("c.confrelid", "c.confkey") " ORDER BY 1";
static const char referenced_query[] =
	"SELECT quote_ident(c.conname) FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0 "
	"AND c.conrelid = ANY ($1) AND " OF_SOURCE("c.conrelid", "c.conkey") " ORDER BY 1";
/* The columns of a partition key, also of an expression in it, depend on their table. */
static const char partition_query[] =
	"SELECT DISTINCT p.partrelid::regclass FROM pg_partitioned_table p JOIN pg_depend d ON d.classid = "
	"'pg_class'::regclass AND d.objid = p.partrelid AND d.refclassid = 'pg_class'::regclass AND "
	"d.refobjid = p.partrelid AND d.refobjsubid = 0 AND d.deptype = 'i' JOIN pg_attribute a ON "
	"a.attrelid = d.objid AND a.attnum = d.objsubid WHERE p.partrelid = ANY ($1) AND a.attname::text "
	"= $2 ORDER BY 1";

/* The properties that a source cannot have when it becomes null or a digest. */
static void
refuse_uses(const caas_protection *protection, const caas_argument *argument)
{
	bool in_place = argument->target.text == NULL;

	if (argument->keep)
		return;
	if (!in_place)
	{
		refuse_not_null(protection, argument);
		refuse_found(protection, argument, domain_query,
					 "column \"%s\" of relation \"%s\" has the domain %s, which is NOT NULL",
					 "The column becomes null. Change its type to one that may be null.");
	}
	refuse_found(protection, argument, partition_query,
				 "column \"%s\" of relation \"%s\" is in the partition key of %s",
				 "The row would belong to another partition. Partition by a column that is not "
				 "protected.");
	refuse_found(
		protection, argument, referencing_query,
		"column \"%s\" of relation \"%s\" is referenced by the foreign key %s",
		"The value would no longer be there. Let the foreign key reference the id, or drop "
		"it first.");
	if (in_place)
		refuse_found(protection, argument, referenced_query,
					 "column \"%s\" of relation \"%s\" is in the foreign key %s",
					 "A digest has no counterpart in the other table. Drop the foreign key first.");
}

static bool
uses_name(const caas_definition *definition, const char *name)
{
	const caas_name *parts[3];

	for (int i = 0; i < definition->narguments; i++)
	{
		parts[0] = &definition->arguments[i].source;
		parts[1] = &definition->arguments[i].target;
		parts[2] = &definition->arguments[i].companion;
		for (size_t j = 0; j < lengthof(parts); j++)
			if (parts[j]->text != NULL && strcmp(parts[j]->text, name) == 0)
				return true;
	}
	return false;
}

/* The trigger of another declaration may read the same id, and nothing else of this one. */
static void
refuse_shared(Relation relation, const caas_definition *existing, const caas_definition *new)
{
	ListCell *cell;

	foreach (cell, add_names(relation, NIL, new))
		if (uses_name(existing, lfirst(cell)) || strcmp(existing->id.text, lfirst(cell)) == 0)
			ereport(ERROR,
					(errcode(PROTOCOL_VIOLATED),
					 errmsg("trigger \"%s\" of relation \"%s\" names column \"%s\" already",
							existing->trigger->tgname, RelationGetRelationName(relation),
							(char *)lfirst(cell)),
					 errhint("Name columns that no trigger of caas has. DROP TRIGGER %s ON %s ends "
							 "its protection.",
							 quote_identifier(existing->trigger->tgname),
							 caas_table_name(RelationGetRelid(relation))),
					 caas_hide()));
	if (uses_name(new, existing->id.text))
		ereport(ERROR, (errcode(PROTOCOL_VIOLATED),
						errmsg("column \"%s\" of relation \"%s\" is the id of trigger \"%s\"",
							   existing->id.text, RelationGetRelationName(relation),
							   existing->trigger->tgname),
						errhint("An id is not protected."), caas_hide()));
}

static void
refuse_second_triggers(const caas_protection *protection, Oid table)
{
	Relation		   relation = table_open(table, NoLock);
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const caas_trigger_kind *kind = caas_kind_of_function(triggers->triggers[i].tgfoid);
		const caas_definition	*existing;
		ListCell				*cell;

		if (kind == NULL)
			continue;
		existing = caas_parse_definition(relation, &triggers->triggers[i], kind);
		foreach (cell, protection->definitions)
			refuse_shared(relation, existing, lfirst(cell));
	}
	table_close(relation, NoLock);
}

void
caas_protect_check(const caas_protection *protection)
{
	ListCell *cell;

	refuse_partition(protection);
	refuse_typed_table(protection);
	caas_protect_check_columns(protection);
	foreach (cell, protection->all)
		refuse_second_triggers(protection, lfirst_oid(cell));
	foreach (cell, protection->definitions)
	{
		const caas_definition *definition = lfirst(cell);

		for (int i = 0; i < definition->narguments; i++)
			refuse_uses(protection, &definition->arguments[i]);
	}
}
