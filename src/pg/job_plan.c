/*
 * job_plan.c - decides which rows of a table a job changes, and how.
 */
#include "job.h"
#include "trigger.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* The parts of a statement under construction. */
typedef struct caas_planning
{
	const caas_job *job;
	Relation		relation;
	int				active; /* the number of the active generation */
	StringInfoData	needs;
	StringInfoData	sets;
	Bitmapset	   *written; /* attribute numbers */
	const char	   *id;
} caas_planning;

static void
add_need(caas_planning *planning, const char *condition)
{
	appendStringInfo(&planning->needs, "%s(%s)", planning->needs.len > 0 ? " OR " : "", condition);
}

static void
add_set(caas_planning *planning, const char *name, const char *expression)
{
	AttrNumber number = get_attnum(RelationGetRelid(planning->relation), name);

	if (bms_is_member(number, planning->written))
		return;
	planning->written = bms_add_member(planning->written, number);
	appendStringInfo(&planning->sets, "%s%s = %s", planning->sets.len > 0 ? ", " : "",
					 quote_identifier(name), expression);
}

/* ---- backfill, cutover: the trigger protects what SET source = source brings ---- */

static const char *
unprotected(const caas_planning *planning, const caas_declaration *declaration)
{
	const char *source = caas_row_column(declaration->source);
	bool		is_bytea = caas_base_type(planning->relation, declaration->source) == BYTEAOID;

	if (declaration->in_place)
		return psprintf("NOT %s.caas_is_digest(%s::pg_catalog.%s)", planning->job->schema, source,
						is_bytea ? "bytea" : "text");
	if (declaration->keep)
		return psprintf("%s IS NOT NULL AND %s IS NULL", source,
						caas_row_column(declaration->target));
	return psprintf("%s IS NOT NULL", source);
}

/* The trigger writes these columns too. */
static void
note_written(caas_planning *planning, const char *name)
{
	if (name != NULL)
		planning->written = bms_add_member(planning->written,
										   get_attnum(RelationGetRelid(planning->relation), name));
}

static void
require_protection(const caas_planning *planning, const caas_declaration *declaration)
{
	if (declaration->problem == NULL && declaration->enabled)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the trigger \"%s\" does not protect column \"%s\" of relation \"%s\"",
						   declaration->trigger, declaration->source,
						   RelationGetRelationName(planning->relation)),
					declaration->problem != NULL ? errdetail("%s", declaration->problem) : 0,
					caas_hide()));
}

static void
plan_backfill(caas_planning *planning, const caas_declaration *declaration)
{
	if (declaration->by != CAAS_BY_TRIGGER ||
		(planning->job->source != NULL && strcmp(planning->job->source, declaration->source) != 0))
		return;
	require_protection(planning, declaration);
	planning->id = declaration->id;
	add_need(planning, unprotected(planning, declaration));
	add_set(planning, declaration->source, caas_row_column(declaration->source));
	note_written(planning, declaration->target);
	note_written(planning, declaration->companion);
}

/* ---- rotate ---- */

static void
plan_sealed(caas_planning *planning, const caas_declaration *declaration)
{
	const char *schema = planning->job->schema;
	const char *sealed = psprintf("%s::pg_catalog.bytea", caas_row_column(declaration->target));
	const char *user = caas_row_user(planning->relation, schema, declaration);
	const char *context = caas_text_literal(declaration->context);

	if (declaration->by == CAAS_BY_TRIGGER)
		require_protection(planning, declaration);
	add_need(planning, psprintf("CASE WHEN %s.caas_is_sealed(%s) THEN %s.caas_generation(%s) "
								"OPERATOR(pg_catalog.<) %d ELSE %s IS NOT NULL END",
								schema, sealed, schema, sealed, planning->active, sealed));
	add_set(planning, declaration->target,
			psprintf("%s.caas_reseal(%s, %s, %s)", schema, user, sealed, context));
	if (declaration->companion == NULL)
		return;
	if (declaration->by == CAAS_BY_TRIGGER) /* it writes the index that fits */
		note_written(planning, declaration->companion);
	else if (declaration->normalization == CAAS_NORMALIZE_NONE)
		add_set(planning, declaration->companion,
				psprintf("%s.caas_blind_index(%s.caas_open_bytea(%s, %s, %s), %s, "
						 "pg_catalog.octet_length(%s))",
						 schema, schema, user, sealed, context, context,
						 caas_row_column(declaration->companion)));
	else
		add_set(planning, declaration->companion,
				psprintf("%s.caas_blind_index(%s.caas_open(%s, %s, %s), %s, "
						 "pg_catalog.octet_length(%s), '%s')",
						 schema, schema, user, sealed, context, context,
						 caas_row_column(declaration->companion),
						 caas_normalization_name(declaration->normalization)));
}

/* Returns a column that the generated column is computed of, or NULL. */
static const char *
column_read_by(Relation relation, const char *generated)
{
	const TupleConstr *constraints = RelationGetDescr(relation)->constr;
	AttrNumber		   number = get_attnum(RelationGetRelid(relation), generated);
	Bitmapset		  *columns = NULL;
	int				   first;

	for (int i = 0; constraints != NULL && i < constraints->num_defval; i++)
		if (constraints->defval[i].adnum == number)
			pull_varattnos(stringToNode(constraints->defval[i].adbin), 1, &columns);
	first = bms_next_member(columns, -1);
	return first < 0 || first + FirstLowInvalidHeapAttributeNumber <= 0
			   ? NULL
			   : caas_column_name(relation,
								  (AttrNumber)(first + FirstLowInvalidHeapAttributeNumber));
}

/* The statements of the job would run code of the table's owner with the rights of the caller. */
static void
refuse_foreign_code(const caas_planning *planning, const caas_declaration *declaration)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the generated column \"%s\" of relation \"%s\" calls functions of users",
					declaration->target, RelationGetRelationName(planning->relation)),
			 errhint("Call caas_%s as the owner of the table.", planning->job->name), caas_hide()));
}

/* An UPDATE of a column that the expression reads computes the generated column anew. */
static void
plan_generated(caas_planning *planning, const caas_declaration *declaration)
{
	const char *read = column_read_by(planning->relation, declaration->target);

	if (read == NULL)
		return;
	if (!caas_may_evaluate(planning->relation, declaration))
		refuse_foreign_code(planning, declaration);
	add_need(planning, psprintf("NOT %s", caas_same_sql(caas_row_column(declaration->target),
														psprintf("(%s)", declaration->expression),
														caas_base_type(planning->relation,
																	   declaration->target))));
	add_set(planning, read, caas_row_column(read));
	note_written(planning, declaration->target);
}

/* A statement of a declaration with columns of other types would call functions of users. */
static void
require_usable(const caas_planning *planning, const caas_declaration *declaration)
{
	if (declaration->usable)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("a declaration of relation \"%s\" cannot be used",
						   RelationGetRelationName(planning->relation)),
					declaration->problem != NULL ? errdetail("%s", declaration->problem) : 0,
					caas_hide()));
}

static void
plan_rotation(caas_planning *planning, const caas_declaration *declaration)
{
	if (declaration->kind == CAAS_DECLARED_SEALED)
		plan_sealed(planning, declaration);
	else if (declaration->by == CAAS_BY_GENERATED_COLUMN)
		plan_generated(planning, declaration);
	else
		return;
	if (declaration->id != NULL)
		planning->id = declaration->id;
}

/* ---- the statements ---- */

/* A batch of more rows could make inserts into referencing tables wait. */
#define MAX_ROWS_OF_KEYS 2000
#define MAX_BLOCKS 128

static bool
changes_keys(const caas_planning *planning)
{
	Bitmapset *keys = RelationGetIndexAttrBitmap(planning->relation, INDEX_ATTR_BITMAP_KEY);
	int		   number = -1;

	while ((number = bms_next_member(planning->written, number)) >= 0)
		if (bms_is_member(number - FirstLowInvalidHeapAttributeNumber, keys))
			return true;
	return false;
}

/* Returns 0 for a table that was never analyzed. */
static double
rows_a_block(Relation relation)
{
	Form_pg_class table = relation->rd_rel;

	return table->relpages > 0 && table->reltuples > 0 ? table->reltuples / table->relpages : 0;
}

static int
max_blocks(const caas_planning *planning)
{
	double rows = rows_a_block(planning->relation);

	if (!changes_keys(planning))
		return MAX_BLOCKS;
	return Max(1, Min(MAX_BLOCKS, (int)(MAX_ROWS_OF_KEYS / (rows > 0 ? Max(rows, 1) : 100))));
}

#define IN_RANGE                                                                                   \
	CAAS_ROW ".ctid OPERATOR(pg_catalog.>=) $1 AND " CAAS_ROW ".ctid OPERATOR(pg_catalog.<) $2"

/* The rows of a slice, or with the mask 0 all rows. */
#define IN_SLICE                                                                                   \
	"pg_catalog.hashtid(" CAAS_ROW                                                                 \
	".ctid) OPERATOR(pg_catalog.&) $3 OPERATOR(pg_catalog.=) $4 AND " IN_RANGE

static SPIPlanPtr
prepare(const char *statement, int nargs, Oid *types)
{
	SPIPlanPtr plan = SPI_prepare(statement, nargs, types);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("caas cannot prepare the statement of a job"), caas_hide()));
	return plan;
}

static SPIPlanPtr
prepare_over_slice(const char *statement)
{
	return prepare(statement, 4, (Oid[]){TIDOID, TIDOID, INT4OID, INT4OID});
}

/* Counts the rows that were changed, and those among them that the job would have to change again.
 */
static SPIPlanPtr
prepare_update(const caas_work *work, const char *wait)
{
	return prepare_over_slice(
		psprintf("WITH changed AS (UPDATE ONLY %s AS " CAAS_ROW " SET %s WHERE " CAAS_ROW
				 ".ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT " CAAS_ROW
				 ".ctid FROM ONLY %s AS " CAAS_ROW " WHERE " IN_SLICE " AND (%s) FOR %s %s)) "
				 "RETURNING (%s) AS again) SELECT pg_catalog.count(*), pg_catalog.count(*) "
				 "FILTER (WHERE again) FROM changed",
				 work->name, work->sets, work->name, work->needs,
				 work->changes_keys ? "UPDATE" : "NO KEY UPDATE", wait, work->needs));
}

static void
prepare_all(caas_work *work)
{
	work->update = prepare_update(work, "SKIP LOCKED");
	work->update_all = prepare_update(work, "");
	work->find = prepare_over_slice(psprintf("SELECT " CAAS_ROW
											 ".ctid, %s::pg_catalog.text FROM ONLY %s AS " CAAS_ROW
											 " WHERE " IN_SLICE " AND (%s)",
											 work->id, work->name, work->needs));
	work->remains =
		prepare(psprintf("SELECT FROM ONLY %s AS " CAAS_ROW " WHERE " IN_RANGE
						 " AND (%s) AND " CAAS_ROW ".ctid OPERATOR(pg_catalog.<>) ALL ($3) LIMIT 1",
						 work->name, work->needs),
				3, (Oid[]){TIDOID, TIDOID, TIDARRAYOID});
}

/* The triggers of caas, whose state decides what an UPDATE does. */
static List *
note_triggers(Relation relation)
{
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);
	List			  *noted = NIL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		caas_job_trigger *trigger;

		if (caas_kind_of_function(triggers->triggers[i].tgfoid) == NULL)
			continue;
		trigger = palloc(sizeof *trigger);
		trigger->oid = triggers->triggers[i].tgoid;
		trigger->enabled = triggers->triggers[i].tgenabled;
		noted = lappend(noted, trigger);
	}
	return noted;
}

static caas_work *
finish_plan(const caas_planning *planning)
{
	caas_work *work = palloc0(sizeof *work);
	Relation   relation = planning->relation;

	work->table = RelationGetRelid(relation);
	work->generation = planning->active;
	work->name = caas_table_name(RelationGetRelid(relation));
	work->needs = planning->needs.data;
	work->sets = planning->sets.data;
	work->id = planning->id != NULL ? caas_row_column(planning->id) : CAAS_ROW ".ctid";
	work->changes_keys = changes_keys(planning);
	work->max_blocks = max_blocks(planning);
	work->rows_a_block = rows_a_block(planning->relation);
	work->triggers = note_triggers(relation);
	prepare_all(work);
	return work;
}

static bool
has_trigger(Relation relation, const caas_job_trigger *noted)
{
	const TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (triggers->triggers[i].tgoid == noted->oid)
			return triggers->triggers[i].tgenabled == noted->enabled;
	return false;
}

static bool
is_as_planned(const caas_job *job, const caas_work *work, Relation relation)
{
	Oid		  schema = get_rel_namespace(job->state_table);
	ListCell *cell;

	foreach (cell, work->triggers)
		if (!has_trigger(relation, lfirst(cell)))
			return false;
	return strcmp(caas_table_name(work->table), work->name) == 0 &&
		   strcmp(quote_identifier(get_namespace_name(schema)), job->schema) == 0;
}

void
caas_job_check_plan(const caas_job *job, const caas_work *work)
{
	Relation relation = try_relation_open(work->table, RowExclusiveLock);

	(void)caas_gated_engine();
	if (relation == NULL || !is_as_planned(job, work, relation))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("%s, its triggers or the schema of caas changed while caas_%s ran",
							   work->name, job->name),
						errhint("Call the procedure again."), caas_hide()));
	caas_require_all_rows(relation);
	relation_close(relation, NoLock); /* the lock stays until the commit */
}

caas_work *
caas_job_plan(const caas_job *job, Oid table)
{
	caas_planning planning = {.job = job, .active = caas_active_generation()};
	caas_work	 *work = NULL;
	ListCell	 *cell;

	planning.relation = table_open(table, AccessShareLock);
	initStringInfo(&planning.needs);
	initStringInfo(&planning.sets);
	foreach (cell, caas_table_declarations(planning.relation))
	{
		require_usable(&planning, lfirst(cell));
		if (job->kind == CAAS_JOB_ROTATE)
			plan_rotation(&planning, lfirst(cell));
		else
			plan_backfill(&planning, lfirst(cell));
	}
	if (planning.needs.len > 0)
		work = finish_plan(&planning);
	table_close(planning.relation, AccessShareLock);
	return work;
}
