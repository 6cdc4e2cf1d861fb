/*
 * doctor_database.c - the extension in this database: its version, its privileges, its schema.
 */
#include "doctor.h"
#include "leftovers.h"

#include "utils/builtins.h"
#include "utils/regproc.h"

void
caas_doctor_versions(caas_doctor *doctor)
{
	const char *installed = caas_installed_version();
	const char *library = caas_library_version();

	if (installed == NULL || strcmp(installed, library) != 0)
		caas_doctor_add(doctor, CAAS_SEVERITY_ERROR, "extension caas",
						psprintf("the SQL functions are those of version %s, the library is %s",
								 installed ? installed : "unknown", library),
						"ALTER EXTENSION caas UPDATE;");
}

static void
report_public_function(caas_doctor *doctor, char **columns, const void *argument)
{
	const char *function = format_procedure_qualified(
		DatumGetObjectId(DirectFunctionCall1(oidin, CStringGetDatum(columns[0]))));

	caas_doctor_add(doctor, CAAS_SEVERITY_WARNING, psprintf("function %s", function),
					"every role may call this function",
					psprintf("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;", function));
}

/* pg_init_privs has the functions of which the install script revoked a privilege. */
static const char public_functions[] =
	"SELECT p.oid"
	" FROM pg_catalog.pg_depend d"
	" JOIN pg_catalog.pg_proc p ON p.oid" EQ "d.objid"
	" JOIN pg_catalog.pg_init_privs i ON i.objoid" EQ "p.oid AND i.classoid" EQ "d.classid"
	" WHERE d.classid" EQ "'pg_catalog.pg_proc'::pg_catalog.regclass"
	" AND d.refclassid" EQ "'pg_catalog.pg_extension'::pg_catalog.regclass"
	" AND d.refobjid" EQ "%u AND d.deptype" EQ "'e'"
	" AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(i.initprivs) a WHERE a.grantee" EQ "0)"
	" AND EXISTS (SELECT FROM pg_catalog.aclexplode("
	"   coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a WHERE a.grantee" EQ "0)"
	" ORDER BY p.proname, p.oid";

/* "caas setup" refuses or warns of the same roles. */
static const char schema_creators[] =
	"SELECT pg_catalog.format('schema %%I', n.nspname),"
	" pg_catalog.format('%%s may create functions here, which a call can reach in place of those of caas',"
	"   pg_catalog.string_agg(r.who, ', ')),"
	" pg_catalog.format('REVOKE CREATE ON SCHEMA %%I FROM %%s;', n.nspname, pg_catalog.string_agg(r.who, ', '))"
	" FROM pg_catalog.pg_extension e"
	" JOIN pg_catalog.pg_namespace n ON n.oid" EQ "e.extnamespace"
	" CROSS JOIN LATERAL ("
	"   SELECT DISTINCT coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS who"
	"   FROM pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a"
	"   LEFT JOIN pg_catalog.pg_roles r ON r.oid" EQ "a.grantee"
	"   WHERE a.privilege_type" EQ "'CREATE' AND coalesce(r.rolsuper, false) IS FALSE"
	"   AND coalesce(r.rolname, '') OPERATOR(pg_catalog.<>) 'pg_database_owner'"
	"   AND a.grantee OPERATOR(pg_catalog.<>) (SELECT datdba FROM pg_catalog.pg_database"
	"     WHERE datname" EQ "pg_catalog.current_database())) r"
	" WHERE e.oid" EQ "%u GROUP BY n.nspname";

void
caas_doctor_privileges(caas_doctor *doctor)
{
	caas_doctor_query(doctor, psprintf(public_functions, doctor->extension), report_public_function,
					  NULL);
	caas_doctor_select(doctor, CAAS_SEVERITY_WARNING, psprintf(schema_creators, doctor->extension));
}

/* The event trigger can have another name. */
#define CHECKING_EVENT_TRIGGERS                                                                    \
	" FROM pg_catalog.pg_event_trigger e"                                                          \
	" JOIN pg_catalog.pg_proc p ON p.oid" EQ "e.evtfoid"                                           \
	" WHERE p.prosrc" EQ "'caas_sql_check_triggers'"

static const char disabled_event_trigger[] =
	"SELECT pg_catalog.format('event trigger %I', e.evtname),"
	" 'no command is checked that creates a trigger of caas or changes its table',"
	" pg_catalog.format('ALTER EVENT TRIGGER %I ENABLE;', e.evtname)" CHECKING_EVENT_TRIGGERS
	" AND e.evtenabled" EQ "ANY ('{D,R}'::pg_catalog.\"char\"[])";

static const char missing_event_trigger[] =
	"SELECT 'event trigger caas_check_triggers',"
	" 'no command is checked that creates a trigger of caas or changes its table: the event trigger is missing',"
	" pg_catalog.concat('CREATE EVENT TRIGGER caas_check_triggers ON ddl_command_end WHEN TAG IN"
	" (''CREATE TRIGGER'', ''ALTER TABLE'', ''CREATE SCHEMA'') EXECUTE FUNCTION ', %s, '.caas_check_triggers();"
	" ALTER EXTENSION caas ADD EVENT TRIGGER caas_check_triggers;')"
	" WHERE NOT EXISTS (SELECT" CHECKING_EVENT_TRIGGERS ")";

void
caas_doctor_event_trigger(caas_doctor *doctor)
{
	caas_doctor_select(doctor, CAAS_SEVERITY_WARNING, disabled_event_trigger);
	caas_doctor_select(doctor, CAAS_SEVERITY_WARNING,
					   psprintf(missing_event_trigger, quote_literal_cstr(doctor->schema)));
}
