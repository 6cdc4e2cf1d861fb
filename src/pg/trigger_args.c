/*
 * trigger_args.c - the arguments of caas_encrypt_trigger(), read and checked
 * once per statement and table.
 *
 * Arguments: the uuid column, then the columns to protect, each 'column'
 * (replaced in place) or 'source=target'. Names are taken as the catalog has
 * them: no quotes, no case folding; one that holds '=' can not be given.
 */
#include "trigger.h"

#include "catalog/pg_trigger.h"
#include "utils/rel.h"

static caas_names
split_argument(const char *argument)
{
	caas_names names = {pstrdup(argument)};
	char	  *target = caas_cut(names.source, '=');

	names.target = target != NULL ? target : names.source;
	return names;
}

const caas_trigger_kind caas_encrypt_kind = {
	.name = "caas_encrypt_trigger",
	.example = "'id', 'email'",
	.forms_example = "'id', 'email', 'phone=phone_digest'",
	.forms = "'column' or 'source=target'",
	.not_null_hint = "With 'source=target' the source is set to null: drop its NOT NULL, or name "
					 "the column alone to replace it in place.",
	.used_twice_hint = " To replace a column in place, name it alone.",
	.update_of_hint = "source column",
	.two_triggers_hint = "the second would digest a digest",
	.function = caas_sql_encrypt_trigger,
	.split = split_argument,
};

static void
read_column(caas_arguments *arguments, caas_column *column, const char *argument,
			MemoryContext context)
{
	Relation   relation = arguments->call->tg_relation;
	caas_names given = split_argument(argument);

	column->source = caas_place_of(arguments, given.source);
	column->target = caas_place_of(arguments, given.target);
	column->in_place = column->source.attribute == column->target.attribute;
	if (!column->in_place)
		caas_refuse_not_null(arguments, &column->source);
	column->inserted = caas_left_open(context, RelationGetRelid(relation), given.source);
	if (relation->rd_rel->relispartition)
		column->moving = caas_left_open(context, InvalidOid, given.source);
	caas_use_once(arguments, column->source.attribute);
	if (given.source != given.target)
		caas_use_once(arguments, column->target.attribute);
	caas_check_update_of(arguments, column->source.attribute);
}

/*
 * A row that an UPDATE moves to another partition is inserted there. Only a
 * trigger that fires on every UPDATE can tell that INSERT what is a digest.
 */
static void
require_every_update(const TriggerData *call, const char *name)
{
	const TriggerDesc *all = call->tg_relation->trigdesc;

	for (int i = 0; i < all->numtriggers; i++)
	{
		const Trigger *other = &all->triggers[i];

		if (other->tgfoid == call->tg_trigger->tgfoid && TRIGGER_FOR_UPDATE(other->tgtype) &&
			other->tgnattr == 0 && other->tgqual == NULL && caas_trigger_is_enabled(other) &&
			caas_trigger_protects(&caas_encrypt_kind, other, name))
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("column \"%s\" of partition \"%s\" is replaced in place by a trigger that does "
					"not fire on every UPDATE",
					name, RelationGetRelationName(call->tg_relation)),
			 errdetail("A row that moves to another partition would be digested twice."),
			 errhint("Declare the trigger BEFORE INSERT OR UPDATE on the partitioned table, "
					 "without UPDATE OF and WHEN."),
			 caas_hide()));
}

static void
check_neighbours(const caas_arguments *arguments, const char *argument)
{
	const TriggerData *call = arguments->call;
	caas_names		   given = split_argument(argument);

	caas_refuse_second_trigger(arguments, given.target);
	if (given.source != given.target)
		caas_refuse_second_trigger(arguments, given.source);
	caas_require_both_events(arguments, given.source);
	if (given.source == given.target && call->tg_relation->rd_rel->relispartition)
		require_every_update(call, given.source);
}

caas_trigger *
caas_trigger_open(const TriggerData *call, MemoryContext context)
{
	caas_arguments arguments = caas_arguments_begin(call, &caas_encrypt_kind);
	int			   ncolumns = call->tg_trigger->tgnargs - 1;
	caas_trigger  *trigger = MemoryContextAllocZero(context, offsetof(caas_trigger, columns) +
																 ncolumns * sizeof(caas_column));

	trigger->ncolumns = ncolumns;
	caas_changes_init(&trigger->changes, 2 * ncolumns, context);
	trigger->uuid = caas_uuid_argument(&arguments);
	for (int i = 0; i < ncolumns; i++)
	{
		const char *argument = call->tg_trigger->tgargs[i + 1];

		read_column(&arguments, &trigger->columns[i], argument, context);
		check_neighbours(&arguments, argument);
	}
	return trigger;
}

void
caas_trigger_check_lengths(caas_trigger *trigger, const TriggerData *call, caas_engine *engine)
{
	caas_keyring_info keyring;

	caas_engine_keyring(engine, &keyring);
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		const caas_column *column = &trigger->columns[i];

		if (column->target.limit < 0 || column->target.limit >= 2 * keyring.longest)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("column \"%s\" of relation \"%s\" is too short for a digest",
						caas_trigger_column(call, column->target.attribute),
						RelationGetRelationName(call->tg_relation)),
				 errdetail("It holds %d characters; digests of the active generation have up to "
						   "%d.",
						   column->target.limit, 2 * keyring.longest),
				 errhint("Make it text, or varchar(%d) at least.", 2 * keyring.longest),
				 caas_hide()));
	}
	trigger->lengths_checked = true;
}
