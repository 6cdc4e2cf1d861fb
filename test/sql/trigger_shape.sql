-- caas_encrypt_trigger() in place: values that have the shape of a digest.
\i test/needs_key.sql
CREATE SCHEMA caas_trigger_shape;
SET search_path = caas_trigger_shape, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''
CREATE TABLE users (id uuid PRIMARY KEY, email text CHECK (caas_is_digest(email)), note text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
INSERT INTO users VALUES (:ada, 'one'), (:bob, 'two');

-- A digest that was read before another session changed the row is refused, and so is one that is copied to another row.
CREATE TABLE loaded AS SELECT * FROM users;
UPDATE users SET email = 'three', note = 'changed' WHERE id = :ada;
UPDATE users SET email = l.email, note = 'stale' FROM loaded l WHERE users.id = l.id AND l.id = :ada;
\echo :SQLSTATE
UPDATE users SET email = l.email, note = 'not stale' FROM loaded l WHERE users.id = l.id AND l.id = :bob;
INSERT INTO users SELECT gen_random_uuid(), email FROM users;
\echo :SQLSTATE
CREATE TABLE copied (LIKE users INCLUDING ALL);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON copied FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
INSERT INTO copied SELECT * FROM users;
\echo :SQLSTATE
-- Other lengths and other digits are plaintext.
INSERT INTO users SELECT md5(n::text)::uuid, repeat('a', n) FROM unnest(ARRAY[31, 63, 65, 127, 129, 130]) n;
INSERT INTO users SELECT md5(n::text)::uuid, repeat('g', n) FROM unnest(ARRAY[32, 64, 96, 128]) n;
SELECT count(*) FROM users, unnest(ARRAY[31, 32, 63, 64, 65, 96, 127, 128, 129, 130]) n
WHERE id = md5(n::text)::uuid AND caas_verify(id, repeat(CASE WHEN n % 32 = 0 THEN 'g' ELSE 'a' END, n), email);
SELECT id, caas_verify(id, CASE id WHEN :ada THEN 'three' ELSE 'two' END, email), note FROM users WHERE id IN (:ada, :bob) ORDER BY note;

-- digests=keep stores such a value: a stale save is the last write that wins, and copies keep their digests.
CREATE TABLE kept (LIKE users INCLUDING ALL);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email digests=keep');
INSERT INTO kept SELECT * FROM users WHERE id IN (:ada, :bob);
UPDATE kept SET email = 'four' WHERE id = :ada;
UPDATE kept SET email = l.email, note = 'stale' FROM loaded l WHERE kept.id = l.id AND l.id = :ada;
SELECT caas_verify(id, CASE id WHEN :ada THEN 'one' ELSE 'two' END, email) FROM kept ORDER BY note;
INSERT INTO kept VALUES (gen_random_uuid(), repeat('ab', 32), 'plaintext of that shape');
SELECT email FROM kept WHERE note = 'plaintext of that shape';
INSERT INTO kept SELECT * FROM users WHERE id = :ada ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email;
SELECT caas_verify(id, 'three', email) FROM kept WHERE id = :ada;
-- Without a key it stores digests, but no plaintext.
SET caas.api_key = '';
UPDATE kept SET email = l.email FROM loaded l WHERE kept.id = l.id;
UPDATE kept SET email = 'plaintext' WHERE id = :ada;
\echo :SQLSTATE
RESET caas.api_key;

-- digests=plaintext digests it.
CREATE TABLE hashes (LIKE users INCLUDING ALL);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON hashes FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email digests=plaintext');
INSERT INTO hashes VALUES (:ada, repeat('ab', 32));
UPDATE hashes SET note = 'same';
INSERT INTO hashes VALUES (:ada, repeat('cd', 32)) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email;
SELECT caas_verify(id, repeat('cd', 32), email) FROM hashes;

-- bytea: by the length.
CREATE TABLE raw (id uuid PRIMARY KEY, photo bytea CHECK (caas_is_digest(photo)));
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON raw FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'photo');
INSERT INTO raw VALUES (:ada, decode(repeat('00', 33), 'hex'));
INSERT INTO raw VALUES (:bob, decode(repeat('00', 32), 'hex'));
\echo :SQLSTATE
SELECT caas_verify(id, decode(repeat('00', 33), 'hex'), photo) FROM raw;

-- A target takes digests alone.
CREATE TABLE beside (id uuid PRIMARY KEY, email text CHECK (email IS NULL), email_digest text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON beside FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=email_digest');
INSERT INTO beside (id, email_digest) VALUES (:ada, 'ada@example.com');
\echo :SQLSTATE
INSERT INTO beside (id, email_digest) SELECT id, email FROM users WHERE id = :ada;
UPDATE beside SET email_digest = 'ada@example.com';
\echo :SQLSTATE
-- A stale save, and how a value is erased.
UPDATE beside SET email = NULL;
SELECT email, caas_verify(id, 'three', email_digest) FROM beside;
UPDATE beside SET email_digest = NULL;
SELECT * FROM beside;

-- Tests of shape, and the domains over them.
SELECT caas_is_digest(repeat('a', 64)), caas_is_digest(repeat('a', 63)), caas_is_digest('ada@example.com'), caas_is_digest(''), caas_is_digest(NULL::text),
    caas_is_digest('\x00'::bytea), caas_is_digest(decode(repeat('00', 64), 'hex'));
SELECT caas_is_sealed(caas_seal(:ada, 'x')), caas_is_sealed('\x01'::bytea), caas_is_sealed(decode(repeat('00', 51), 'hex'));
SELECT 'ada@example.com'::caas_digest;
\echo :SQLSTATE
SELECT length(caas_encrypt(:ada, 'x')::caas_digest) > 0;
SELECT '\x00'::caas_sealed;
\echo :SQLSTATE

-- ENABLE ALWAYS and REPLICA would digest what was digested elsewhere.
ALTER TABLE users ENABLE ALWAYS TRIGGER protect;
UPDATE users SET note = '';
\echo :SQLSTATE
ALTER TABLE kept ENABLE ALWAYS TRIGGER protect;
UPDATE kept SET note = 'always' WHERE id = :ada;

\set VERBOSITY terse
DROP SCHEMA caas_trigger_shape CASCADE;
