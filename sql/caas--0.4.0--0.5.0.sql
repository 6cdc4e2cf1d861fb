\echo Use "ALTER EXTENSION caas UPDATE TO '0.5.0'" to load this file. \quit

-- ---- Tables: doctor ----

CREATE FUNCTION caas_doctor(OUT severity text, OUT object text, OUT finding text, OUT remedy text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_doctor' LANGUAGE C STRICT COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_doctor() IS
'Returns what is wrong in this installation and this database, one row a finding, errors first: severity (error, warning or note), what it is about, one sentence, and the statement or command that puts it right. No row: nothing was found. Changes nothing, shows no value, needs no API key, and works on a standby. What the caller may not read is a note. For superusers and roles with EXECUTE. Errors: none of its own';

REVOKE ALL ON FUNCTION caas_doctor() FROM PUBLIC;
