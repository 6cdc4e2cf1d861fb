/*
 * trigger_neighbours.c - what the triggers of a table do together: a value
 * that none of them protects, or that two of them would digest.
 */
#include "trigger.h"

#include "catalog/pg_trigger.h"
#include "utils/rel.h"

static bool
is_enabled(const Trigger *definition)
{
	if (definition->tgenabled == TRIGGER_DISABLED)
		return false;
	return definition->tgenabled != (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA
										 ? TRIGGER_FIRES_ON_ORIGIN
										 : TRIGGER_FIRES_ON_REPLICA);
}

/* Whether an argument, 'source=target' or 'column', holds the name. */
static bool
argument_names(const char *argument, const char *name)
{
	size_t		len = strlen(name);
	const char *equals = strchr(argument, '=');

	if (strncmp(argument, name, len) == 0 && (argument[len] == '\0' || argument + len == equals))
		return true;
	return equals != NULL && strcmp(equals + 1, name) == 0;
}

/* Whether this is a trigger of the function that call runs, with the column among its own. */
static bool
protects(const Trigger *definition, const TriggerData *call, const char *name)
{
	if (definition->tgfoid != call->tg_trigger->tgfoid)
		return false;
	for (int i = 1; i < definition->tgnargs; i++)
		if (argument_names(definition->tgargs[i], name))
			return true;
	return false;
}

/* Two triggers on one column would digest a digest. Two with WHEN may exclude each other. */
static void
refuse_second(const TriggerData *call, const char *name)
{
	const Trigger	  *own = call->tg_trigger;
	const TriggerDesc *all = call->tg_relation->trigdesc;
	const int16		   events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE;

	for (int i = 0; i < all->numtriggers; i++)
	{
		const Trigger *other = &all->triggers[i];

		if (other->tgoid == own->tgoid || (other->tgtype & own->tgtype & events) == 0 ||
			(other->tgqual != NULL && own->tgqual != NULL) || !is_enabled(other) ||
			!protects(other, call, name))
			continue;
		ereport(
			ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("column \"%s\" of relation \"%s\" is protected by two triggers, "
					"\"%s\" and \"%s\"",
					name, RelationGetRelationName(call->tg_relation), own->tgname, other->tgname),
			 errhint("Drop one of them: the second would digest a digest."), caas_hide()));
	}
}

/* A trigger for one event alone would let the other store plaintext; a second trigger may be there
 * for it. */
static void
require_event(const TriggerData *call, const char *name, int16 event)
{
	const TriggerDesc *all = call->tg_relation->trigdesc;

	for (int i = 0; i < all->numtriggers; i++)
		if ((all->triggers[i].tgtype & event) != 0 && protects(&all->triggers[i], call, name))
			return;
	ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					errmsg("column \"%s\" of relation \"%s\" is not protected on %s", name,
						   RelationGetRelationName(call->tg_relation),
						   event == TRIGGER_TYPE_INSERT ? "INSERT" : "UPDATE"),
					errhint("Declare the trigger BEFORE INSERT OR UPDATE."), caas_hide()));
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

		if (TRIGGER_FOR_UPDATE(other->tgtype) && other->tgnattr == 0 && other->tgqual == NULL &&
			is_enabled(other) && protects(other, call, name))
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

void
caas_trigger_check_neighbours(const TriggerData *call, const char *argument)
{
	char *source = pstrdup(argument);
	char *target = strchr(source, '=');
	int16 own = call->tg_trigger->tgtype;

	if (target != NULL)
		*target++ = '\0';
	refuse_second(call, source);
	if (target != NULL)
		refuse_second(call, target);
	if (!TRIGGER_FOR_INSERT(own))
		require_event(call, source, TRIGGER_TYPE_INSERT);
	if (!TRIGGER_FOR_UPDATE(own))
		require_event(call, source, TRIGGER_TYPE_UPDATE);
	if (target == NULL && call->tg_relation->rd_rel->relispartition)
		require_every_update(call, source);
	pfree(source);
}
