/*
 * doctor.h - the checks of caas_doctor().
 *
 * A check looks at one thing and adds what it finds. It changes nothing, and no
 * finding shows a value. Queries are over the catalogs alone, with each function
 * and operator qualified, and rows of tables are read without the planner: so no
 * code of a table's owner runs in the session of whoever calls the doctor.
 */
#ifndef CAAS_DOCTOR_H
#define CAAS_DOCTOR_H

#include "trigger.h"

#include "utils/relcache.h"

typedef enum caas_severity
{
	CAAS_SEVERITY_ERROR,
	CAAS_SEVERITY_WARNING,
	CAAS_SEVERITY_NOTE
} caas_severity;

typedef struct caas_doctor
{
	MemoryContext context; /* of the findings */
	List		 *findings;
	Oid			  extension;
	const char	 *schema;	   /* of the extension, quoted */
	bool		  has_targets; /* a trigger of caas has a column for its result */
} caas_doctor;

/* Adds a finding. The texts are copied. */
extern void caas_doctor_add(caas_doctor *doctor, caas_severity severity, const char *object,
							const char *finding, const char *remedy);

/* Runs a query, and calls the function for each row of the result, with its columns as texts. */
typedef void (*caas_doctor_row)(caas_doctor *doctor, char **columns, const void *argument);
extern void caas_doctor_query(caas_doctor *doctor, const char *query, caas_doctor_row row,
							  const void *argument);

/* Adds each row of the query, which are object, finding and remedy. */
extern void caas_doctor_select(caas_doctor *doctor, caas_severity severity, const char *query);

/* Opens a relation without waiting. Returns NULL when it is gone, or is locked, which is noted. */
extern Relation caas_doctor_open(caas_doctor *doctor, Oid relation);
extern void		caas_doctor_close(Relation relation);

/* An operator in a query. */
#define EQ " OPERATOR(pg_catalog.=) "

/* ---- the checks ---- */

extern void caas_doctor_versions(caas_doctor *doctor);
extern void caas_doctor_keyring(caas_doctor *doctor);
extern void caas_doctor_keys(caas_doctor *doctor);
extern void caas_doctor_nodes(caas_doctor *doctor);
extern void caas_doctor_settings(caas_doctor *doctor);
extern void caas_doctor_privileges(caas_doctor *doctor);
extern void caas_doctor_event_trigger(caas_doctor *doctor);
extern void caas_doctor_triggers(caas_doctor *doctor);
extern void caas_doctor_calls(caas_doctor *doctor);
extern void caas_doctor_columns(caas_doctor *doctor);
extern void caas_doctor_shards(caas_doctor *doctor);

/* ---- shared by the checks of tables ---- */

/* True when sessions load the library before they plan their first statement. */
extern bool caas_is_preloaded(void);

/* A trigger of caas with its arguments parsed, or what is wrong with it. */
typedef struct caas_examined_trigger
{
	caas_definition *definition; /* NULL: wrong arguments */
	const char		*problem;	 /* NULL: it works */
	const char		*hint;
} caas_examined_trigger;

extern void caas_examine_trigger(Relation relation, const Trigger *trigger,
								 caas_examined_trigger *examined);

#endif
