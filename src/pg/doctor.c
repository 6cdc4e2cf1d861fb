/*
 * doctor.c - caas_doctor(): what is wrong in this installation, and how to put it right.
 */
#include "doctor.h"
#include "table.h"

#include "access/relation.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "rows.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

typedef struct finding
{
	caas_severity severity;
	char		 *object;
	char		 *text;
	char		 *remedy;
} finding;

static void (*const checks[])(caas_doctor *) = {
	caas_doctor_versions, caas_doctor_keyring,	  caas_doctor_nodes,		 caas_doctor_keys,
	caas_doctor_settings, caas_doctor_privileges, caas_doctor_event_trigger, caas_doctor_triggers,
	caas_doctor_calls,	  caas_doctor_columns,	  caas_doctor_shards,
};

static const char *const severities[] = {"error", "warning", "note"};

/* Two triggers can lead to the same finding about their table. */
static bool
is_known(const caas_doctor *doctor, const char *object, const char *text)
{
	ListCell *cell;

	foreach (cell, doctor->findings)
	{
		const finding *known = lfirst(cell);

		if (strcmp(known->object, object) == 0 && strcmp(known->text, text) == 0)
			return true;
	}
	return false;
}

void
caas_doctor_add(caas_doctor *doctor, caas_severity severity, const char *object, const char *text,
				const char *remedy)
{
	MemoryContext caller;
	finding		 *added;

	if (is_known(doctor, object, text))
		return;
	caller = MemoryContextSwitchTo(doctor->context);
	added = palloc(sizeof *added);
	added->severity = severity;
	added->object = pstrdup(object);
	added->text = pstrdup(text);
	added->remedy = pstrdup(remedy);
	doctor->findings = lappend(doctor->findings, added);
	MemoryContextSwitchTo(caller);
}

void
caas_doctor_query(caas_doctor *doctor, const char *query, caas_doctor_row row, const void *argument)
{
	char		 *columns[4] = {NULL};
	MemoryContext scratch;
	MemoryContext caller;

	SPI_connect();
	scratch = AllocSetContextCreate(CurrentMemoryContext, "caas_doctor row", ALLOCSET_SMALL_SIZES);
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("caas_doctor cannot read the catalogs"), caas_hide()));
	caller = MemoryContextSwitchTo(scratch);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		for (int j = 0; j < Min(SPI_tuptable->tupdesc->natts, (int)lengthof(columns)); j++)
			columns[j] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, j + 1);
		row(doctor, columns, argument);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(caller);
	SPI_finish();
}

static void
add_selected(caas_doctor *doctor, char **columns, const void *severity)
{
	caas_doctor_add(doctor, *(const caas_severity *)severity, columns[0], columns[1], columns[2]);
}

void
caas_doctor_select(caas_doctor *doctor, caas_severity severity, const char *query)
{
	caas_doctor_query(doctor, query, add_selected, &severity);
}

/* A table that somebody alters for hours must not stop the doctor. */
Relation
caas_doctor_open(caas_doctor *doctor, Oid oid)
{
	Relation relation;

	if (!ConditionalLockRelationOid(oid, AccessShareLock))
	{
		char *name = get_rel_name(oid);
		char *schema = get_namespace_name(get_rel_namespace(oid));

		if (name != NULL && schema != NULL)
			caas_doctor_add(doctor, CAAS_SEVERITY_NOTE,
							psprintf("table %s", quote_qualified_identifier(schema, name)),
							"cannot look at this table: another session has locked it",
							"Call caas_doctor() again later.");
		return NULL;
	}
	relation = try_relation_open(oid, NoLock);
	if (relation == NULL)
		UnlockRelationOid(oid, AccessShareLock);
	return relation;
}

void
caas_doctor_close(Relation relation)
{
	relation_close(relation, AccessShareLock);
}

/* Runs the checks. The memory of one is freed before the next. */
static List *
examine(MemoryContext context, Oid function)
{
	MemoryContext scratch =
		AllocSetContextCreate(context, "caas_doctor check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	caas_doctor	  doctor = {.context = context};
	int			  level = NewGUCNestLevel();

	/* Names have their schema, wherever the session looks. */
	(void)set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							false);
	caas_show_shards();
	caller = MemoryContextSwitchTo(context);
	doctor.extension = get_extension_oid("caas", true);
	doctor.schema = quote_identifier(get_namespace_name(get_func_namespace(function)));
	for (size_t i = 0; i < lengthof(checks); i++)
	{
		MemoryContextSwitchTo(scratch);
		checks[i](&doctor);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	AtEOXact_GUC(false, level);
	return doctor.findings;
}

/* The errors first. */
static List *
sort_findings(List *findings)
{
	List *sorted = NIL;

	for (size_t severity = 0; severity < lengthof(severities); severity++)
	{
		ListCell *cell;

		foreach (cell, findings)
			if (((finding *)lfirst(cell))->severity == severity)
				sorted = lappend(sorted, lfirst(cell));
	}
	return sorted;
}

/* caas_doctor() returns setof record: severity, object, finding, remedy */
PG_FUNCTION_INFO_V1(caas_sql_doctor);
Datum
caas_sql_doctor(PG_FUNCTION_ARGS)
{
	FuncCallContext *calls;
	const finding	*found;
	caas_row		 row;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext caller;

		calls = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(calls->multi_call_memory_ctx);
		calls->user_fctx =
			sort_findings(examine(calls->multi_call_memory_ctx, fcinfo->flinfo->fn_oid));
		MemoryContextSwitchTo(caller);
	}
	calls = SRF_PERCALL_SETUP();
	if (calls->call_cntr >= (uint64)list_length(calls->user_fctx))
		SRF_RETURN_DONE(calls);
	found = list_nth(calls->user_fctx, (int)calls->call_cntr);
	row = caas_row_begin(fcinfo);
	caas_row_add_text(&row, severities[found->severity]);
	caas_row_add_text(&row, found->object);
	caas_row_add_text(&row, found->text);
	caas_row_add_text(&row, found->remedy);
	SRF_RETURN_NEXT(calls, caas_row_finish(&row));
}
