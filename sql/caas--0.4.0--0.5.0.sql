\echo Use "ALTER EXTENSION caas UPDATE TO '0.5.0'" to load this file. \quit

-- ALTER EXTENSION UPDATE keeps the comment that an older caas.control set.
COMMENT ON EXTENSION caas IS
'per-user digests, sealed values, blind indexes and password hashes, keyed from outside the database';

-- ---- Blind indexes: docs/spec.md, section 7 ----

COMMENT ON FUNCTION caas_blind_candidates(text, text, integer) IS
'Returns the blind index of a text under each distinct index key of the keyring: that of the active generation first, then newest first. Generations share the key that rotations carry on. column = ANY (caas_blind_candidates(..)) finds the value before, during and after a rotation. Errors: those of caas_blind_index';

COMMENT ON FUNCTION caas_blind_candidates(text, text, integer, text) IS
'Returns the blind index of a normalised text under each distinct index key, the active one first; an empty array when nothing remains of the text. Errors: those of caas_blind_index(text, text, integer, text)';

COMMENT ON FUNCTION caas_blind_candidates(bytea, text, integer) IS
'Returns the blind index of raw bytes under each distinct index key, the active one first. Errors: those of caas_blind_index';
-- ---- Tables: declarations ----

CREATE FUNCTION caas_table_columns(table_oid oid,
    OUT relation regclass, OUT kind text, OUT in_place boolean, OUT id_column name, OUT id_namespace text, OUT source_column name,
    OUT target_column name, OUT companion_column name, OUT context text, OUT normalization text, OUT options text[],
    OUT declared_by text, OUT trigger_name name, OUT enabled boolean, OUT problem text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_table_columns' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000 ROWS 2;
COMMENT ON FUNCTION caas_table_columns(oid) IS
'Returns one row a protected value of one table, as the view caas_columns has them; none for a relation that does not exist or is a temporary table of another session. What cannot be read is shown as a problem, and so is a table that another session has locked, for which it does not wait. Reads the catalogs alone. For everyone';

CREATE VIEW caas_columns AS
    WITH RECURSIVE labelled(relation) AS (
        SELECT l.objoid FROM pg_catalog.pg_seclabel l
        WHERE l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.provider = 'caas'
        UNION SELECT i.inhrelid FROM labelled JOIN pg_catalog.pg_inherits i ON i.inhparent = labelled.relation)
    SELECT declared.*
    FROM pg_catalog.pg_class c, caas_table_columns(c.oid) declared
    WHERE c.relkind IN ('r', 'p', 'f')
      AND (EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                   WHERE t.tgrelid = c.oid AND p.prosrc IN ('caas_sql_encrypt_trigger', 'caas_sql_seal_trigger'))
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 's')
        OR c.oid IN (SELECT labelled.relation FROM labelled));
COMMENT ON VIEW caas_columns IS
'one row a protected value of a table: its columns, context, normalisation and options, whether a trigger, a generated column or a security label declares it, and what is wrong with it. A label of a partitioned table or of an inheritance parent counts for the tables below it. Of a table that another session has locked there is one row with a problem alone';
GRANT SELECT ON caas_columns TO PUBLIC;

-- ---- Tables: jobs ----

-- UNLOGGED: a publication FOR ALL TABLES must not send the state of jobs to subscribers, and it is a hint alone.
CREATE UNLOGGED TABLE caas_jobs (
    job text, relation oid, part integer, parts integer, PRIMARY KEY (job, relation, part, parts),
    filenode oid NOT NULL, role oid NOT NULL,
    pass integer NOT NULL DEFAULT 1, next_block bigint NOT NULL DEFAULT 0,
    first_block bigint NOT NULL DEFAULT 0, last_block bigint NOT NULL DEFAULT 0,
    rows_done bigint NOT NULL DEFAULT 0, conflicts bigint NOT NULL DEFAULT 0, finished boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    resumed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), resumed_rows bigint NOT NULL, resumed_block bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
COMMENT ON TABLE caas_jobs IS
'how far the jobs of caas_backfill, caas_rotate and caas_cutover are: a row a job, table and part. A job that was interrupted goes on from here; without its row, as after a crash of the server, it begins anew and passes by what was done. The view caas_progress shows it';

CREATE UNLOGGED TABLE caas_job_conflicts (
    job text, relation oid, part integer, parts integer, id text, sqlstate text, constraint_name name,
    noted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
COMMENT ON TABLE caas_job_conflicts IS 'the rows that a job could not change; the view caas_conflicts shows them';
CREATE INDEX caas_job_conflicts_job ON caas_job_conflicts (relation, job, part, parts);

CREATE PROCEDURE caas_backfill(relation regclass, part integer DEFAULT 1, parts integer DEFAULT 1, batch_ms integer DEFAULT 50,
    pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME', 'caas_sql_backfill' LANGUAGE C;
COMMENT ON PROCEDURE caas_backfill(regclass, integer, integer, integer, integer, integer, bigint) IS
'Protects what the triggers of a table would protect and that was there before them: rows in batches of about batch_ms milliseconds, each committed, with pause_ms between them, and not while a standby is more than max_lag_bytes behind. part of parts: one of several sessions side by side, after which a call without parts does what they left. Goes on where an interrupted call was. Rows that cannot be changed are in caas_conflicts. Needs UPDATE and SELECT. Errors: 25001 in a transaction block, 28000 no accepted API key, 55000 nothing declared or a disabled trigger, 55006 the job runs already, 55P03 a lock was not to be had within lock_timeout_ms, 42501 row-level security';

CREATE PROCEDURE caas_rotate(relation regclass, part integer DEFAULT 1, parts integer DEFAULT 1, batch_ms integer DEFAULT 50,
    pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME', 'caas_sql_rotate' LANGUAGE C;
COMMENT ON PROCEDURE caas_rotate(regclass, integer, integer, integer, integer, integer, bigint) IS
'Brings the sealed values of a table, their blind indexes, and generated columns to the active generation, in the same way as caas_backfill. Other digests stay: they need their plaintext. Errors: those of caas_backfill';

CREATE PROCEDURE caas_cutover(relation regclass, source name, part integer DEFAULT 1, parts integer DEFAULT 1, batch_ms integer DEFAULT 50,
    pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME', 'caas_sql_cutover' LANGUAGE C;
COMMENT ON PROCEDURE caas_cutover(regclass, name, integer, integer, integer, integer, integer, bigint) IS
'Ends the option keep for a source column: creates its trigger without the option, protects every row and sets the source to null in the way of caas_backfill, and adds a CHECK constraint that keeps it null, in a call without parts. Needs the ownership of the table and EXECUTE on the trigger function. Errors: those of caas_backfill';

REVOKE ALL ON PROCEDURE
    caas_backfill(regclass, integer, integer, integer, integer, integer, bigint),
    caas_rotate(regclass, integer, integer, integer, integer, integer, bigint),
    caas_cutover(regclass, name, integer, integer, integer, integer, integer, bigint)
    FROM PUBLIC;

CREATE VIEW caas_progress AS
    SELECT j.job, j.relation::pg_catalog.regclass AS relation, j.part, j.parts,
        CASE WHEN l.pid IS NOT NULL THEN 'running' WHEN j.finished THEN 'done' ELSE 'interrupted' END AS state,
        j.pass, j.next_block - j.first_block AS blocks_done, j.last_block - j.first_block AS blocks,
        j.rows_done, (greatest(c.reltuples, 0) / j.parts)::bigint AS rows_estimated,
        (j.rows_done - j.resumed_rows) / nullif(s.seconds, 0) AS rows_per_second,
        CASE WHEN l.pid IS NOT NULL THEN
            (j.last_block - j.next_block) * s.seconds / nullif(j.next_block - greatest(j.resumed_block, j.first_block), 0) END AS seconds_left,
        j.conflicts, pg_catalog.pg_get_userbyid(j.role) AS role, l.pid, j.started_at, j.updated_at
    FROM caas_jobs j
    JOIN pg_catalog.pg_class c ON c.oid = j.relation
    CROSS JOIN LATERAL (SELECT extract(epoch FROM j.updated_at - j.resumed_at)::double precision AS seconds) s
    LEFT JOIN LATERAL (
        SELECT pid FROM pg_catalog.pg_locks
        WHERE locktype = 'object' AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND classid = 'caas_jobs'::pg_catalog.regclass AND objid = j.relation AND granted
          AND objsubid = CASE j.job WHEN 'backfill' THEN 0 WHEN 'rotate' THEN 2048 ELSE 4096 END + j.part
        LIMIT 1) l ON NOT j.finished;
COMMENT ON VIEW caas_progress IS
'the jobs of caas_backfill, caas_rotate and caas_cutover, a row a table and part: running, interrupted or done, blocks of the present pass, rows changed, their rate, and seconds left of the pass. Empty after a crash of the server; not for standbys';

CREATE VIEW caas_conflicts WITH (security_barrier) AS
    SELECT c.job, c.relation::pg_catalog.regclass AS relation, c.id, c.sqlstate, c.constraint_name, c.noted_at
    FROM caas_job_conflicts c
    WHERE pg_catalog.has_table_privilege(c.relation, 'SELECT') AND NOT pg_catalog.row_security_active(c.relation);
COMMENT ON VIEW caas_conflicts IS
'the rows that jobs could not change: the id and the error, for readers of all rows of the table. They are tried again in the next call';
GRANT SELECT ON caas_progress, caas_conflicts TO PUBLIC;

-- ---- Tables: check ----

CREATE FUNCTION caas_check_sealed(id uuid, sealed bytea, context text, has_index boolean, index bytea, normalization text) RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_check_sealed' LANGUAGE C STABLE PARALLEL SAFE COST 250;
COMMENT ON FUNCTION caas_check_sealed(uuid, bytea, text, boolean, bytea, text) IS
'Returns what is wrong with a sealed value, without its plaintext: ''right'', ''wrong shape'', ''unopenable'' (for this user and context), ''wrong index'' (that of no generation, when has_index is true), or NULL when there is no value. caas_check uses it. Errors: 28000 no accepted API key, 22023 unknown normalization, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_check(checked_table regclass, sample_percent double precision DEFAULT 100,
    OUT relation regclass, OUT column_name name, OUT kind text, OUT rows bigint, OUT nulls bigint, OUT plaintext bigint, OUT unprotected bigint,
    OUT protected bigint, OUT unopenable bigint, OUT wrong_index bigint, OUT wrong_shape bigint, OUT generations jsonb, OUT exact boolean,
    OUT bad_share_at_most double precision) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_check' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION caas_check(regclass, double precision) IS
'Counts the rows of a table, of its partitions and children, by what each protected column holds: no value, plaintext in the source, plaintext that nothing protects, protected values, values that do not open or verify, blind indexes and shapes that are wrong, and values a generation. A sample of less than 100 per cent gives counts of the sample, and the share of bad rows that the table has at most, with 95 per cent confidence. Queries the table as its caller; the expression of a generated column that calls functions of others is not computed for a role without the privileges of the owner, nor for a superuser unless the owner is one: then the generation is not known. Needs SELECT. Errors: 0A000 a foreign table, 28000 no accepted API key, 42501 privileges or row-level security, 42P01 no such table, 55000 a declaration that cannot be used or no usable keyring';

CREATE FUNCTION caas_generations(OUT generation integer, OUT state text, OUT relation regclass, OUT column_name name, OUT kind text,
    OUT "values" bigint, OUT conclusive boolean, OUT remark text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_generations' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION caas_generations() IS
'Counts the values of this database a generation and declared column. The generation is NULL where the table does not tell it, and remark says why. A count is conclusive when no session is left that began its transaction or statement before the server was reloaded, and the keyring was not changed since: it could still store a value of the generation that was active then. Tables that cannot be counted (locked by another session, a foreign table, no SELECT, row-level security, a declaration that cannot be used) have a row that says so, without a count. Reads rows without a query, so that no function of a table''s owner runs. Needs no key. Errors: 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION
    caas_check_sealed(uuid, bytea, text, boolean, bytea, text), caas_check(regclass, double precision), caas_generations()
    FROM PUBLIC;
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
-- ---- Tables: doctor ----

CREATE FUNCTION caas_doctor(OUT severity text, OUT object text, OUT finding text, OUT remedy text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_doctor' LANGUAGE C STRICT COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_doctor() IS
'Returns what is wrong in this installation and this database, one row a finding, errors first: severity (error, warning or note), what it is about, one sentence, and the statement or command that puts it right. No row: nothing was found. Changes nothing, shows no value, needs no API key, and works on a standby. What the caller may not read is a note. For superusers and roles with EXECUTE. Errors: none of its own';

REVOKE ALL ON FUNCTION caas_doctor() FROM PUBLIC;
