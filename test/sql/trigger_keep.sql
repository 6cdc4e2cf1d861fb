-- The option keep: the source stays, and target and companion follow it.
\i test/needs_key.sql
CREATE SCHEMA caas_trigger_keep;
SET search_path = caas_trigger_keep, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''
CREATE TABLE users (id uuid PRIMARY KEY, email text, digest text, generation int, ssn text, sealed bytea, index bytea, note int);
INSERT INTO users (id, email, ssn) VALUES (:bob, 'before', 'before');
CREATE TRIGGER protect_email BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest:generation keep');
CREATE TRIGGER protect_ssn BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed:index@users.ssn keep');
-- Shows what each row's target and index say about its source.
CREATE FUNCTION shown() RETURNS TABLE (email text, digest boolean, active boolean, ssn text, sealed text, index boolean) LANGUAGE sql AS $$
SELECT email, caas_verify(id, email, digest), generation = (SELECT active_generation FROM caas_status()), ssn, caas_open(id, sealed, 'users.ssn'), index = caas_blind_index(caas_open(id, sealed, 'users.ssn'), 'users.ssn')
FROM caas_trigger_keep.users ORDER BY email $$;
INSERT INTO users (id, email, ssn) VALUES (:ada, 'one', '1');
SELECT * FROM shown();

-- A row from before the trigger: a client without a key may change other columns, and no more.
SET caas.api_key = '';
UPDATE users SET note = 1 WHERE id = :bob;
UPDATE users SET email = 'after' WHERE id = :bob;
\echo :SQLSTATE
UPDATE users SET id = gen_random_uuid() WHERE id = :bob;
\echo :SQLSTATE
UPDATE users SET note = 1 WHERE id = :ada;
UPDATE users SET digest = NULL, sealed = NULL, index = NULL WHERE id = :ada;
RESET caas.api_key;
SELECT * FROM shown();
-- A client with a key protects it.
UPDATE users SET note = 2 WHERE id = :bob;
SELECT * FROM shown();

-- Nobody takes the target away while the source has a value, and a target of another value is not taken.
CREATE TABLE before AS SELECT * FROM users;
UPDATE users SET digest = NULL, generation = NULL, sealed = NULL, index = NULL;
SELECT count(*) FROM users JOIN before USING (id, digest, generation, sealed, index);
UPDATE users SET digest = caas_encrypt(id, 'other'), sealed = caas_seal(id, 'other', 'users.ssn');
UPDATE users SET digest = 'no digest', sealed = '\x00', index = '\x00';
SELECT * FROM shown();
-- A target of the same value is taken, such as a resealed one.
UPDATE users SET sealed = caas_seal(id, ssn, 'users.ssn'), digest = caas_encrypt(id, email, :active);
SELECT count(*) FROM users JOIN before USING (id, digest) WHERE users.sealed <> before.sealed;
SELECT * FROM shown();

-- The source decides: a new value, no value, another user.
UPDATE users SET email = 'two', ssn = '2' WHERE id = :ada;
UPDATE users SET email = NULL, ssn = NULL WHERE id = :bob;
SELECT * FROM shown();
SELECT digest, generation, sealed, index FROM users WHERE id = :bob;
UPDATE users SET id = '00000000-0000-0000-0000-000000000001' WHERE id = :ada;
SELECT * FROM shown();
INSERT INTO users (id, email, ssn) VALUES ('00000000-0000-0000-0000-000000000001', 'three', '3') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, ssn = EXCLUDED.ssn;
SELECT * FROM shown();

-- Without the option, a row from before the trigger: its source stays until a client with a key writes it.
CREATE TABLE people (id uuid PRIMARY KEY, email text, digest text, note int);
INSERT INTO people VALUES (:ada, 'one'), (:bob, 'two');
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
SET caas.api_key = '';
UPDATE people SET note = 1;
INSERT INTO people VALUES (gen_random_uuid(), 'three');
\echo :SQLSTATE
RESET caas.api_key;
SELECT email, digest IS NULL FROM people ORDER BY 1;
UPDATE people SET note = 2 WHERE id = :ada;
SELECT email, caas_verify(id, 'one', digest) FROM people ORDER BY 1;

-- In place the same holds for an old value that no digest can be: also when the statement writes it back.
CREATE TABLE inplace (id uuid, email text, part int) PARTITION BY LIST (part);
CREATE TABLE inplace_1 PARTITION OF inplace FOR VALUES IN (1);
CREATE TABLE inplace_2 PARTITION OF inplace FOR VALUES IN (2);
INSERT INTO inplace VALUES (:ada, 'one', 1), (:bob, 'two', 1), (gen_random_uuid(), repeat('three', 100000), 1);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON inplace FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
SET caas.api_key = '';
UPDATE inplace SET part = part;
UPDATE inplace SET id = gen_random_uuid();
\echo :SQLSTATE
UPDATE inplace SET part = 2;
\echo :SQLSTATE
RESET caas.api_key;
SELECT left(email, 5) FROM inplace ORDER BY 1;
UPDATE inplace SET email = email WHERE id = :ada;
UPDATE inplace SET part = 2;
UPDATE inplace SET part = 1, email = email;
SELECT count(*) FROM inplace, unnest(ARRAY['one', 'two', repeat('three', 100000)]) value WHERE caas_verify(id, value, email);
ALTER TABLE inplace DISABLE TRIGGER protect;
UPDATE inplace SET email = 'five' WHERE id = :ada;
ALTER TABLE inplace ENABLE TRIGGER protect;
UPDATE inplace SET id = '00000000-0000-0000-0000-000000000001' WHERE id = :ada;
SELECT caas_verify(id, 'five', email) FROM inplace WHERE id = '00000000-0000-0000-0000-000000000001';

\set VERBOSITY terse
DROP SCHEMA caas_trigger_keep CASCADE;
