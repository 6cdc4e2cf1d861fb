-- caas_grant() and caas_revoke().
\i test/needs_key.sql
SELECT extnamespace::regnamespace AS caas FROM pg_extension WHERE extname = 'caas' \gset
SET client_min_messages = error;
DROP ROLE IF EXISTS caas_grant_app, caas_grant_dba, "caas grant""x";
RESET client_min_messages;
CREATE ROLE caas_grant_app;
CREATE ROLE caas_grant_dba;
CREATE ROLE "caas grant""x";
\pset format unaligned
-- What a role may execute, of what is not for everyone.
CREATE VIEW pg_temp.allowed AS
SELECT r.rolname, string_agg(DISTINCT p.proname, ' ' ORDER BY p.proname) AS functions FROM pg_roles r, pg_proc p, aclexplode(p.proacl) a
WHERE a.grantee = r.oid AND r.rolname LIKE 'caas_grant%' AND p.proname LIKE 'caas\_%' AND NOT a.is_grantable GROUP BY 1;
SELECT * FROM caas_grant('caas_grant_app', 'write');
SELECT * FROM caas_grant('caas_grant_app', 'write');
SELECT * FROM pg_temp.allowed;
SELECT count(*) FROM caas_revoke('caas_grant_app', 'write');
SELECT * FROM pg_temp.allowed;
SELECT caas_grant('caas_grant_app', 'verify');
SELECT * FROM pg_temp.allowed;
SELECT count(*) FROM caas_grant('caas_grant_app', 'read');
SELECT * FROM pg_temp.allowed;
SELECT caas_revoke('caas_grant_app', 'read');
SELECT * FROM pg_temp.allowed;
-- 'administer'
SELECT count(*) >= 8 AS many FROM caas_grant('caas_grant_dba', 'administer');
SELECT has_function_privilege('caas_grant_dba', 'caas_protect(regclass, text, text[])', 'EXECUTE'), has_function_privilege('caas_grant_dba', 'caas_seal_trigger()', 'EXECUTE'),
    has_function_privilege('caas_grant_dba', 'caas_open(uuid, bytea, text)', 'EXECUTE'), has_function_privilege('caas_grant_dba', 'caas_grant(regrole, text)', 'EXECUTE');
SELECT count(*) > 0 AS some FROM caas_grant('"caas grant""x"', 'verify') s WHERE s LIKE '%TO "caas grant""x"';
SELECT is_grantable, count(*) > 0 FROM pg_proc p, aclexplode(p.proacl) a WHERE a.grantee IN ('caas_grant_dba'::regrole, '"caas grant""x"'::regrole) GROUP BY 1;
-- A role of 'administer' protects its own table, and what it grants with is not enough to grant.
CREATE SCHEMA caas_grant AUTHORIZATION caas_grant_dba;
SET ROLE caas_grant_dba;
CREATE TABLE caas_grant.users (id uuid NOT NULL, email text);
SELECT kind, statement FROM caas_protect('caas_grant.users', 'id', 'email=email_digest');
SELECT * FROM caas_grant('caas_grant_app', 'read');
RESET ROLE;
GRANT EXECUTE ON FUNCTION caas_grant(regrole, text), caas_revoke(regrole, text) TO caas_grant_dba;
SET ROLE caas_grant_dba;
SELECT * FROM caas_grant('caas_grant_app', 'read');
SELECT * FROM caas_revoke('caas_grant_app', 'read');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION caas_grant(regrole, text), caas_revoke(regrole, text) FROM caas_grant_dba;
-- Nobody protects another role's table.
CREATE TABLE caas_grant.foreign_table (id uuid NOT NULL, email text);
SET ROLE caas_grant_dba;
SELECT * FROM caas_protect('caas_grant.foreign_table', 'id', 'email=email_digest');
RESET ROLE;
-- Functions of the same name elsewhere, and operators.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.caas_encrypt(uuid, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION hostile.refuse(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.refuse);
SET search_path = hostile, pg_catalog, :caas;
SELECT * FROM caas_grant('caas_grant_app', 'write') s WHERE s LIKE '%caas_encrypt%';
RESET search_path;
SELECT proacl IS NULL AS untouched FROM pg_proc WHERE oid = 'hostile.caas_encrypt'::regproc;
-- Wrong arguments.
SELECT * FROM caas_grant('caas_grant_app', 'everything');
SELECT * FROM caas_grant('caas_grant_app', 'Read');
SELECT * FROM caas_grant('caas_grant_nobody', 'read');
SELECT * FROM caas_grant('public', 'read');
SELECT * FROM caas_grant(0, 'read');
SELECT count(*) FROM caas_grant(NULL, 'read');
BEGIN READ ONLY;
SELECT * FROM caas_grant('caas_grant_app', 'read');
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA hostile, caas_grant CASCADE;
DROP OWNED BY caas_grant_app, caas_grant_dba, "caas grant""x";
DROP ROLE caas_grant_app, caas_grant_dba, "caas grant""x";
