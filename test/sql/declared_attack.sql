-- A hostile owner of tables: types, casts, functions and operators of his do not run when others report on protected columns.
SET client_min_messages = error;
\set VERBOSITY terse
CREATE ROLE regress_caas_evil;
CREATE SCHEMA evil AUTHORIZATION regress_caas_evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT CREATE ON SCHEMA public TO regress_caas_evil;
GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text), caas_encrypt_trigger, caas_seal_trigger, caas_check TO regress_caas_evil;
-- What he gained: nothing, after each step.
CREATE FUNCTION gained() RETURNS text LANGUAGE plpgsql AS $$DECLARE what text := CASE WHEN rolsuper THEN 'everything' ELSE 'nothing' END FROM pg_roles WHERE rolname = 'regress_caas_evil'; BEGIN
	EXECUTE 'ALTER ROLE regress_caas_evil NOSUPERUSER'; RETURN what; END$$;
CREATE TABLE honest (id uuid, sealed bytea);
SECURITY LABEL FOR caas ON COLUMN honest.sealed IS 'seal id @honest';
INSERT INTO honest SELECT id, caas_seal(id, 'x', 'honest') FROM md5('1') m, CAST(m AS uuid) id;

SET ROLE regress_caas_evil;
CREATE FUNCTION evil.rise() RETURNS void LANGUAGE plpgsql AS $$BEGIN IF current_user <> 'regress_caas_evil' THEN EXECUTE 'ALTER ROLE regress_caas_evil SUPERUSER'; END IF; END$$;
CREATE TYPE evil.t AS (a integer);
CREATE FUNCTION evil.to_bytea(evil.t) RETURNS bytea LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN '\x00'; END$$;
CREATE FUNCTION evil.to_text(evil.t) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN 'x'; END$$;
CREATE FUNCTION evil.to_uuid(evil.t) RETURNS uuid LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN md5('x'); END$$;
CREATE CAST (evil.t AS bytea) WITH FUNCTION evil.to_bytea(evil.t) AS IMPLICIT;
CREATE CAST (evil.t AS text) WITH FUNCTION evil.to_text(evil.t) AS IMPLICIT;
CREATE CAST (evil.t AS uuid) WITH FUNCTION evil.to_uuid(evil.t) AS IMPLICIT;

-- A label takes columns of the types that belong to it, and domains over them.
CREATE DOMAIN evil.bytes AS bytea;
CREATE DOMAIN evil.words AS text;
CREATE TABLE evil.typed (id uuid, n bigint, hostile evil.t, bytes evil.bytes, words evil.words, made smallint, number numeric, padded character(64));
SECURITY LABEL FOR caas ON COLUMN evil.typed.hostile IS 'seal id @c';
SECURITY LABEL FOR caas ON COLUMN evil.typed.number IS 'seal id @c';
SECURITY LABEL FOR caas ON COLUMN evil.typed.hostile IS 'encrypt id';
SECURITY LABEL FOR caas ON COLUMN evil.typed.padded IS 'encrypt id';
SECURITY LABEL FOR caas ON COLUMN evil.typed.bytes IS 'seal hostile @c';
SECURITY LABEL FOR caas ON COLUMN evil.typed.bytes IS 'seal n @c';
SECURITY LABEL FOR caas ON COLUMN evil.typed.bytes IS 'seal id@users @c';
SECURITY LABEL FOR caas ON COLUMN evil.typed.bytes IS 'seal hostile@users @c';
SECURITY LABEL FOR caas ON COLUMN evil.typed.bytes IS 'seal id :hostile@c';
SECURITY LABEL FOR caas ON COLUMN evil.typed.words IS 'encrypt id :hostile';
SECURITY LABEL FOR caas ON COLUMN evil.typed.words IS 'encrypt id :number';
SECURITY LABEL FOR caas ON COLUMN evil.typed.words IS 'encrypt id :made';
SECURITY LABEL FOR caas ON COLUMN evil.typed.ctid IS 'encrypt id';
SECURITY LABEL FOR caas ON COLUMN evil.typed.bytes IS 'seal n@users @c';
\set VERBOSITY default
SECURITY LABEL FOR caas ON COLUMN evil.typed.hostile IS 'seal id @c';
\set VERBOSITY terse
INSERT INTO evil.typed (id, n, bytes, words, made) VALUES (md5('1')::uuid, 1, '\x00', 'ab', 7), (md5('2')::uuid, 2, NULL, 'ab', -3);
RESET ROLE;
SELECT generation, column_name, "values", remark FROM caas_generations() WHERE relation::text ~ 'evil|honest' ORDER BY column_name, generation;
SELECT column_name, rows, nulls, protected, wrong_shape, unopenable, generations FROM caas_check('evil.typed') ORDER BY 1;

-- The type changes after the label: the column has a problem, and the tables of others are reported.
SET ROLE regress_caas_evil;
CREATE TABLE evil.changed (id uuid, sealed bytea, digest text, made bigint, other bytea);
SECURITY LABEL FOR caas ON COLUMN evil.changed.sealed IS 'seal id @c';
SECURITY LABEL FOR caas ON COLUMN evil.changed.digest IS 'encrypt id :made';
SECURITY LABEL FOR caas ON COLUMN evil.changed.other IS 'seal id @c';
ALTER TABLE evil.changed ALTER sealed TYPE evil.t USING ROW(1)::evil.t, ALTER digest TYPE evil.t USING ROW(1)::evil.t;
INSERT INTO evil.changed VALUES (md5('1')::uuid, ROW(1), ROW(1), 1099511627776, '\x00');
RESET ROLE;
SELECT target_column, problem FROM caas_columns WHERE relation = 'evil.changed'::regclass ORDER BY 1;
SELECT generation, column_name, "values", conclusive, remark FROM caas_generations() WHERE relation IN ('evil.changed'::regclass, 'honest'::regclass) ORDER BY column_name;
SELECT count(*) FROM caas_check('evil.changed');
SET ROLE regress_caas_evil;
ALTER TABLE evil.changed ALTER sealed TYPE bytea, ALTER digest TYPE text, ALTER id TYPE evil.t USING ROW(1)::evil.t;
RESET ROLE;
SELECT column_name, remark FROM caas_generations() WHERE relation = 'evil.changed'::regclass ORDER BY 1;
SELECT count(*) FROM caas_check('evil.changed');
SELECT gained();
-- A generation that is no number of one is not known.
SET ROLE regress_caas_evil;
SECURITY LABEL FOR caas ON COLUMN evil.changed.sealed IS NULL;
SECURITY LABEL FOR caas ON COLUMN evil.changed.other IS NULL;
ALTER TABLE evil.changed ALTER id TYPE uuid;
RESET ROLE;
SELECT generation, "values", remark FROM caas_generations() WHERE relation = 'evil.changed'::regclass;
SELECT wrong_shape, generations FROM caas_check('evil.changed');

-- A label or a trigger that cannot be read is a problem of its own, not an error for everybody.
SET ROLE regress_caas_evil;
CREATE TABLE evil.garbled (id uuid, email text, digest text, hostile evil.t);
SECURITY LABEL FOR caas ON COLUMN evil.garbled.digest IS 'encrypt id';
RESET ROLE;
SET allow_system_table_mods = on;
UPDATE pg_seclabel SET label = 'encrypt id nonsense=1 "' WHERE objoid = 'evil.garbled'::regclass;
ALTER EVENT TRIGGER caas_check_triggers DISABLE;
SET ROLE regress_caas_evil;
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON evil.garbled FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest nonsense');
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON evil.garbled FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=hostile@c');
CREATE TRIGGER c BEFORE INSERT OR UPDATE ON evil.garbled FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id');
RESET ROLE;
INSERT INTO evil.garbled VALUES (md5('1')::uuid, 'x', 'y', ROW(1));
ALTER TABLE evil.garbled DISABLE TRIGGER USER;
INSERT INTO evil.garbled VALUES (md5('1')::uuid, 'x', 'y', ROW(1));
ALTER TABLE evil.garbled ENABLE TRIGGER USER;
ALTER EVENT TRIGGER caas_check_triggers ENABLE;
RESET allow_system_table_mods;
SELECT kind, source_column, target_column, declared_by, trigger_name, enabled, problem FROM caas_columns WHERE relation = 'evil.garbled'::regclass ORDER BY trigger_name;
SELECT kind, column_name, "values", conclusive, remark FROM caas_generations() WHERE relation = 'evil.garbled'::regclass ORDER BY remark;
SELECT count(*) FROM caas_check('evil.garbled');
SELECT count(*) FROM caas_check('honest');
SELECT gained();

-- A generated column calls its owner's function: a superuser, who has everybody's privileges, does not run it.
SET ROLE regress_caas_evil;
CREATE FUNCTION evil.f(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN 'x'; END$$;
CREATE FUNCTION evil.g(text, text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN 'x'; END$$;
CREATE OPERATOR evil.|| (FUNCTION = evil.g, LEFTARG = text, RIGHTARG = text);
CREATE DOMAIN evil.guarded AS text CHECK (evil.f(VALUE) = 'x');
CREATE TABLE evil.computed (id uuid, x text, by_function text GENERATED ALWAYS AS (caas_encrypt(id, x || evil.f('c'))) STORED,
	by_operator text GENERATED ALWAYS AS (caas_encrypt(id, x OPERATOR(evil.||) 'c'::text)) STORED,
	by_domain text GENERATED ALWAYS AS (caas_encrypt(id, ('x'::evil.guarded)::text)) STORED,
	plain text GENERATED ALWAYS AS (caas_encrypt(id, lower(x) || 'c')) STORED);
INSERT INTO evil.computed (id, x) VALUES (md5('1')::uuid, 'x'), (NULL, 'x');
SELECT column_name, rows, protected, generations FROM caas_check('evil.computed') ORDER BY 1;
RESET ROLE;
SELECT column_name, rows, protected, generations FROM caas_check('evil.computed') ORDER BY 1;
SELECT gained();
-- Nor does a role that lacks the privileges of the owner; of a superuser's table a superuser runs it.
CREATE ROLE regress_caas_reporter;
GRANT EXECUTE ON FUNCTION caas_check, caas_generations, caas_check_sealed, caas_encrypt(uuid, text) TO regress_caas_reporter;
GRANT SELECT ON evil.computed TO regress_caas_reporter;
SET ROLE regress_caas_reporter;
SELECT column_name, generations FROM caas_check('evil.computed') ORDER BY 1;
RESET ROLE;
CREATE FUNCTION harmless(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE TABLE own (id uuid, x text, d text GENERATED ALWAYS AS (caas_encrypt(id, harmless(x))) STORED);
INSERT INTO own (id, x) VALUES (md5('1')::uuid, 'x');
SELECT generations FROM caas_check('own');
-- The type of a generated column is its owner's.
SET ROLE regress_caas_evil;
CREATE FUNCTION evil.of_text(text) RETURNS evil.t IMMUTABLE LANGUAGE sql AS 'SELECT ROW(1)::evil.t';
CREATE TABLE evil.converted (id uuid, x text, d evil.t GENERATED ALWAYS AS (evil.of_text(caas_encrypt(id, x))) STORED);
INSERT INTO evil.converted (id, x) VALUES (md5('1')::uuid, 'x');
RESET ROLE;
SELECT target_column, problem FROM caas_columns WHERE relation = 'evil.converted'::regclass;
SELECT count(*) FROM caas_check('evil.converted');
SELECT gained();

-- The planner computes calls in indexes, statistics and constraints of a table; caas_generations() does not use it.
SET ROLE regress_caas_evil;
CREATE TABLE evil.indexed (id uuid, sealed bytea, CHECK (evil.f('c') = 'x'));
SECURITY LABEL FOR caas ON COLUMN evil.indexed.sealed IS 'seal id @c';
CREATE INDEX ON evil.indexed (id) WHERE evil.f('c') = 'x';
CREATE INDEX ON evil.indexed (evil.f('c'));
INSERT INTO evil.indexed VALUES (md5('1')::uuid, '\x00');
CREATE POLICY p ON evil.indexed USING (evil.f('c') = 'x');
ALTER TABLE evil.indexed ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
SELECT generation, "values", remark FROM caas_generations() WHERE relation = 'evil.indexed'::regclass;
SELECT gained();
-- A role that sees a part of the rows, or none, gets rows that say so.
SET ROLE regress_caas_reporter;
SELECT relation, column_name, "values", conclusive, remark FROM caas_generations() WHERE relation IN ('evil.indexed'::regclass, 'honest'::regclass) ORDER BY 1;
RESET ROLE;
GRANT SELECT ON evil.indexed TO regress_caas_reporter;
SET ROLE regress_caas_reporter;
SELECT relation, column_name, "values", conclusive, remark FROM caas_generations() WHERE relation IN ('evil.indexed'::regclass, 'honest'::regclass) ORDER BY 1;
RESET ROLE;
-- The conflicts of a job are for those who see all rows.
INSERT INTO caas_job_conflicts (job, relation, part, parts, id, sqlstate) VALUES ('rotate', 'evil.indexed'::regclass, 1, 1, '5', '22P03'), ('rotate', 'evil.computed'::regclass, 1, 1, '6', '22P03');
SELECT relation, id FROM caas_conflicts ORDER BY id;
SET ROLE regress_caas_reporter;
SELECT relation, id FROM caas_conflicts ORDER BY id;
RESET ROLE;
TRUNCATE caas_job_conflicts;

-- Functions and operators that fit the columns better than those of the server and of caas.
SET ROLE regress_caas_evil;
CREATE FUNCTION evil.eq(varchar, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN true; END$$;
CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = varchar, RIGHTARG = text);
CREATE FUNCTION public.caas_is_sealed(evil.bytes) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN true; END$$;
CREATE FUNCTION public.caas_is_digest(varchar) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN true; END$$;
CREATE FUNCTION public.caas_check_sealed(uuid, evil.bytes, text, boolean, bytea, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM evil.rise(); RETURN 'right'; END$$;
RESET ROLE;
CREATE TABLE oph (id uuid, a text, d varchar(128) GENERATED ALWAYS AS (caas_encrypt(id, a)) STORED, b bytea GENERATED ALWAYS AS (caas_encrypt(id, a::bytea)) STORED);
INSERT INTO oph VALUES (md5('1')::uuid, 'x'), (md5('1')::uuid, NULL);
SET search_path = public, evil;
SELECT column_name, protected, generations FROM caas_check('oph') ORDER BY 1;
SELECT column_name, wrong_shape FROM caas_check('evil.typed') ORDER BY 1;
RESET search_path;
SELECT gained();

REVOKE CREATE ON SCHEMA public FROM regress_caas_evil;
DROP TABLE own, oph, honest;
DROP FUNCTION gained(), harmless(text);
DROP OWNED BY regress_caas_evil, regress_caas_reporter CASCADE;
DROP ROLE regress_caas_evil, regress_caas_reporter;
