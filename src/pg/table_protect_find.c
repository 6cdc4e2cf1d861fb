/*
 * table_protect_find.c - what reads a column today and will find no plaintext in it any more.
 *
 * The queries run with the catalogs alone in the search_path. $1 is the table with its
 * partitions and inheritance children, $2 the names of the columns to protect.
 */
#include "table_protect.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Views over the source, and views over these. */
#define VIEWS                                                                                      \
	CAAS_SOURCES                                                                                   \
	", v AS (SELECT r.ev_class AS oid " CAAS_DEPENDENTS                                            \
	"'pg_rewrite'::regclass JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> s.rel "         \
	"UNION SELECT r.ev_class FROM v JOIN pg_depend d ON d.refclassid = "                           \
	"'pg_class'::regclass AND d.refobjid = v.oid AND d.classid = 'pg_rewrite'::regclass "          \
	"JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> v.oid) "

static const char *const queries[] = {
	/* indexes */
	CAAS_SOURCES
	"SELECT DISTINCT format('%s %s is over column %I, which will hold no plaintext: it finds no "
	"value%s.', CASE WHEN i.indisunique THEN 'Unique index' ELSE 'Index' END, "
	"i.indexrelid::regclass, s.name, CASE WHEN i.indisunique THEN ' and keeps none unique; an UPDATE "
	"of the column still makes rows of referencing tables wait. Drop it after the backfill' ELSE '' "
	"END) FROM s JOIN pg_index i ON i.indrelid = s.rel JOIN pg_class c ON c.oid = i.indexrelid "
	"WHERE NOT c.relispartition AND (s.num = ANY (i.indkey) OR EXISTS (SELECT FROM pg_depend d "
	"WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = "
	"'pg_class'::regclass AND d.refobjid = s.rel AND d.refobjsubid = s.num)) ORDER BY 1",
	/* extended statistics */
	CAAS_SOURCES
	"SELECT DISTINCT format('Statistics %I.%I are over column %I, and may hold values of it "
	"until ANALYZE after the backfill.', n.nspname, t.stxname, s.name) " CAAS_DEPENDENTS
	"'pg_statistic_ext'::regclass JOIN pg_statistic_ext t ON t.oid = d.objid JOIN pg_namespace "
	"n ON n.oid = t.stxnamespace ORDER BY 1",
	/* constraints */
	CAAS_SOURCES
	"SELECT DISTINCT format('%s %I of table %s is over column %I, which will hold no "
	"plaintext: %s.', CASE c.contype WHEN 'c' THEN 'Check constraint' ELSE 'Foreign key' "
	"END, c.conname, c.conrelid::regclass, s.name, CASE WHEN c.contype = 'c' THEN 'it checks a "
	"null or a digest' WHEN u.uses THEN 'it checks nothing any more' ELSE 'drop it before "
	"caas_cutover()' END) FROM s JOIN pg_constraint c ON s.rel IN (c.conrelid, c.confrelid), "
	"LATERAL (SELECT c.conrelid = s.rel AND s.num = ANY (c.conkey) AS uses) u WHERE "
	"((c.contype IN ('c', 'f') AND u.uses) OR (c.confrelid = s.rel AND s.num = ANY (c.confkey))) "
	"AND c.conparentid = 0 AND NOT (c.contype = 'c' AND (c.coninhcount > 0 OR "
	"pg_get_expr(c.conbin, c.conrelid) = format('(%I IS NULL)', s.name))) ORDER BY 1",
	/* generated columns: recorded with their expression from 15 on, with the column before */
	CAAS_SOURCES
	"SELECT DISTINCT format('Generated column %I of table %s is computed from column %I, "
	"which will hold no plaintext. What it stores today is derived from plaintext.', "
	"a.attname, a.attrelid::regclass, s.name) FROM s JOIN pg_depend d ON d.refclassid = "
	"'pg_class'::regclass AND d.refobjid = s.rel AND d.refobjsubid = s.num LEFT JOIN "
	"pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid JOIN pg_attribute "
	"a ON a.attrelid = s.rel AND a.attnum = CASE WHEN d.classid = 'pg_class'::regclass AND "
	"d.objid = s.rel THEN d.objsubid ELSE f.adnum END WHERE a.attgenerated <> '' AND "
	"a.attnum <> s.num ORDER BY 1",
	/* views, materialized views, rules */
	VIEWS "SELECT DISTINCT CASE c.relkind WHEN 'v' THEN format('View %s reads a column that will "
		  "hold no plaintext.', c.oid::regclass) ELSE format('Materialized view %s may hold "
		  "plaintext: REFRESH it after the backfill.', c.oid::regclass) END FROM v JOIN pg_class c "
		  "ON c.oid = v.oid WHERE c.relkind IN ('v', 'm') ORDER BY 1",
	CAAS_SOURCES
	"SELECT DISTINCT format('Rule %I of table %s rewrites statements on it. Triggers fire "
	"for the table that the rule writes to.', r.rulename, r.ev_class::regclass) FROM s JOIN "
	"pg_rewrite r ON r.ev_class = s.rel ORDER BY 1",
	/* functions with an SQL body */
	CAAS_SOURCES
	"SELECT DISTINCT format('Function %s reads column %I, which will hold no plaintext.', "
	"d.objid::regprocedure, s.name) " CAAS_DEPENDENTS "'pg_proc'::regclass ORDER BY 1",
	/* row level security */
	CAAS_SOURCES
	"SELECT DISTINCT format('Policy %I of table %s reads column %I, which will hold no "
	"plaintext.', p.polname, p.polrelid::regclass, s.name) " CAAS_DEPENDENTS
	"'pg_policy'::regclass JOIN pg_policy p ON p.oid = d.objid ORDER BY 1",
	"SELECT format('Table %s has row level security: run the backfill as a role that sees all "
	"rows.', c.oid::regclass) FROM pg_class c WHERE c.oid = ANY ($1) AND c.relrowsecurity AND "
	"cardinality($2) > 0 ORDER BY 1",
	/* triggers that fire after the row is stored */
	CAAS_SOURCES
	"SELECT DISTINCT format('Trigger %I of table %s fires after the row is stored: it sees "
	"no plaintext.', t.tgname, t.tgrelid::regclass) FROM s JOIN pg_trigger t ON t.tgrelid = "
	"s.rel WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgtype & 2 = 0 AND t.tgtype & "
	"64 = 0 AND t.tgtype & 20 <> 0 ORDER BY 1",
	/* replication */
	"SELECT DISTINCT format('Publication %I has table %s: create the new columns at its subscribers "
	"first.', p.pubname, c.oid::regclass) FROM pg_publication_tables p JOIN pg_namespace n ON "
	"n.nspname = p.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename "
	"WHERE c.oid = ANY ($1) AND cardinality($2) > 0 ORDER BY 1",
	CAAS_SOURCES
	"SELECT DISTINCT format('A list of columns of a publication has column %I of table %s: "
	"publish the target columns too.', s.name, s.rel::regclass) " CAAS_DEPENDENTS
	"'pg_publication_rel'::regclass ORDER BY 1",
	"SELECT format('Table %s has REPLICA IDENTITY FULL: until the backfill is complete, old rows "
	"with plaintext go to WAL and to subscribers.', c.oid::regclass) FROM pg_class c WHERE c.oid = "
	"ANY ($1) AND c.relreplident = 'f' AND cardinality($2) > 0 ORDER BY 1",
	CAAS_SOURCES
	"SELECT DISTINCT format('The replica identity of table %s has column %I: choose another "
	"one.', s.rel::regclass, s.name) FROM s JOIN pg_index i ON i.indrelid = s.rel AND s.num = "
	"ANY (i.indkey) JOIN pg_class c ON c.oid = s.rel WHERE (i.indisreplident AND c.relreplident "
	"= 'i') OR (i.indisprimary AND c.relreplident = 'd') ORDER BY 1",
	"SELECT DISTINCT format('Subscription %I writes table %s, and triggers do not fire for its rows: "
	"protect the table at the publisher.', u.subname, r.srrelid::regclass) FROM pg_subscription_rel "
	"r JOIN pg_subscription u ON u.oid = r.srsubid WHERE r.srrelid = ANY ($1) AND cardinality($2) > "
	"0 ORDER BY 1",
	/* privileges */
	CAAS_SOURCES
	"SELECT DISTINCT format('Column %I of table %s has privileges of its own: whoever reads "
	"or writes the target columns needs them there.', s.name, s.rel::regclass) FROM s JOIN "
	"pg_attribute a ON a.attrelid = s.rel AND a.attnum = s.num WHERE a.attacl IS NOT NULL "
	"ORDER BY 1",
	/* inheritance */
	"SELECT format('Table %s inherits from %s, which gets no trigger by this.', "
	"i.inhrelid::regclass, i.inhparent::regclass) FROM pg_inherits i JOIN pg_class c ON c.oid = "
	"i.inhrelid WHERE i.inhrelid = ANY ($1) AND i.inhparent <> ALL ($1) AND NOT c.relispartition AND "
	"cardinality($2) > 0 ORDER BY 1",
	"SELECT format('Table %s is an inheritance child and gets the same triggers.', "
	"i.inhrelid::regclass) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent "
	"= ANY ($1) AND NOT c.relispartition AND cardinality($2) > 0 ORDER BY 1",
	"SELECT format('Partition %s is a foreign table: what it holds today is protected where it is "
	"stored.', c.oid::regclass) FROM pg_class c WHERE c.oid = ANY ($1) AND c.relkind = 'f' AND "
	"cardinality($2) > 0 ORDER BY 1",
};

bool
caas_protect_any(const List *tables, const char *query)
{
	const char *slot = strstr(query, "%s");
	ListCell   *cell;

	foreach (cell, tables)
	{
		char kind = get_rel_relkind(lfirst_oid(cell));

		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			continue;
		if (caas_query(psprintf("%.*s%s%s", (int)(slot - query), query,
								caas_table_name(lfirst_oid(cell)), slot + 2),
					   0, NULL, NULL) != NIL)
			return true;
	}
	return false;
}

static void
find_nulls(caas_protection *protection)
{
	const caas_definition *definition = linitial(protection->definitions);
	TupleDesc			   columns = RelationGetDescr(protection->relation);
	const char			  *id = quote_identifier(definition->id.text);

	if (protection->has_null_ids)
		caas_plan_add(&protection->plan, CAAS_FINDING, NULL,
					  psprintf("Rows have a value to protect and no %s: they belong to no user and "
							   "cannot be protected.",
							   id));
	else if (!TupleDescAttr(columns, definition->id.number - 1)->attnotnull)
		caas_plan_add(
			&protection->plan, CAAS_FINDING, NULL,
			psprintf("Column %s may be null: a value to protect is refused (22004) without it.",
					 id));
}

/* caas_cutover() sets such a source to NULL. Without the option keep, NOT NULL is refused. */
static void
find_not_null_sources(caas_protection *protection, const caas_definition *definition)
{
	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *argument = &definition->arguments[i];
		const char			*source = quote_identifier(argument->source.text);

		if (argument->keep && argument->target.text != NULL &&
			TupleDescAttr(RelationGetDescr(protection->relation), argument->source.number - 1)
				->attnotnull)
			caas_plan_add(
				&protection->plan, CAAS_FINDING, NULL,
				psprintf("Column %s is NOT NULL: before caas_cutover() run ALTER TABLE %s "
						 "ALTER COLUMN %s DROP NOT NULL.",
						 source, protection->table, source));
	}
}

/* Digests of up to 64 bytes: which of them a keyring makes, it alone knows. */
#define DIGEST_DIGITS 128

static void
find_short_targets(caas_protection *protection, const caas_definition *definition)
{
	for (int i = 0; i < definition->narguments; i++)
	{
		const caas_argument *argument = &definition->arguments[i];
		const caas_name		*target = argument->target.text ? &argument->target : &argument->source;
		Form_pg_attribute	 column;
		int32				 typmod;

		if (definition->kind->is_seal || target->number == InvalidAttrNumber)
			continue;
		column = TupleDescAttr(RelationGetDescr(protection->relation), target->number - 1);
		typmod = column->atttypmod;
		if (getBaseTypeAndTypmod(column->atttypid, &typmod) == VARCHAROID &&
			typmod >= (int32)VARHDRSZ && typmod - (int32)VARHDRSZ < DIGEST_DIGITS)
			caas_plan_add(
				&protection->plan, CAAS_FINDING, NULL,
				psprintf("Column %s has room for %d characters: a digest has up to %d, and "
						 "a shorter column refuses rows (22001).",
						 quote_identifier(target->text), typmod - (int)VARHDRSZ, DIGEST_DIGITS));
	}
}

void
caas_protect_find(caas_protection *protection)
{
	Datum	  tables = caas_oid_array(protection->all);
	Datum	  columns = caas_text_array(caas_protect_sources(protection));
	ListCell *cell;

	find_nulls(protection);
	foreach (cell, protection->definitions)
	{
		find_short_targets(protection, lfirst(cell));
		find_not_null_sources(protection, lfirst(cell));
	}
	for (size_t i = 0; i < lengthof(queries); i++)
		caas_plan_find(&protection->plan, queries[i], tables, columns);
}
