/*
 * doctor_settings.c - API keys that others can read, and settings that write values into logs.
 */
#include "doctor.h"
#include "leftovers.h"

#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

/* ---- API keys ---- */

static bool
is_on(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	return value != NULL && strcmp(value, "on") == 0;
}

static void
report_stored_keys(caas_doctor *doctor)
{
	static const char finding[] =
		"an API key is stored where others can read it: treat that key as known";
	ListCell *cell;

	if (caas_key_in_files())
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, "configuration of the server", finding,
						"Delete the line caas.api_key (pg_file_settings shows where it is), and "
						"call pg_reload_conf().");
	foreach (cell, caas_stored_key_settings())
	{
		const caas_stored_setting *setting = lfirst(cell);

		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, setting->where, finding,
						psprintf("%s RESET caas.api_key;", setting->command));
	}
}

/* A listed role that does not exist can be made by every role that may create roles. */
static void
report_nodes(caas_doctor *doctor)
{
	if (caas_node_count() > 0 && !caas_node_sees_login())
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, "caas.trusted_nodes",
						"it lets nobody in: the library does not see how clients log in",
						"Put caas into shared_preload_libraries and restart the server.");
	for (int i = 0; i < caas_node_count(); i++)
	{
		const char *role = caas_node_role(i);

		if (!OidIsValid(get_role_oid(role, true)))
			caas_doctor_add(doctor, CAAS_SEVERITY_WARNING, "caas.trusted_nodes",
							psprintf("it lists role %s, which does not exist: whoever may create "
									 "roles can make it",
									 quote_identifier(role)),
							"Take the entry out of caas.trusted_nodes, and call pg_reload_conf().");
	}
}

void
caas_doctor_keys(caas_doctor *doctor)
{
	const char *digests = GetConfigOption("caas.api_key_digests", true, false);

	report_stored_keys(doctor);
	report_nodes(doctor);
	if (!is_on("caas.require_api_key"))
		caas_doctor_add(doctor, CAAS_SEVERITY_WARNING, "caas.require_api_key",
						"no session needs an API key: the EXECUTE privilege alone decides",
						"ALTER SYSTEM SET caas.require_api_key = on; SELECT pg_reload_conf();");
	else if ((digests == NULL || *digests == '\0') && caas_node_count() == 0)
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, "caas.api_key_digests",
						"the server accepts no API key: everybody is refused",
						"Make one with \"caas api-key new\", put its entry into "
						"caas.api_key_digests, and call pg_reload_conf().");
	if (is_on("caas.exempt_workers"))
		caas_doctor_add(
			doctor, CAAS_SEVERITY_WARNING, "caas.exempt_workers",
			"a role with EXECUTE and no API key can read digests from statistics of its own tables",
			"ALTER SYSTEM SET caas.exempt_workers = off; SELECT pg_reload_conf();");
}

/* ---- settings that log values, and settings under which triggers do not fire ---- */

static bool
is_ddl(const char *value)
{
	return pg_strcasecmp(value, "ddl") == 0;
}

static bool
is_mod(const char *value)
{
	return pg_strcasecmp(value, "mod") == 0;
}

static bool
is_all(const char *value)
{
	return pg_strcasecmp(value, "all") == 0;
}

/*
 * A length or a time of which -1 means none; it can have a unit. It is empty, from PostgreSQL 16
 * on, for a library that is not loaded when the configuration has had a value and has it no more.
 */
static bool
is_not_negative(const char *value)
{
	const char *digits = value + strspn(value, " ");

	return *digits != '\0' && *digits != '-';
}

static bool
is_not_zero(const char *value)
{
	return strtod(value, NULL) != 0;
}

static bool
is_true(const char *value)
{
	bool result;

	return parse_bool(value, &result) && result;
}

/* True for the levels at which the server logs the statements that fail by an error. */
static bool
includes_errors(const char *value)
{
	return pg_strcasecmp(value, "fatal") != 0 && pg_strcasecmp(value, "panic") != 0 &&
		   pg_strcasecmp(value, "log") != 0;
}

/* At the second of the levels of debugging, and those below, the text of each statement is a
 * message. */
static bool
includes_debug2(const char *value)
{
	return pg_strncasecmp(value, "debug", 5) == 0 && pg_strcasecmp(value, "debug1") != 0;
}

static bool
is_false(const char *value)
{
	bool result;

	return parse_bool(value, &result) && !result;
}

static bool
is_replica(const char *value)
{
	return pg_strcasecmp(value, "replica") == 0;
}

static bool
audits(const char *value)
{
	return *value != '\0' && pg_strcasecmp(value, "none") != 0;
}

typedef struct watched_setting
{
	const char *name;
	bool (*shows)(const char *value);
	caas_severity severity;
	const char	 *finding;
	const char	 *harmless; /* the value, as SQL */
} watched_setting;

static const watched_setting watched_settings[] = {
	{"log_statement", is_ddl, CAAS_SEVERITY_NOTE,
	 "the log shows each CREATE, ALTER and DROP with its literals", "none"},
	{"log_statement", is_mod, CAAS_SEVERITY_WARNING,
	 "the log shows each statement that changes data or a schema, with its literals", "none"},
	{"log_statement", is_all, CAAS_SEVERITY_WARNING,
	 "the log shows each statement with its literals, and SET caas.api_key with the key", "none"},
	{"log_min_duration_statement", is_not_negative, CAAS_SEVERITY_WARNING,
	 "the log shows each statement that takes this long, with its literals", "-1"},
	{"log_min_duration_sample", is_not_negative, CAAS_SEVERITY_WARNING,
	 "the log shows a share of the statements that take this long, with their literals", "-1"},
	{"log_transaction_sample_rate", is_not_zero, CAAS_SEVERITY_WARNING,
	 "the log shows each statement of a share of the transactions, with its literals", "0"},
	{"log_parameter_max_length_on_error", is_not_zero, CAAS_SEVERITY_WARNING,
	 "the log shows the parameters of each statement that fails by an error of the server itself",
	 "0"},
	{"log_min_error_statement", includes_errors, CAAS_SEVERITY_NOTE,
	 "the log shows each statement that fails by an error of the server itself, such as a unique "
	 "violation, with its literals",
	 "panic"},
	{"log_min_messages", includes_debug2, CAAS_SEVERITY_WARNING,
	 "the log shows each statement of the extended protocol with its literals", "warning"},
	{"debug_print_parse", is_true, CAAS_SEVERITY_WARNING,
	 "the log shows the parse tree of each query, and literals as bytes in it", "off"},
	{"debug_print_rewritten", is_true, CAAS_SEVERITY_WARNING,
	 "the log shows the rewritten tree of each query, and literals as bytes in it", "off"},
	{"debug_print_plan", is_true, CAAS_SEVERITY_WARNING,
	 "the log shows the plan of each query, and literals as bytes in it", "off"},
	{"auto_explain.log_min_duration", is_not_negative, CAAS_SEVERITY_WARNING,
	 "the log shows each statement that takes this long, and its plan, with literals", "-1"},
	{"pgaudit.log", audits, CAAS_SEVERITY_WARNING,
	 "the log shows each statement of the audited classes with its literals", "none"},
	{"session_replication_role", is_replica, CAAS_SEVERITY_WARNING,
	 "triggers do not fire: plaintext is stored as it is written", "origin"},
	{"event_triggers", is_false, CAAS_SEVERITY_WARNING,
	 "no command is checked that creates a trigger of caas or changes its table", "on"},
};

static void
report_global(caas_doctor *doctor, caas_severity severity, const char *name, const char *finding,
			  const char *harmless)
{
	caas_doctor_add(
		doctor, severity, name, finding,
		psprintf("ALTER SYSTEM SET %s = '%s'; SELECT pg_reload_conf();", name, harmless));
}

/*
 * The value that sessions begin with: a SET of this session does not count.
 * NULL for a setting of a library that is not loaded.
 */
static const char *
value_of_sessions(const char *name)
{
	return GetConfigOption(name, true, false) == NULL ? NULL : GetConfigOptionResetString(name);
}

/* Stored settings that this session began with are reported as those of their role or database. */
static bool
is_stored_for_session(List *stored, const char *name)
{
	ListCell *cell;

	foreach (cell, stored)
	{
		const caas_stored_setting *setting = lfirst(cell);

		if (pg_strcasecmp(setting->name, name) == 0 &&
			(!OidIsValid(setting->database) || setting->database == MyDatabaseId) &&
			(!OidIsValid(setting->role) || setting->role == GetSessionUserId()))
			return true;
	}
	return false;
}

static void
report_stored(caas_doctor *doctor, const watched_setting *watched, List *stored)
{
	ListCell *cell;

	foreach (cell, stored)
	{
		const caas_stored_setting *setting = lfirst(cell);

		if (pg_strcasecmp(setting->name, watched->name) == 0 && watched->shows(setting->value) &&
			(!OidIsValid(setting->database) || setting->database == MyDatabaseId))
			caas_doctor_add(doctor, watched->severity,
							psprintf("%s of %s", watched->name, setting->where), watched->finding,
							psprintf("%s RESET %s;", setting->command, watched->name));
	}
}

static bool
shows(const char *name, bool (*test)(const char *))
{
	const char *value = value_of_sessions(name);

	return value != NULL && test(value);
}

/* Parameters are logged with their statements. */
static void
report_parameters(caas_doctor *doctor)
{
	if ((shows("log_statement", is_mod) || shows("log_statement", is_all) ||
		 shows("log_min_duration_statement", is_not_negative) ||
		 shows("log_min_duration_sample", is_not_negative) ||
		 shows("log_transaction_sample_rate", is_not_zero)) &&
		shows("log_parameter_max_length", is_not_zero))
		report_global(doctor, CAAS_SEVERITY_WARNING, "log_parameter_max_length",
					  "the log shows the parameters of each logged statement", "0");
	if (shows("auto_explain.log_min_duration", is_not_negative) &&
		shows("auto_explain.log_parameter_max_length", is_not_zero))
		report_global(doctor, CAAS_SEVERITY_WARNING, "auto_explain.log_parameter_max_length",
					  "the log shows the parameters of each explained statement", "0");
	if (shows("pgaudit.log", audits) && shows("pgaudit.log_parameter", is_true))
		report_global(doctor, CAAS_SEVERITY_WARNING, "pgaudit.log_parameter",
					  "the log shows the parameters of each audited statement", "off");
}

static void
report_statistics(caas_doctor *doctor)
{
	if (CAAS_STATISTICS_SHOW_SET && shows("pg_stat_statements.track", audits) &&
		shows("pg_stat_statements.track_utility", is_true))
		report_global(doctor, CAAS_SEVERITY_WARNING, "pg_stat_statements.track_utility",
					  "pg_stat_statements keeps SET caas.api_key with the key", "off");
}

void
caas_doctor_settings(caas_doctor *doctor)
{
	List *stored = caas_role_settings();

	for (size_t i = 0; i < lengthof(watched_settings); i++)
	{
		const watched_setting *watched = &watched_settings[i];

		report_stored(doctor, watched, stored);
		if (!is_stored_for_session(stored, watched->name) && shows(watched->name, watched->shows))
			report_global(doctor, watched->severity, watched->name, watched->finding,
						  watched->harmless);
	}
	report_parameters(doctor);
	report_statistics(doctor);
}

/* ---- preloading ---- */

static bool
lists_caas(const char *setting)
{
	char	 *libraries = pstrdup(GetConfigOption(setting, false, false));
	List	 *names;
	ListCell *cell;

	if (!SplitDirectoriesString(libraries, ',', &names))
		return false;
	foreach (cell, names)
	{
		const char *name = last_dir_separator(lfirst(cell));

		name = name != NULL ? name + 1 : lfirst(cell);
		if (strcmp(name, "caas") == 0 || strcmp(name, "caas.so") == 0)
			return true;
	}
	return false;
}

bool
caas_is_preloaded(void)
{
	return lists_caas("shared_preload_libraries") || lists_caas("session_preload_libraries");
}
