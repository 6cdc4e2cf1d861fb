/*
 * job_cutover.c - what a cutover changes in the definition of a table.
 *
 * First the triggers lose the option keep, so that every write sets the source to
 * null. The job then does the same with the rows that are there. At last a
 * constraint guards the source.
 */
#include "job.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/comment.h"
#include "storage/lmgr.h"
#include "table_plan.h"
#include "trigger.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* ---- the triggers ---- */

/* The argument in full, without the option keep for this source. */
static const char *
without_keep(const caas_argument *argument, const char *source)
{
	static const char *const shaped[] = {"", " digests=keep", " digests=plaintext"};
	StringInfoData			 text;

	initStringInfo(&text);
	caas_append_quoted(&text, argument->source.text);
	if (argument->target.text != NULL)
	{
		appendStringInfoChar(&text, '=');
		caas_append_quoted(&text, argument->target.text);
	}
	if (argument->companion.text != NULL)
	{
		appendStringInfoChar(&text, ':');
		caas_append_quoted(&text, argument->companion.text);
	}
	if (argument->context != NULL)
	{
		appendStringInfoChar(&text, '@');
		caas_append_quoted(&text, argument->context);
	}
	if (argument->normalization != CAAS_NORMALIZE_NONE)
		appendStringInfo(&text, " normalize=%s", caas_normalization_name(argument->normalization));
	appendStringInfoString(&text, shaped[argument->shaped]);
	if (argument->keep && strcmp(argument->source.text, source) != 0)
		appendStringInfoString(&text, " keep");
	return text.data;
}

static const char *
events_of(const Trigger *trigger)
{
	if (!TRIGGER_FOR_UPDATE(trigger->tgtype))
		return "INSERT";
	return TRIGGER_FOR_INSERT(trigger->tgtype) ? "INSERT OR UPDATE" : "UPDATE";
}

static const char *
function_of(const Trigger *trigger)
{
	return quote_qualified_identifier(get_namespace_name(get_func_namespace(trigger->tgfoid)),
									  get_func_name(trigger->tgfoid));
}

/* The statements that put a trigger without the option in place of this one. */
static List *
replacement(Relation relation, const caas_definition *definition, const char *source)
{
	const Trigger *trigger = definition->trigger;
	const char	  *name = quote_identifier(trigger->tgname);
	StringInfoData create;
	List		  *statements = NIL;
	const char	  *comment;

	statements = lappend(statements, psprintf("DROP TRIGGER %s ON %s", name,
											  caas_table_name(RelationGetRelid(relation))));
	initStringInfo(&create);
	appendStringInfo(&create,
					 "CREATE TRIGGER %s BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION %s(%s", name,
					 events_of(trigger), caas_table_name(RelationGetRelid(relation)),
					 function_of(trigger), quote_literal_cstr(trigger->tgargs[0]));
	for (int i = 0; i < definition->narguments; i++)
		appendStringInfo(&create, ", %s",
						 quote_literal_cstr(without_keep(&definition->arguments[i], source)));
	appendStringInfoChar(&create, ')');
	statements = lappend(statements, create.data);
	comment = GetComment(trigger->tgoid, TriggerRelationId, 0);
	if (comment != NULL)
		statements = lappend(statements, psprintf("COMMENT ON TRIGGER %s ON %s IS %s", name,
												  caas_table_name(RelationGetRelid(relation)),
												  quote_literal_cstr(comment)));
	if (trigger->tgenabled == TRIGGER_FIRES_ALWAYS)
		statements =
			lappend(statements, psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
										 caas_table_name(RelationGetRelid(relation)), name));
	return statements;
}

/* A trigger that does not fire would be enabled by its replacement. */
static void
require_enabled(Relation relation, const Trigger *trigger)
{
	if (trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN || trigger->tgenabled == TRIGGER_FIRES_ALWAYS)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("trigger \"%s\" of relation \"%s\" is not enabled", trigger->tgname,
						   RelationGetRelationName(relation)),
					errhint("ALTER TABLE %s ENABLE TRIGGER %s;",
							caas_table_name(RelationGetRelid(relation)),
							quote_identifier(trigger->tgname)),
					caas_hide()));
}

static bool
keeps(const caas_definition *definition, const char *source)
{
	for (int i = 0; i < definition->narguments; i++)
		if (definition->arguments[i].keep &&
			strcmp(definition->arguments[i].source.text, source) == 0)
			return true;
	return false;
}

/* The statements for the triggers that the table itself has; those of a partition are clones. */
static List *
replacements(Oid table, const char *source)
{
	Relation		   relation = table_open(table, AccessShareLock);
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);
	List			  *statements = NIL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger			*trigger = &triggers->triggers[i];
		const caas_trigger_kind *kind = caas_kind_of_function(trigger->tgfoid);
		const caas_definition	*definition;

		if (kind == NULL || OidIsValid(caas_trigger_parent(trigger->tgoid)))
			continue;
		definition = caas_parse_definition(relation, trigger, kind);
		if (!keeps(definition, source))
			continue;
		require_enabled(relation, trigger);
		statements = list_concat(statements, replacement(relation, definition, source));
	}
	table_close(relation, NoLock); /* until the end of the transaction */
	return statements;
}

static void
refuse_partition(const caas_job *job)
{
	if (get_rel_relispartition(job->relation))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is a partition", get_rel_name(job->relation)),
						errhint("Call caas_cutover for the partitioned table."), caas_hide()));
}

/* The constraint comes at the end, so nothing warns of its absence. */
static void
run_statements(const List *statements)
{
	ListCell *cell;

	caas_guards_are_planned = true;
	PG_TRY();
	{
		foreach (cell, statements)
			caas_job_execute(lfirst(cell));
	}
	PG_FINALLY();
	{
		caas_guards_are_planned = false;
	}
	PG_END_TRY();
}

void
caas_cutover_triggers(const caas_job *job)
{
	List	 *statements = NIL;
	ListCell *cell;

	refuse_partition(job);
	foreach (cell, find_all_inheritors(job->relation, NoLock, NULL))
		caas_require_owner(lfirst_oid(cell));
	LockRelationOid(job->relation, ShareRowExclusiveLock);
	foreach (cell, find_all_inheritors(job->relation, ShareRowExclusiveLock, NULL))
		statements = list_concat(statements, replacements(lfirst_oid(cell), job->source));
	run_statements(statements);
	caas_job_commit(job);
}

/* ---- the constraint ---- */

/* Returns the names of the constraints that keep the source null. */
static List *
guards_of(Relation relation, const char *source)
{
	caas_argument argument = {.target = {.text = source}};

	argument.source.text = source;
	argument.source.number = get_attnum(RelationGetRelid(relation), source);
	return caas_guards(relation, &argument, false);
}

void
caas_cutover_constraint(const caas_job *job)
{
	Relation	relation = table_open(job->relation, AccessShareLock);
	List	   *guards = guards_of(relation, job->source);
	const char *table = caas_table_name(job->relation);
	const char *name = guards != NIL
						   ? linitial(guards)
						   : ChooseConstraintName(RelationGetRelationName(relation), job->source,
												  "protected", RelationGetNamespace(relation), NIL);

	table_close(relation, AccessShareLock);
	if (guards == NIL)
		caas_job_execute(psprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NULL) NOT VALID",
								  table, quote_identifier(name), quote_identifier(job->source)));
	caas_job_commit(job);
	caas_job_execute(
		psprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", table, quote_identifier(name)));
	caas_job_commit(job);
}
