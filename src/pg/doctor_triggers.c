/*
 * doctor_triggers.c - the triggers of caas: whether they protect, and where plaintext is beside
 * them.
 */
#include "doctor.h"
#include "table.h"

#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static const char *
object_of_trigger(Relation relation, const char *trigger)
{
	return psprintf("trigger %s on %s", quote_identifier(trigger),
					caas_table_name(RelationGetRelid(relation)));
}

static const char *
object_of_column(Relation relation, const char *column)
{
	return psprintf("column %s.%s", caas_table_name(RelationGetRelid(relation)),
					quote_identifier(column));
}

/* ---- whether a trigger works ---- */

static bool
fires_for_ordinary_sessions(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
		   trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
}

/* A trigger that is being examined. */
typedef struct caas_examination
{
	Relation			   relation;
	const Trigger		  *trigger;
	caas_examined_trigger *examined;
} caas_examination;

static void
examine(void *argument)
{
	const caas_examination	*now = argument;
	const caas_trigger_kind *kind = caas_kind_of_function(now->trigger->tgfoid);

	now->examined->definition = caas_parse_definition(now->relation, now->trigger, kind);
	caas_check_declaration(now->trigger, kind);
	if (fires_for_ordinary_sessions(now->trigger))
		(void)caas_trigger_open(now->relation, now->trigger, kind, CurrentMemoryContext);
}

/* Opens the trigger as its first firing does. What that raises is the problem. */
void
caas_examine_trigger(Relation relation, const Trigger *trigger, caas_examined_trigger *examined)
{
	caas_examination now = {.relation = relation, .trigger = trigger, .examined = examined};
	const ErrorData *error;

	memset(examined, 0, sizeof *examined);
	error = caas_definition_error(examine, &now);
	if (error == NULL)
		return;
	examined->problem = error->message;
	examined->hint = error->hint ? error->hint : "Create the trigger anew.";
}

/* A clone of a partitioned table's trigger that does as the original is reported there. */
static bool
does_as_parent(const Trigger *trigger)
{
	Oid parent = caas_trigger_parent(trigger->tgoid);

	return OidIsValid(parent) && caas_trigger_state(parent) == trigger->tgenabled;
}

static void
report_disabled(caas_doctor *doctor, Relation relation, const Trigger *trigger)
{
	if (fires_for_ordinary_sessions(trigger) || does_as_parent(trigger))
		return;
	caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, object_of_trigger(relation, trigger->tgname),
					trigger->tgenabled == TRIGGER_DISABLED
						? "the trigger is disabled: plaintext is stored as it is written"
						: "the trigger fires for replicated rows alone: ordinary sessions store "
						  "plaintext",
					psprintf("ALTER TABLE %s ENABLE TRIGGER %s;",
							 caas_table_name(RelationGetRelid(relation)),
							 quote_identifier(trigger->tgname)));
}

/* ---- inheritance children, which have triggers of their own ---- */

/* The statement that creates the trigger on another table. */
static const char *
create_on(Relation relation, const Trigger *trigger, const char *child)
{
	const char *definition = TextDatumGetCString(DirectFunctionCall2(
		pg_get_triggerdef_ext, ObjectIdGetDatum(trigger->tgoid), BoolGetDatum(false)));
	const char *table =
		psprintf(" ON %s FOR EACH ROW", caas_table_name(RelationGetRelid(relation)));
	const char *name = quote_identifier(trigger->tgname);
	const char *place = strstr(definition + strlen("CREATE TRIGGER ") + strlen(name), table);

	if (place == NULL)
		return "Create the same trigger on it.";
	return psprintf("%s ON %s FOR EACH ROW%s;", pnstrdup(definition, (Size)(place - definition)),
					child, place + strlen(table));
}

/* The definitions of the child's triggers that protect on INSERT and UPDATE. */
static List *
definitions_of(Relation child, const caas_trigger_kind *kind)
{
	const TriggerDesc *triggers = CopyTriggerDesc(child->trigdesc);
	List			  *definitions = NIL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger		 *trigger = &triggers->triggers[i];
		caas_examined_trigger examined;

		if (!fires_for_ordinary_sessions(trigger) || !TRIGGER_FOR_INSERT(trigger->tgtype) ||
			!TRIGGER_FOR_UPDATE(trigger->tgtype) || caas_kind_of_function(trigger->tgfoid) != kind)
			continue;
		caas_examine_trigger(child, trigger, &examined);
		if (examined.definition != NULL)
			definitions = lappend(definitions, examined.definition);
	}
	return definitions;
}

static bool
have_source(List *definitions, const char *source)
{
	ListCell *cell;

	foreach (cell, definitions)
	{
		const caas_definition *definition = lfirst(cell);

		for (int i = 0; i < definition->narguments; i++)
			if (strcmp(definition->arguments[i].source.text, source) == 0)
				return true;
	}
	return false;
}

static bool
is_protected(Relation child, const caas_definition *parent)
{
	List *definitions = definitions_of(child, parent->kind);

	for (int i = 0; i < parent->narguments; i++)
		if (!have_source(definitions, parent->arguments[i].source.text))
			return false;
	return true;
}

static void
report_children(caas_doctor *doctor, Relation relation, const caas_definition *definition)
{
	ListCell *cell;

	if (!relation->rd_rel->relhassubclass || relation->rd_rel->relkind != RELKIND_RELATION)
		return;
	foreach (cell, find_all_inheritors(RelationGetRelid(relation), NoLock, NULL))
	{
		Relation	child = caas_doctor_open(doctor, lfirst_oid(cell));
		const char *name;

		if (child == NULL)
			continue;
		name = caas_table_name(RelationGetRelid(child));
		if (RelationGetRelid(child) != RelationGetRelid(relation) &&
			!is_protected(child, definition))
			caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, psprintf("table %s", name),
							psprintf("the trigger %s of %s does not fire for rows of this child",
									 quote_identifier(definition->trigger->tgname),
									 caas_table_name(RelationGetRelid(relation))),
							create_on(relation, definition->trigger, name));
		caas_doctor_close(child);
	}
}

/* ---- triggers that fire later ---- */

static bool
fires_later(const Trigger *own, const Trigger *other)
{
	const int16 events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE;

	return TRIGGER_FOR_ROW(other->tgtype) && TRIGGER_FOR_BEFORE(other->tgtype) &&
		   (own->tgtype & other->tgtype & events) != 0 && fires_for_ordinary_sessions(other) &&
		   strcmp(other->tgname, own->tgname) > 0 && caas_kind_of_function(other->tgfoid) == NULL &&
		   !OidIsValid(caas_trigger_parent(other->tgoid));
}

static const char *
rename_before(Relation relation, const Trigger *own, const Trigger *later)
{
	const char *name = psprintf("a_%s", later->tgname);

	if (strcmp(name, own->tgname) >= 0 || strlen(name) >= NAMEDATALEN)
		return psprintf("Rename it to a name that sorts before %s.", quote_identifier(own->tgname));
	return psprintf("ALTER TRIGGER %s ON %s RENAME TO %s;", quote_identifier(later->tgname),
					caas_table_name(RelationGetRelid(relation)), quote_identifier(name));
}

static void
report_later(caas_doctor *doctor, Relation relation, const TriggerDesc *triggers,
			 const Trigger *own, bool is_guarded)
{
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *later = &triggers->triggers[i];

		if (fires_later(own, later))
			caas_doctor_add(
				doctor, is_guarded ? CAAS_SEVERITY_NOTE : CAAS_SEVERITY_WARNING,
				object_of_trigger(relation, later->tgname),
				psprintf("the trigger fires after %s, which does not see what it writes%s",
						 quote_identifier(own->tgname),
						 is_guarded ? "; the constraints refuse plaintext in a source, but not "
									  "another id"
									: ""),
				rename_before(relation, own, later));
	}
}

/* ---- plaintext beside the table ---- */

/* True when the values of a slot of statistics, or one of them, are plaintext. */
static bool
holds_plaintext(const AttStatsSlot *slot, bool in_place)
{
	caas_form form = getBaseType(slot->valuetype) == BYTEAOID ? CAAS_FORM_RAW : CAAS_FORM_HEX;

	for (int i = 0; i < slot->nvalues; i++)
	{
		caas_bytes value;
		bool	   is_digest;

		if (!in_place)
			return true;
		value = caas_bytea_bytes(slot->values[i]);
		is_digest = caas_digest_size(value.data, value.len, form) != 0;
		caas_bytes_release(&value);
		if (!is_digest)
			return true;
	}
	return false;
}

static bool
statistics_hold_plaintext(Oid relation, const caas_argument *argument, bool inherited)
{
	static const int kinds[] = {STATISTIC_KIND_MCV, STATISTIC_KIND_HISTOGRAM};
	HeapTuple		 tuple =
		SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relation),
						Int16GetDatum(argument->source.number), BoolGetDatum(inherited));
	bool found = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		AttStatsSlot slot;

		if (!get_attstatsslot(&slot, tuple, kinds[i], InvalidOid, ATTSTATSSLOT_VALUES))
			continue;
		found = found || holds_plaintext(&slot, argument->target.text == NULL);
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(tuple);
	return found;
}

static void
report_statistics(caas_doctor *doctor, Relation relation, const caas_argument *argument)
{
	Oid oid = RelationGetRelid(relation);

	if (statistics_hold_plaintext(oid, argument, false) ||
		statistics_hold_plaintext(oid, argument, true))
		caas_doctor_add(doctor, CAAS_SEVERITY_WARNING,
						object_of_column(relation, argument->source.text),
						"pg_statistic holds plaintext of the column from before it was protected",
						psprintf("ANALYZE %s (%s);", caas_table_name(RelationGetRelid(relation)),
								 quote_identifier(argument->source.text)));
}

/*
 * Indexes and extended statistics over the column; a constraint's index depends on
 * the constraint. Those that belong to one of the partitioned table are left to it.
 */
static const char copies[] =
	"SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, 0)"
	" FROM pg_catalog.pg_depend d"
	" WHERE d.refclassid" EQ "'pg_catalog.pg_class'::pg_catalog.regclass"
	" AND d.refobjid" EQ "%u AND d.refobjsubid" EQ "%d"
	" AND (d.classid" EQ "'pg_catalog.pg_statistic_ext'::pg_catalog.regclass"
	"  OR EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid" EQ "d.objid)"
	"   AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid" EQ "d.objid)"
	"   AND d.classid" EQ "d.refclassid"
	"  OR EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.oid" EQ "d.objid"
	"   AND c.conparentid" EQ "0 AND c.contype" EQ "ANY ('{p,u,x}'::pg_catalog.\"char\"[]))"
	"   AND d.classid" EQ "'pg_catalog.pg_constraint'::pg_catalog.regclass)";

/* Materialized views over the column, also by way of views. */
static const char views[] =
	"WITH RECURSIVE over(view) AS ("
	" SELECT r.ev_class FROM pg_catalog.pg_depend d"
	" JOIN pg_catalog.pg_rewrite r ON r.oid" EQ "d.objid"
	" WHERE d.classid" EQ "'pg_catalog.pg_rewrite'::pg_catalog.regclass"
	" AND d.refclassid" EQ "'pg_catalog.pg_class'::pg_catalog.regclass"
	" AND d.refobjid" EQ "%u AND d.refobjsubid" EQ "%d"
	" UNION SELECT r.ev_class FROM over o"
	" JOIN pg_catalog.pg_depend d ON d.refobjid" EQ "o.view"
	" JOIN pg_catalog.pg_rewrite r ON r.oid" EQ "d.objid"
	" WHERE d.classid" EQ "'pg_catalog.pg_rewrite'::pg_catalog.regclass"
	" AND d.refclassid" EQ "'pg_catalog.pg_class'::pg_catalog.regclass)"
	" SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0)"
	" FROM pg_catalog.pg_class c JOIN over o ON c.oid" EQ "o.view WHERE c.relkind" EQ "'m'";

static void
add_copy(caas_doctor *doctor, char **columns, const void *column)
{
	caas_doctor_add(doctor, CAAS_SEVERITY_NOTE, columns[0],
					psprintf("it holds the plaintext of %s, which the option keep leaves there",
							 (const char *)column),
					"Drop it, or make it over the target, before the source is emptied.");
}

static void
report_copies(caas_doctor *doctor, Relation relation, const caas_argument *argument)
{
	const char *column;

	if (!argument->keep)
		return;
	column = object_of_column(relation, argument->source.text);
	caas_doctor_query(doctor,
					  psprintf(copies, RelationGetRelid(relation), (int)argument->source.number),
					  add_copy, column);
	caas_doctor_query(doctor,
					  psprintf(views, RelationGetRelid(relation), (int)argument->source.number),
					  add_copy, column);
}

/* ---- the walk over the triggers ---- */

/* Reports the missing constraints, but not those of a clone. Returns true when each source has one.
 */
static bool
report_guards(caas_doctor *doctor, Relation relation, const caas_definition *definition,
			  bool is_clone)
{
	bool is_guarded = true;

	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *argument = &definition->arguments[i];
		const char			*guard;

		if (argument->source.number == InvalidAttrNumber)
			continue;
		guard = caas_missing_guard(relation, argument, doctor->schema);
		is_guarded = is_guarded && guard == NULL && !argument->keep;
		if (guard != NULL && !is_clone)
			caas_doctor_add(doctor, CAAS_SEVERITY_WARNING,
							object_of_column(relation, argument->source.text),
							"no constraint keeps plaintext out of the column while the trigger "
							"is disabled, or when a later trigger writes it",
							guard);
	}
	return is_guarded;
}

/* What is wrong with a trigger is reported for the partitioned table, not for its clones. */
static void
report_trigger(caas_doctor *doctor, Relation relation, const TriggerDesc *triggers,
			   const Trigger *trigger)
{
	caas_examined_trigger examined;
	bool				  is_clone = OidIsValid(caas_trigger_parent(trigger->tgoid));
	bool				  is_guarded;

	report_disabled(doctor, relation, trigger);
	caas_examine_trigger(relation, trigger, &examined);
	if (examined.problem != NULL && !is_clone)
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, object_of_trigger(relation, trigger->tgname),
						examined.problem, examined.hint);
	if (examined.definition == NULL)
		return;
	report_children(doctor, relation, examined.definition);
	is_guarded = report_guards(doctor, relation, examined.definition, is_clone);
	report_later(doctor, relation, triggers, trigger, is_guarded);
	for (int i = 0; i < examined.definition->narguments; i++)
	{
		const caas_argument *argument = &examined.definition->arguments[i];

		doctor->has_targets = doctor->has_targets || argument->target.text != NULL;
		if (argument->source.number == InvalidAttrNumber)
			continue;
		report_copies(doctor, relation, argument);
		if (!argument->keep)
			report_statistics(doctor, relation, argument);
	}
}

static void
report_relation(caas_doctor *doctor, char **columns, const void *argument)
{
	Relation relation = caas_doctor_open(doctor, (Oid)strtoul(columns[0], NULL, 10));
	/* The relation cache can replace its description of the triggers at any time. */
	const TriggerDesc *triggers = relation != NULL ? CopyTriggerDesc(relation->trigdesc) : NULL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (caas_kind_of_function(triggers->triggers[i].tgfoid) != NULL)
			report_trigger(doctor, relation, triggers, &triggers->triggers[i]);
	if (relation != NULL)
		caas_doctor_close(relation);
}

static const char protected_relations[] =
	"SELECT DISTINCT t.tgrelid FROM pg_catalog.pg_trigger t"
	" JOIN pg_catalog.pg_proc p ON p.oid" EQ "t.tgfoid"
	" WHERE p.prosrc" EQ
	"ANY ('{caas_sql_encrypt_trigger,caas_sql_seal_trigger}'::pg_catalog.text[]) ORDER BY 1";

void
caas_doctor_triggers(caas_doctor *doctor)
{
	caas_doctor_query(doctor, protected_relations, report_relation, NULL);
	if (doctor->has_targets && !caas_is_preloaded())
		caas_doctor_add(
			doctor, CAAS_SEVERITY_WARNING, "session_preload_libraries",
			"sessions load the library at their first call: an upsert of a protected column before "
			"that is refused",
			"Add caas to session_preload_libraries or shared_preload_libraries.");
}
