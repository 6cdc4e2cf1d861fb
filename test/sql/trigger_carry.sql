-- ON CONFLICT DO UPDATE SET source = EXCLUDED.source: the planner carries target and companion.
\i test/needs_key.sql
SELECT caas_version() IS NOT NULL; -- loads the library before the first statement is planned
CREATE SCHEMA caas_trigger_carry;
SET search_path = caas_trigger_carry, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''
CREATE TABLE users (id uuid PRIMARY KEY, login text UNIQUE, email text CHECK (email IS NULL), digest text, generation int,
    ssn text CHECK (ssn IS NULL), sealed bytea, index bytea UNIQUE, note text DEFAULT '');
CREATE TRIGGER protect_email BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest:generation');
CREATE TRIGGER protect_ssn BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed:index@users.ssn');
CREATE FUNCTION shown() RETURNS TABLE (login text, email text, ssn text, fits boolean, note text) LANGUAGE sql AS $$
SELECT login, (SELECT p FROM unnest(ARRAY['one', 'two', 'three', 'four']) p WHERE caas_verify(id, p, digest)), caas_open(id, sealed, 'users.ssn'),
    (generation IS NULL) = (digest IS NULL) AND index IS NOT DISTINCT FROM caas_blind_index(caas_open(id, sealed, 'users.ssn'), 'users.ssn'), note
FROM caas_trigger_carry.users ORDER BY login $$;
INSERT INTO users (id, login, email, ssn) VALUES (:ada, 'ada', 'one', '1'), (:bob, 'bob', 'two', '2');

-- The SET list of an ORM has all columns from EXCLUDED: with a new value, and without one.
INSERT INTO users (id, login, email, ssn, note) VALUES (:ada, 'ada', 'three', '3', 'x')
ON CONFLICT (id) DO UPDATE SET login = EXCLUDED.login, email = EXCLUDED.email, ssn = EXCLUDED.ssn, note = EXCLUDED.note;
INSERT INTO users (id, login, email, ssn) VALUES (:bob, 'bob', NULL, NULL) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, ssn = EXCLUDED.ssn, note = 'no value';
SELECT * FROM shown();
INSERT INTO users (id, login, email, digest, ssn, sealed, index) VALUES (:ada, 'ada', 'four', NULL, '4', NULL, NULL)
ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, digest = EXCLUDED.digest, generation = EXCLUDED.generation, ssn = EXCLUDED.ssn, sealed = EXCLUDED.sealed, index = EXCLUDED.index;
SELECT * FROM shown();

-- COALESCE, CASE, ROW, casts that change nothing, a plain value.
INSERT INTO users (id, login, email, ssn) VALUES (:ada, 'ada', 'one', '1') ON CONFLICT (id) DO UPDATE SET email = COALESCE(EXCLUDED.email, users.email), ssn = COALESCE(users.ssn, EXCLUDED.ssn);
INSERT INTO users (id, login, email, ssn) VALUES (:bob, 'bob', 'four', '5')
ON CONFLICT (id) DO UPDATE SET (email, ssn) = ROW (EXCLUDED.email::varchar::text, CASE WHEN users.note = 'no value' THEN EXCLUDED.ssn ELSE '6' END);
SELECT * FROM shown();
INSERT INTO users (id, login, email, ssn) VALUES (:bob, 'bob', 'one', '5')
ON CONFLICT (id) DO UPDATE SET email = CASE WHEN users.note = '' THEN EXCLUDED.email ELSE 'two' END, ssn = CASE users.note WHEN '' THEN EXCLUDED.ssn ELSE '6' END;
SELECT * FROM shown();
INSERT INTO users (id, login, email, ssn) VALUES (:ada, 'ada', NULL, NULL), (:bob, 'bob', 'three', '7')
ON CONFLICT (id) DO UPDATE SET email = COALESCE(EXCLUDED.email, users.email, NULL), ssn = COALESCE(EXCLUDED.ssn, users.ssn) WHERE users.note <> 'never';
SELECT * FROM shown();

-- Everything else that uses EXCLUDED.source.
CREATE FUNCTION try(set_list text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'INSERT INTO caas_trigger_carry.users AS u (id, login, email, ssn) VALUES (''4dbcbcfe-4800-40a8-badf-c26b73af230c'', ''ada'', ''two'', ''8'') ON CONFLICT (id) DO UPDATE SET ' || set_list;
    RETURN 'done';
EXCEPTION WHEN triggered_data_change_violation THEN RETURN SQLERRM;
END $$;
SELECT s, try(s) FROM unnest(ARRAY['email = lower(EXCLUDED.email)', 'email = EXCLUDED.email || ''''', 'note = EXCLUDED.email', 'note = ''x'' WHERE EXCLUDED.email IS NOT NULL',
    'note = EXCLUDED::text', '(email, note) = (SELECT EXCLUDED.email, ''x'')', 'email = (SELECT (SELECT EXCLUDED.email))', 'email = COALESCE(EXCLUDED.email, ''x'')',
    'email = CASE WHEN EXCLUDED.email IS NULL THEN u.email ELSE EXCLUDED.email END', 'email = CASE EXCLUDED.email WHEN ''x'' THEN u.email END',
    'email = COALESCE(CASE WHEN u.note = '''' THEN ''x'' END, EXCLUDED.email)', 'email = NULLIF(EXCLUDED.email, '''')', 'ssn = EXCLUDED.email', 'email = EXCLUDED.ssn',
    'email = EXCLUDED.email, digest = ''x''', 'email = CASE WHEN random() < 2 THEN EXCLUDED.email END', 'email = ''two'', note = upper(EXCLUDED.ssn)',
    'note = (SELECT note FROM caas_trigger_carry.users x WHERE x.email = EXCLUDED.email)']) s;
SELECT s, try(s) FROM unnest(ARRAY['note = EXCLUDED.login', 'email = ''two''', 'note = EXCLUDED.login WHERE EXCLUDED.login = u.login', 'email = NULL', 'digest = EXCLUDED.digest']) s;
SELECT * FROM shown();

-- Another user's row takes no value.
INSERT INTO users (id, login, email) VALUES (gen_random_uuid(), 'ada', 'four') ON CONFLICT (login) DO UPDATE SET email = EXCLUDED.email;
\echo :SQLSTATE
INSERT INTO users (id, login, ssn) VALUES (gen_random_uuid(), 'ada', '9') ON CONFLICT (login) DO UPDATE SET ssn = EXCLUDED.ssn;
\echo :SQLSTATE

-- Generic plans, PL/pgSQL, WITH, views.
PREPARE upsert(uuid, text, text) AS INSERT INTO users (id, email, ssn) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, ssn = EXCLUDED.ssn;
SET plan_cache_mode = force_generic_plan;
EXECUTE upsert(:ada, 'one', '1');
EXECUTE upsert(:ada, 'two', '2');
RESET plan_cache_mode;
SELECT * FROM shown();
CREATE FUNCTION upsert(new_email text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO users (id, email) VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', new_email) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email;
END $$;
SELECT upsert(e) FROM unnest(ARRAY['one', 'two', 'three']) e;
WITH written AS (INSERT INTO users (id, email) VALUES (:bob, 'four') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email RETURNING login) SELECT * FROM written;
CREATE VIEW people AS SELECT note AS remark, ssn AS number, id AS person, email AS mail FROM users;
INSERT INTO people (person, number) VALUES (:bob, '10') ON CONFLICT (person) DO UPDATE SET number = EXCLUDED.number, remark = 'view';
SELECT * FROM shown();

-- Partitions with other numbers of columns, and a trigger of a partition alone.
CREATE TABLE parts (id uuid, part int, email text CONSTRAINT no_plaintext CHECK (email IS NULL), digest text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE parts_1 (digest text, gone int, email text CONSTRAINT no_plaintext CHECK (email IS NULL), part int NOT NULL, id uuid NOT NULL);
ALTER TABLE parts_1 DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES IN (1);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
INSERT INTO parts VALUES (:ada, 1, 'one');
INSERT INTO parts VALUES (:ada, 1, 'two') ON CONFLICT (id, part) DO UPDATE SET email = EXCLUDED.email;
SELECT email, caas_verify(id, 'two', digest) FROM parts;
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
DROP TRIGGER protect ON parts;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parts_2 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
INSERT INTO parts VALUES (:ada, 2, 'one');
INSERT INTO parts VALUES (:ada, 2, 'two') ON CONFLICT (id, part) DO UPDATE SET email = EXCLUDED.email;
\echo :SQLSTATE
INSERT INTO parts_2 VALUES (:ada, 2, 'two') ON CONFLICT (id, part) DO UPDATE SET email = EXCLUDED.email;
\echo :SQLSTATE
INSERT INTO parts_2 VALUES (:ada, 2, 'two') ON CONFLICT (id, part) DO UPDATE SET email = 'two';
SELECT email, caas_verify(id, 'two', digest) FROM parts_2;

-- INSERT and UPDATE with triggers of their own.
CREATE TABLE split (id uuid PRIMARY KEY, email text CHECK (email IS NULL), digest text);
CREATE TRIGGER a BEFORE INSERT ON split FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TRIGGER b BEFORE UPDATE ON split FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
INSERT INTO split VALUES (:ada, 'one');
INSERT INTO split VALUES (:ada, 'two') ON CONFLICT (id) DO UPDATE SET email = COALESCE(EXCLUDED.email, split.email);
SELECT email, caas_verify(id, 'two', digest) FROM split;
INSERT INTO split VALUES (:ada, NULL) ON CONFLICT (id) DO UPDATE SET email = COALESCE(EXCLUDED.email, split.email, 'three');
SELECT email, caas_verify(id, 'two', digest) FROM split;
-- On a partition alone they are refused.
DROP TRIGGER protect ON parts_2;
CREATE TRIGGER a BEFORE INSERT ON parts_2 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TRIGGER b BEFORE UPDATE ON parts_2 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
INSERT INTO parts VALUES (:ada, 2, 'two') ON CONFLICT (id, part) DO UPDATE SET email = EXCLUDED.email;
\echo :SQLSTATE

-- A trigger that is created after planning.
CREATE TABLE late (id uuid PRIMARY KEY, email text, digest text);
PREPARE late_upsert(text) AS INSERT INTO late VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', $1) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email;
EXECUTE late_upsert('one');
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON late FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
EXECUTE late_upsert('two');
SELECT email, caas_verify(id, 'two', digest) FROM late;

\set VERBOSITY terse
DROP SCHEMA caas_trigger_carry CASCADE;
