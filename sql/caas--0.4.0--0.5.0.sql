\echo Use "ALTER EXTENSION caas UPDATE TO '0.5.0'" to load this file. \quit

-- ---- Tables: protect ----

CREATE FUNCTION caas_protect_plan(relation regclass, id text, VARIADIC columns text[])
    RETURNS TABLE (step integer, kind text, statement text, detail text)
    AS 'MODULE_PATHNAME', 'caas_sql_protect_plan' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_protect_plan(regclass, text, text[]) IS
'Returns what caas_protect would do with the same arguments, and changes nothing: rows of the kind finding, statement (what it runs) and by hand (what a function cannot run, or what comes later), in their order. Errors: those of caas_protect but 25006';

CREATE FUNCTION caas_protect(relation regclass, id text, VARIADIC columns text[])
    RETURNS TABLE (step integer, kind text, statement text, detail text)
    AS 'MODULE_PATHNAME', 'caas_sql_protect' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_protect(regclass, text, text[]) IS
'Brings protection to a table that exists, and returns the rows of caas_protect_plan. Arguments: the table, the id column as ''id'' (a uuid) or ''id@namespace'' (an integer or text), then for each value ''source=target[:companion][@context] [option ..]'' as in docs/triggers.md; one with a context is sealed, one without is digested. Adds the target columns that are missing, indexes of blind indexes and constraints where the table is empty, and the triggers. Needs no API key. For the owner of the table with EXECUTE on the trigger functions. Holds the lock of ALTER TABLE until the end of the transaction. Errors: 39P01, 42703, 42804, 42809 and 22023 what cannot work, 42501 not the owner, 25006 read-only';

REVOKE ALL ON FUNCTION caas_protect_plan(regclass, text, text[]), caas_protect(regclass, text, text[]) FROM PUBLIC;

-- ---- Tables: unprotect ----

CREATE FUNCTION caas_unprotect_plan(relation regclass, VARIADIC sources name[])
    RETURNS TABLE (step integer, kind text, statement text, detail text)
    AS 'MODULE_PATHNAME', 'caas_sql_unprotect_plan' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_unprotect_plan(regclass, name[]) IS
'Returns what caas_unprotect would do with the same arguments, and changes nothing: rows of the kind finding, statement and by hand. Opens no value and needs no API key. Errors: 0A000, 39P01, 42704 and 42809 as caas_unprotect';

CREATE FUNCTION caas_unprotect(relation regclass, VARIADIC sources name[])
    RETURNS TABLE (step integer, kind text, statement text, detail text)
    AS 'MODULE_PATHNAME', 'caas_sql_unprotect' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 10;
COMMENT ON FUNCTION caas_unprotect(regclass, name[]) IS
'Takes the protection of columns back, all the way to plaintext, and returns the rows of caas_unprotect_plan. Arguments: the table and the columns that statements write plaintext into. Drops their constraints, takes them out of their triggers and stores the opened values; leaves the sealed values, whose columns and indexes are dropped by hand. Fails as a whole where a value does not open. Locks the table against readers and writers until the end of the transaction. For the owner of the table with EXECUTE on caas_open. Errors: 28000 no accepted API key, 39000, 22P03 and 22023 a value that does not open, 27000 a value would be lost, 0A000 a digest has no plaintext, 42704 not protected, 42809 a partition or a child, 42501 not the owner, 25006 read-only, 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION caas_unprotect_plan(regclass, name[]), caas_unprotect(regclass, name[]) FROM PUBLIC;

-- ---- Tables: residue ----

CREATE FUNCTION caas_residue(relation regclass)
    RETURNS TABLE (step integer, object text, what text, command text)
    AS 'MODULE_PATHNAME', 'caas_sql_residue' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 10;
COMMENT ON FUNCTION caas_residue(regclass) IS
'Returns where plaintext of a protected table may still be: in its rows, dead rows and free space, materialized views, indexes, statistics, publications, replication slots, WAL, logs and backups, one row each with the command that removes it, in the order in which to run them. There is no row about what is not there. Changes nothing and needs no API key. May read the whole table, for which the caller needs SELECT; sees of other sessions what pg_monitor lets it see. Errors: 42809 not a table, 42501 no SELECT';

REVOKE ALL ON FUNCTION caas_residue(regclass) FROM PUBLIC;

-- ---- Tables: privileges ----

CREATE FUNCTION caas_grant(role regrole, privilege text) RETURNS SETOF text
    AS 'MODULE_PATHNAME', 'caas_sql_grant' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_grant(regrole, text) IS
'Grants a role EXECUTE on the functions of caas that a privilege stands for, and returns the statements that ran. The privileges: ''write'' (caas_encrypt, caas_seal, caas_blind_index, caas_hash_password; triggers need no EXECUTE), ''verify'' (caas_verify, caas_verified_by, caas_blind_candidates, caas_verify_password, caas_password_outdated), ''read'' (verify, and caas_open and its other forms), ''administer'' (protecting, moving and checking tables, and the trigger functions). The role gets no grant option. For the owner of the extension''s functions. Errors: 22023 no such privilege, 42501 not the owner, 42704 no such role, 25006 read-only';

CREATE FUNCTION caas_revoke(role regrole, privilege text) RETURNS SETOF text
    AS 'MODULE_PATHNAME', 'caas_sql_revoke' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_revoke(regrole, text) IS
'Revokes from a role EXECUTE on the functions that caas_grant grants with the same privilege, and returns the statements that ran; ''read'' takes verify along. What PUBLIC or another role of its has stays. For the owner of the extension''s functions. Errors: those of caas_grant';

REVOKE ALL ON FUNCTION caas_grant(regrole, text), caas_revoke(regrole, text) FROM PUBLIC;
