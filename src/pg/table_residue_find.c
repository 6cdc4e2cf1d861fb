/*
 * table_residue_find.c - the queries of caas_residue().
 *
 * They run with the catalogs alone in the search_path, and return object, what and
 * command. $1 is the table with its partitions and inheritance children, $2 the names
 * of the protected columns, $3 those in place, $4 the schema of the extension.
 */
#include "table_residue.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* Indexes with a source among their columns, or in an expression or condition. */
#define INDEXES                                                                                    \
	", i AS (SELECT DISTINCT x.indexrelid AS oid, x.indrelid AS rel FROM s JOIN pg_index x ON "    \
	"x.indrelid = s.rel JOIN pg_class c ON c.oid = x.indexrelid WHERE c.relkind = 'i' AND (s.num " \
	"= ANY (x.indkey) OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass "  \
	"AND d.objid = x.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.rel "   \
	"AND d.refobjsubid = s.num))) "

/* The shape of a digest, as text or bytea. */
#define DIGEST "'^(\\\\x)?[0-9a-fA-F]{32,128}$'"

static const char *const copies[] = {
	/* materialized views, also over views */
	CAAS_SOURCES
	", v AS (SELECT r.ev_class AS oid " CAAS_DEPENDENTS
	"'pg_rewrite'::regclass JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> s.rel UNION SELECT r.ev_class FROM v "
	"JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid AND d.classid "
	"= 'pg_rewrite'::regclass JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> v.oid) SELECT "
	"format('materialized view %s', c.oid::regclass), 'It holds what the column held at its last "
	"REFRESH.', format('REFRESH MATERIALIZED VIEW %s', c.oid::regclass) FROM v JOIN pg_class c ON "
	"c.oid = v.oid WHERE c.relkind = 'm' AND c.relispopulated ORDER BY 1",
	/* tables that a rule writes to */
	"SELECT DISTINCT format('table %s', d.refobjid::regclass), format('Rule %I of %s writes to it, "
	"perhaps values of the column.', r.rulename, r.ev_class::regclass), format('SELECT * FROM %s', "
	"d.refobjid::regclass) FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass "
	"AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass JOIN pg_class c ON c.oid = "
	"d.refobjid WHERE r.ev_class = ANY ($1) AND d.refobjid <> r.ev_class AND c.relkind IN ('r', 'p') "
	"ORDER BY 1",
	/* triggers of others, such as those that write a history */
	"SELECT format('trigger %I of %s', t.tgname, t.tgrelid::regclass), 'Its function may have copied "
	"values of the row elsewhere.', format('SELECT pg_catalog.pg_get_functiondef(%L::regprocedure)', "
	"t.tgfoid::regprocedure) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = "
	"ANY ($1) AND NOT t.tgisinternal AND t.tgparentid = 0 AND p.prosrc NOT IN "
	"('caas_sql_encrypt_trigger', 'caas_sql_seal_trigger') AND t.tgtype & 20 <> 0 ORDER BY 1",
};

static const char *const transactions[] = {
	"SELECT format('prepared transaction %L', x.gid), 'VACUUM removes nothing that it may still "
	"see.', format('ROLLBACK PREPARED %L', x.gid) FROM pg_prepared_xacts x WHERE x.database = "
	"current_database() ORDER BY 1",
	"SELECT format('session %s', a.pid), format('Its transaction began at %s, and VACUUM removes "
	"nothing that it may still see.', a.xact_start), format('SELECT "
	"pg_catalog.pg_terminate_backend(%s)', a.pid) FROM pg_stat_activity a WHERE a.datname = "
	"current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend' AND "
	"(a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND (a.state LIKE 'idle in "
	"transaction%' OR a.xact_start < now() - interval '1 minute') ORDER BY 1",
	"SELECT format('replication slot %I', r.slot_name), 'VACUUM removes nothing that its standby may "
	"still see.', CASE WHEN r.active THEN NULL ELSE format('SELECT "
	"pg_catalog.pg_drop_replication_slot(%L)', r.slot_name) END FROM pg_replication_slots r WHERE "
	"r.xmin IS NOT NULL ORDER BY 1",
};

static const char *const dead_rows[] = {
	"SELECT format('table %s', c.oid::regclass), 'autovacuum is off for it: dead rows stay.', "
	"format('ALTER TABLE %s RESET (autovacuum_enabled)', c.oid::regclass) FROM pg_class c, LATERAL "
	"pg_options_to_table(c.reloptions) o WHERE c.oid = ANY ($1) AND o.option_name = "
	"'autovacuum_enabled' AND NOT o.option_value::boolean ORDER BY 1",
	"SELECT 'setting autovacuum', 'It is off: dead rows stay.', 'ALTER SYSTEM SET autovacuum = on' "
	"WHERE current_setting('autovacuum') = 'off'",
};

static const char *const statistics[] = {
	CAAS_SOURCES INDEXES
	"SELECT format('index %s', i.oid::regclass), 'It is over the column, and its pages may hold old "
	"values: rebuild it, or drop it where no query uses it. VACUUM FULL rebuilds it too.', "
	"format('REINDEX INDEX CONCURRENTLY %s', i.oid::regclass) FROM i ORDER BY 1",
	/* in place, what is not a digest by its shape */
	CAAS_SOURCES INDEXES
	", t AS (SELECT s.rel, c.relname, n.nspname, s.name AS column FROM s JOIN pg_class c ON c.oid = "
	"s.rel JOIN pg_namespace n ON n.oid = c.relnamespace UNION SELECT i.rel, c.relname, n.nspname, "
	"NULL FROM i JOIN pg_class c ON c.oid = i.oid JOIN pg_namespace n ON n.oid = c.relnamespace) "
	"SELECT DISTINCT format('statistics of %s', t.rel::regclass), format('pg_stats has values of %s "
	"%I.', CASE WHEN t.column IS NULL THEN 'index' ELSE 'column' END, coalesce(t.column, "
	"t.relname)), format('ANALYZE %s', t.rel::regclass) FROM t JOIN pg_stats p ON p.schemaname = "
	"t.nspname AND p.tablename = t.relname AND (p.attname = t.column OR t.column IS NULL) WHERE CASE "
	"WHEN t.column::text = ANY ($3) THEN EXISTS (SELECT FROM unnest((p.most_common_vals::text)::text[] "
	"|| (p.histogram_bounds::text)::text[]) v WHERE v !~ " DIGEST
	") ELSE p.most_common_vals IS NOT NULL OR p.histogram_bounds IS NOT NULL OR p.most_common_elems IS "
	"NOT NULL END ORDER BY 1, 2",
	/* extended statistics: after ANALYZE a most common combination has null for the column */
	CAAS_SOURCES
	"SELECT DISTINCT format('statistics %I.%I', n.nspname, e.stxname), format('They have "
	"values of column %I.', s.name), format('ANALYZE %s', s.rel::regclass) " CAAS_DEPENDENTS
	"'pg_statistic_ext'::regclass JOIN pg_statistic_ext e ON e.oid = d.objid JOIN pg_namespace "
	"n ON n.oid = e.stxnamespace WHERE EXISTS (SELECT FROM pg_stats_ext x, "
	"generate_subscripts(x.attnames, 1) k, generate_subscripts(x.most_common_vals, 1) v WHERE "
	"x.statistics_schemaname = n.nspname AND x.statistics_name = e.stxname AND x.attnames[k] = "
	"s.name AND x.most_common_vals[v][k] IS NOT NULL AND (s.name::text <> ALL ($3) OR "
	"x.most_common_vals[v][k] !~ " DIGEST ")) OR EXISTS (SELECT FROM pg_stats_ext_exprs x "
	"WHERE x.statistics_schemaname = n.nspname AND x.statistics_name = e.stxname AND "
	"strpos(x.expr, quote_ident(s.name)) > 0 AND (x.most_common_vals IS NOT NULL OR "
	"x.histogram_bounds IS NOT NULL)) ORDER BY 1, 2",
};

static const char *const outside[] = {
	"SELECT DISTINCT format('publication %I', p.pubname), 'Its subscribers got the rows as they "
	"were.', format('SELECT * FROM %s.caas_residue(%L), at each subscriber', $4, c.oid::regclass) "
	"FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname JOIN pg_class c ON "
	"c.relnamespace = n.oid AND c.relname = p.tablename WHERE c.oid = ANY ($1) ORDER BY 1",
	"SELECT format('subscription %I', u.subname), 'Its publisher has the rows as they were.', "
	"format('SELECT * FROM %s.caas_residue(%L), at the publisher', $4, r.srrelid::regclass) FROM "
	"pg_subscription_rel r JOIN pg_subscription u ON u.oid = r.srsubid WHERE r.srrelid = ANY ($1) "
	"ORDER BY 1",
	"SELECT 'server log', format('It has the texts of statements: log_statement is %s, "
	"log_min_duration_statement %s.', current_setting('log_statement'), "
	"current_setting('log_min_duration_statement')), 'Remove the files from before the "
	"table was protected.' WHERE current_setting('log_statement') NOT IN ('none', 'ddl') OR "
	"current_setting('log_min_duration_statement')::text <> '-1'",
	"SELECT format('replication slot %I', r.slot_name), format('It keeps WAL from %s on.', "
	"r.restart_lsn), CASE WHEN r.active THEN 'Let its consumer catch up.' ELSE format('SELECT "
	"pg_catalog.pg_drop_replication_slot(%L)', r.slot_name) END FROM pg_replication_slots r WHERE "
	"r.restart_lsn IS NOT NULL ORDER BY 1",
	"SELECT 'WAL', 'Its files hold old rows until they are recycled' || CASE WHEN "
	"current_setting('wal_keep_size') <> '0' THEN '; wal_keep_size keeps ' || "
	"current_setting('wal_keep_size') || '.' ELSE '.' END, 'SELECT pg_catalog.pg_switch_wal(); "
	"CHECKPOINT;'",
	"SELECT 'WAL archive', 'It holds the WAL of old rows.', 'Remove the files from before the "
	"oldest base backup that is kept: pg_archivecleanup' WHERE current_setting('archive_mode') <> "
	"'off'",
	"SELECT 'backups', 'Those from before the last step hold plaintext.', 'Remove them.'",
};

static const struct
{
	const char *const *queries;
	size_t			   count;
} queries_of[] = {
	[CAAS_RESIDUE_COPIES] = {copies, lengthof(copies)},
	[CAAS_RESIDUE_TRANSACTIONS] = {transactions, lengthof(transactions)},
	[CAAS_RESIDUE_DEAD_ROWS] = {dead_rows, lengthof(dead_rows)},
	[CAAS_RESIDUE_STATISTICS] = {statistics, lengthof(statistics)},
	[CAAS_RESIDUE_OUTSIDE] = {outside, lengthof(outside)},
};

const char *
caas_residue_age(Oid table)
{
	static const char query[] =
		"SELECT format('%s by the statistics; its oldest row is %s transactions old.', "
		"pg_stat_get_dead_tuples(c.oid), age(c.relfrozenxid)) FROM pg_class c WHERE c.oid = $1";
	Oid	  types[] = {OIDOID};
	Datum parameters[] = {ObjectIdGetDatum(table)};
	List *found = caas_query(query, lengthof(types), types, parameters);

	return found == NIL ? "" : linitial(found);
}

/*
 * The extension keeps the texts of statements, with their constants where they are
 * utility statements. It is asked only where the server has loaded it.
 */
void
caas_residue_find_statements(caas_residue *residue, const char *table)
{
	static const char schema_query[] =
		"SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = "
		"e.extnamespace WHERE e.extname = 'pg_stat_statements' AND "
		"current_setting('shared_preload_libraries') ~ '(^|[ ,/])pg_stat_statements($|[ ,.])'";
	Oid	  types[] = {TEXTOID};
	Datum parameters[] = {CStringGetTextDatum(table)};
	List *schemas = caas_query(schema_query, 0, NULL, NULL);
	char *schema;

	if (schemas == NIL)
		return;
	schema = linitial(schemas);
	if (caas_query(psprintf("SELECT 1 FROM %s.pg_stat_statements s WHERE strpos(s.query, $1) > 0 "
							"LIMIT 1",
							schema),
				   lengthof(types), types, parameters) != NIL)
		caas_residue_add(residue, "pg_stat_statements",
						 "It has texts of statements over the table, which may hold values.",
						 psprintf("SELECT %s.pg_stat_statements_reset()", schema));
}

void
caas_residue_find(caas_residue *residue, caas_residue_part part)
{
	Oid	  types[] = {OIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID};
	Datum parameters[] = {residue->tables, residue->sources, residue->in_place, residue->schema};

	for (size_t i = 0; i < queries_of[part].count; i++)
	{
		ListCell *cell;

		foreach (cell,
				 caas_query_rows(queries_of[part].queries[i], lengthof(types), types, parameters))
		{
			const char **row = lfirst(cell);

			caas_residue_add(residue, row[0], row[1], row[2]);
		}
	}
}
