\echo Use "ALTER EXTENSION caas UPDATE TO '0.5.0'" to load this file. \quit

-- ---- Tables: declarations ----

CREATE FUNCTION caas_table_columns(table_oid oid,
    OUT relation regclass, OUT kind text, OUT in_place boolean, OUT id_column name, OUT id_namespace text, OUT source_column name,
    OUT target_column name, OUT companion_column name, OUT context text, OUT normalization text, OUT options text[],
    OUT declared_by text, OUT trigger_name name, OUT enabled boolean, OUT problem text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_table_columns' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000 ROWS 2;
COMMENT ON FUNCTION caas_table_columns(oid) IS
'Returns one row a protected value of one table, as the view caas_columns has them; none for a relation that does not exist. Reads the catalogs alone. For everyone. Errors: 39P01 a trigger with arguments that cannot be read';

CREATE VIEW caas_columns AS
    SELECT declared.*
    FROM pg_catalog.pg_class c, caas_table_columns(c.oid) declared
    WHERE c.relkind IN ('r', 'p', 'f')
      AND (EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                   WHERE t.tgrelid = c.oid AND p.prosrc IN ('caas_sql_encrypt_trigger', 'caas_sql_seal_trigger'))
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 's')
        OR EXISTS (SELECT FROM pg_catalog.pg_seclabel l
                   WHERE l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.objoid = c.oid AND l.provider = 'caas'));
COMMENT ON VIEW caas_columns IS
'one row a protected value of a table: its columns, context, normalisation and options, whether a trigger, a generated column or a security label declares it, and what is wrong with it';
GRANT SELECT ON caas_columns TO PUBLIC;
