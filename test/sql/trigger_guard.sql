-- Constraints and the checks of DDL guard the plaintext besides the trigger.
\i test/needs_key.sql
CREATE SCHEMA caas_trigger_guard;
SET search_path = caas_trigger_guard, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
-- A trigger without its constraint.
CREATE TABLE users (id uuid PRIMARY KEY, "E mail" text, digest text, phone text, note text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', '"E mail"=digest', 'phone');
ALTER TABLE caas_trigger_guard.users ADD CHECK ("E mail" IS NULL);
ALTER TABLE caas_trigger_guard.users ADD CHECK (public.caas_is_digest(phone));
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', '"E mail"=digest', 'phone');
-- A constraint that says more, and one that says something else.
CREATE TABLE more (id uuid, email text CHECK (email IS NULL AND id IS NOT NULL), digest text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON more FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TABLE other (id uuid, email text CHECK (email IS NOT NULL OR id IS NULL), digest text CHECK (digest IS NULL));
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON other FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest keep');
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON other FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');

-- The constraint stops what the trigger does not see.
INSERT INTO users VALUES (:ada, 'one', NULL, 'one');
\set VERBOSITY sqlstate
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW."E mail" := 'plain'; RETURN NEW; END $$;
CREATE TRIGGER z_later BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION later();
UPDATE users SET note = 'x';
DROP TRIGGER z_later ON users;
SET session_replication_role = replica;
UPDATE users SET phone = 'plain';
RESET session_replication_role;
CREATE TABLE child () INHERITS (users);
INSERT INTO child VALUES (:ada, 'plain');
INSERT INTO child (id, phone) VALUES (:ada, 'plain');
CREATE TABLE copied (LIKE users INCLUDING ALL);
INSERT INTO copied VALUES (:ada, 'plain');
\set VERBOSITY default
ALTER TABLE users DISABLE TRIGGER protect;
\set VERBOSITY sqlstate
UPDATE users SET phone = 'plain', "E mail" = 'plain';
\set VERBOSITY default
ALTER TABLE users ENABLE TRIGGER protect;
SELECT "E mail", caas_verify(id, 'one', digest), caas_verify(id, 'one', phone), note FROM users;

-- A child without the trigger: a warning, and an error when the parent's trigger fires.
UPDATE users SET note = 'parent';
\echo :SQLSTATE
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON child FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', '"E mail"=digest', 'phone');
UPDATE users SET note = 'parent';
DROP TRIGGER protect ON child;
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', '"E mail"=digest', 'phone');
DROP TABLE child;

-- A column that a trigger names.
ALTER TABLE users RENAME "E mail" TO mail;
ALTER TABLE users RENAME digest TO mail_digest;
ALTER TABLE users DROP phone;
ALTER TABLE users RENAME note TO remark;
BEGIN;
DROP TRIGGER protect ON users;
ALTER TABLE users RENAME "E mail" TO mail;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'mail=digest', 'phone');
COMMIT;
-- A table without a trigger of caas, and CREATE SCHEMA with a trigger.
CREATE TABLE plain (id uuid, email text);
ALTER TABLE plain RENAME email TO mail;
ALTER TABLE plain DISABLE TRIGGER ALL;
CREATE SCHEMA caas_trigger_guard_2 CREATE TABLE t (id uuid, email text, digest text)
    CREATE TRIGGER protect BEFORE INSERT OR UPDATE OF email ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
DROP SCHEMA caas_trigger_guard_2 CASCADE;
SELECT caas_check_triggers();

-- A filled table becomes a partition or a child: what it holds decides.
CREATE TABLE parent (id uuid, email text, digest text, phone text) PARTITION BY LIST (id);
SET client_min_messages = error;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest', 'phone');
RESET client_min_messages;
CREATE TABLE part (id uuid, email text, digest text, phone text);
INSERT INTO part VALUES (:ada, 'plain', NULL, NULL);
ALTER TABLE parent ATTACH PARTITION part FOR VALUES IN (:ada);
UPDATE part SET email = NULL, phone = 'plain';
ALTER TABLE parent ATTACH PARTITION part FOR VALUES IN (:ada);
\echo :SQLSTATE
UPDATE part SET phone = caas_encrypt(id, phone), digest = caas_encrypt(id, 'plain');
ALTER TABLE parent ATTACH PARTITION part FOR VALUES IN (:ada);
UPDATE parent SET email = 'one';
SELECT email, caas_verify(id, 'one', digest), caas_verify(id, 'plain', phone) FROM parent;
CREATE TABLE base (id uuid, email text, digest text);
CREATE TABLE derived (id uuid, email text, digest text);
INSERT INTO derived VALUES (:ada, 'plain');
SET client_min_messages = error;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON base FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
RESET client_min_messages;
ALTER TABLE derived INHERIT base;
TRUNCATE derived;
ALTER TABLE derived INHERIT base;

-- An expression over a source, which is null.
CREATE TABLE nulled (id uuid PRIMARY KEY, email text CHECK (email IS NULL), digest text, note text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON nulled FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
INSERT INTO nulled VALUES (:ada, 'One');
UPDATE nulled SET email = lower(email);
UPDATE nulled SET email = email, note = email;
UPDATE nulled SET email = CASE WHEN note = 'x' THEN 'Three' ELSE email END;
UPDATE nulled SET email = CASE WHEN note IS NULL THEN email || '!' ELSE email END;
INSERT INTO nulled VALUES (:ada, 'Two') ON CONFLICT (id) DO UPDATE SET email = lower(nulled.email);
SELECT email, caas_verify(id, 'One', digest) FROM nulled;
-- Expressions that would take the null for the value.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN coalesce((SELECT p FROM caas_trigger_guard.nulled, unnest(ARRAY['One', 'unknown', 'Two', 'sub']) p WHERE caas_verify(id, p, digest)), 'lost');
EXCEPTION WHEN triggered_data_change_violation THEN RETURN SQLSTATE;
END $$;
SELECT s, try(s) FROM unnest(ARRAY[$s$UPDATE nulled SET email = coalesce(email, 'unknown')$s$, $s$UPDATE nulled SET email = CASE WHEN email IS NULL THEN 'unknown' ELSE email END$s$,
    $s$UPDATE nulled SET email = concat(email, 'unknown')$s$, $s$UPDATE nulled SET email = (SELECT coalesce(nulled.email, 'sub'))$s$, $s$UPDATE nulled SET (email, note) = (SELECT concat(nulled.email, 'sub'), 'x')$s$,
    $s$UPDATE nulled SET email = 'unknown' WHERE email IS NULL$s$,
    $s$INSERT INTO nulled SELECT id, 'Two' FROM nulled ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email WHERE nulled.email IS NULL$s$,
    $s$INSERT INTO nulled SELECT id, 'Two' FROM nulled ON CONFLICT (id) DO UPDATE SET email = CASE WHEN nulled.email IS NULL THEN EXCLUDED.email ELSE nulled.email END$s$,
    $s$INSERT INTO nulled SELECT id, 'Two' FROM nulled ON CONFLICT (id) DO UPDATE SET email = coalesce(nulled.email, 'unknown')$s$,
    $s$INSERT INTO nulled SELECT id, 'Two' FROM nulled ON CONFLICT (id) DO UPDATE SET email = coalesce(nulled.email, EXCLUDED.email)$s$,
    $s$INSERT INTO nulled SELECT id, NULL FROM nulled ON CONFLICT (id) DO UPDATE SET email = coalesce(EXCLUDED.email, nulled.email, 'unknown')$s$]) s;
-- MERGE, from PostgreSQL 15 on.
SELECT s AS "not as expected", try(s) FROM (VALUES ('27000', $s$MERGE INTO nulled m USING (VALUES (1)) s (n) ON true WHEN MATCHED THEN UPDATE SET email = concat(m.email, 'unknown')$s$),
    ('27000', $s$MERGE INTO nulled m USING (VALUES (1)) s (n) ON true WHEN MATCHED AND m.email IS NULL THEN UPDATE SET email = 'unknown'$s$),
    ('One', $s$MERGE INTO nulled m USING (VALUES (1)) s (n) ON true WHEN MATCHED THEN UPDATE SET email = coalesce(m.email, 'unknown')$s$)) v (expected, s)
WHERE current_setting('server_version_num')::int >= 150000 AND try(s) <> expected;
-- A row from before the trigger in an upsert: the new value counts where it comes first.
CREATE TABLE legacy (id uuid PRIMARY KEY, email text, digest text, n int);
INSERT INTO legacy SELECT md5(n::text)::uuid, 'old', NULL, n FROM generate_series(1, 4) n;
SET client_min_messages = error;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON legacy FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
RESET client_min_messages;
INSERT INTO legacy VALUES (md5('1')::uuid, 'new') ON CONFLICT (id) DO UPDATE SET email = coalesce(EXCLUDED.email, legacy.email);
INSERT INTO legacy VALUES (md5('2')::uuid, 'new') ON CONFLICT (id) DO UPDATE SET email = coalesce(legacy.email, EXCLUDED.email);
INSERT INTO legacy VALUES (md5('3')::uuid, NULL) ON CONFLICT (id) DO UPDATE SET email = coalesce(EXCLUDED.email, legacy.email, 'other');
INSERT INTO legacy VALUES (md5('4')::uuid, 'new') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email;
SELECT n, email, (SELECT p FROM unnest(ARRAY['old', 'new', 'other']) p WHERE caas_verify(id, p, digest)) FROM legacy ORDER BY n;
-- One protected column from another, and an id that another trigger changes.
CREATE TABLE two (id uuid, email text CHECK (email IS NULL), digest text, pending text CHECK (pending IS NULL), pending_digest text, login text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON two FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest', 'pending=pending_digest');
UPDATE two SET email = pending, pending = NULL;
\echo :SQLSTATE
CREATE TRIGGER protect_login BEFORE INSERT OR UPDATE ON two FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('digest@users', 'login');
\echo :SQLSTATE
-- A trigger function with a setting is seen as what it is.
ALTER FUNCTION caas_encrypt_trigger() SET search_path = pg_catalog, pg_temp;
ALTER TABLE two RENAME email TO mail;
\echo :SQLSTATE
ALTER FUNCTION caas_encrypt_trigger() RESET search_path;
-- An inheritance child that has no trigger is not reached through its parent.
CREATE TABLE heir () INHERITS (two);
UPDATE two SET email = 'x';
\echo :SQLSTATE
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'MERGE INTO two USING (VALUES (1)) s (n) ON true WHEN MATCHED THEN UPDATE SET email = ''x''';
    ELSE
        UPDATE two SET email = 'x';
    END IF;
EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', SQLSTATE;
END $$;
UPDATE ONLY two SET email = 'x';
DROP TABLE heir;
ALTER TABLE IF EXISTS no_such_table INHERIT two;


-- A context with blanks: as older releases wrote it, and a misspelt option.
CREATE TABLE blanks (id uuid, s text CHECK (s IS NULL), t bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON blanks FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=t@my context');
INSERT INTO blanks VALUES (:ada, 'x');
SELECT caas_open(id, t, 'my context') FROM blanks;
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON blanks FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=t@"my context"');
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON blanks FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=t@context kep');
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON blanks FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=t@"context" kep');
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON blanks FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=t@"context');

\set VERBOSITY terse
DROP SCHEMA caas_trigger_guard CASCADE;
