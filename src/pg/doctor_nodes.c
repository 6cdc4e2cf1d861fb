/*
 * doctor_nodes.c - the nodes of Citus: whether their keyrings are that of this server.
 *
 * A node computes what is pushed down to it with the keyring of its own file. Other
 * servers, such as standbys, cannot be reached from here: the program asks them.
 */
#include "doctor.h"
#include "table.h"

#include "commands/extension.h"
#include "utils/builtins.h"

#define BRING_KEYRING "Bring the same keyring file to all nodes, and call pg_reload_conf() there."

/* The columns are node, whether it answered, its answer, and the check value of this server. */
static void
report_node(caas_doctor *doctor, char **columns, const void *argument)
{
	const char *node = psprintf("Citus node %s", columns[0]);
	const char *answer = columns[2] != NULL ? columns[2] : "";

	if (columns[1] == NULL || strcmp(columns[1], "t") != 0)
		caas_doctor_add(doctor, CAAS_SEVERITY_WARNING, node, psprintf("cannot ask it: %s", answer),
						"See that it runs, has the extension caas, and lets this role connect.");
	else if (*answer == '\0')
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, node, "it has no keyring that can be used",
						"Call caas_doctor() there.");
	else if (columns[3] != NULL && strcmp(answer, columns[3]) != 0)
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, node,
						psprintf("its keyring is another: the check value of its active "
								 "generation is %s, here it is %s",
								 answer, columns[3]),
						BRING_KEYRING);
}

static void
ask_nodes(void *argument)
{
	caas_doctor *doctor = argument;
	char *question = psprintf("SELECT s.check_value FROM %s.caas_status() AS s", doctor->schema);

	caas_doctor_query(
		doctor,
		psprintf("SELECT CASE WHEN n.nodeid IS NULL THEN 'coordinator' ELSE"
				 " pg_catalog.format('%%s:%%s', n.nodename, n.nodeport) END, a.success, a.result,"
				 " (SELECT s.check_value FROM %s.caas_status() AS s)"
				 " FROM pg_catalog.run_command_on_all_nodes(%s) AS a"
				 " LEFT JOIN pg_catalog.pg_dist_node AS n ON n.nodeid" EQ
				 "a.nodeid ORDER BY a.nodeid",
				 doctor->schema, quote_literal_cstr(question)),
		report_node, NULL);
}

/* A cancel ends the doctor. */
static bool
is_refusal(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) != ERRCODE_OPERATOR_INTERVENTION;
}

/* A role that may not ask the nodes is told so, and gets the other findings. */
void
caas_doctor_nodes(caas_doctor *doctor)
{
	const ErrorData *error;

	if (!OidIsValid(get_extension_oid("citus", true)))
		return;
	error = caas_error_of(ask_nodes, doctor, is_refusal);
	if (error != NULL)
		caas_doctor_add(doctor, CAAS_SEVERITY_WARNING, "nodes of Citus",
						psprintf("cannot ask them: %s", error->message),
						"Call caas_doctor() as a superuser.");
}
