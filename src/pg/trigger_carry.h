/*
 * trigger_carry.h - expressions over a source column, for trigger_statement.c.
 */
#ifndef CAAS_TRIGGER_CARRY_H
#define CAAS_TRIGGER_CARRY_H

#include "trigger.h"

/* A part of a statement that sets columns: UPDATE, an action of MERGE, or DO UPDATE. */
typedef struct caas_setting
{
	Relation			 relation;
	int					 own;	   /* range table index of the row that is changed */
	int					 excluded; /* of EXCLUDED, or 0 */
	List				*entries;  /* the SET list, changed in place */
	Node				*condition;
	Bitmapset			*sources; /* numbers of the columns that triggers set to null */
	const caas_argument *argument;
} caas_setting;

/* The value that an expression over the source stands for: in the source, or in target and
 * companion. */
typedef struct carried_value
{
	Node *source;
	Node *target;
	Node *companion; /* NULL: there is no companion */
} carried_value;

/* True when the expression uses one of the columns: of the row itself, of EXCLUDED, or the source
 * of either. */
extern bool caas_uses_own(const caas_setting *setting, Node *node, const Bitmapset *columns);
extern bool caas_uses_excluded(const caas_setting *setting, Node *node, const Bitmapset *columns);
extern bool caas_uses_source(const caas_setting *setting, Node *node);

/* Returns false for an expression that cannot be carried. */
extern bool caas_carry(const caas_setting *setting, Node *node, carried_value *value);

/* The columns of the argument in the row itself. */
extern carried_value caas_value_of_own(const caas_setting *setting);

/* CASE WHEN value IS NOT NULL THEN result ELSE otherwise END */
extern Node *caas_when_set(Node *value, Node *result, Node *otherwise);

#endif
