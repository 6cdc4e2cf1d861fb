-- caas_encrypt_trigger(): the values that it stores.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE EXTENSION citext;
CREATE SCHEMA caas_trigger;
SET search_path = caas_trigger, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''

-- A value is replaced in place, or goes from a source to a target.
CREATE TABLE users (n serial, id uuid, email text, phone text, phone_digest text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone=phone_digest');
INSERT INTO users (id, email, phone) VALUES (:ada, 'ada@example.com', '+90 1'), (:bob, '', ''), (:ada, NULL, NULL), (NULL, NULL, NULL);
SELECT n, email = caas_encrypt(id, 'ada@example.com') AS ada, email = caas_encrypt(id, '') AS empty, phone,
    phone_digest = caas_encrypt(id, '+90 1') AS ada_phone, phone_digest = caas_encrypt(id, '') AS empty_phone
FROM users ORDER BY n;

-- RETURNING shows the stored values. A digest that a client writes is refused.
INSERT INTO users (id, email) VALUES (:ada, 'x') RETURNING n, email = caas_encrypt(id, 'x') AS digest;
INSERT INTO users (id, email) VALUES (:ada, caas_encrypt(:ada, 'x')) ;
\echo :SQLSTATE
DELETE FROM users WHERE n > 4;

-- Text beyond ASCII, and a value of 1 MB, are digested.
INSERT INTO users (id, email, phone) VALUES (:ada, 'Şifreleme ☂', 'Şifreleme ☂')
RETURNING email = caas_encrypt(id, 'Şifreleme ☂') AS email, phone, phone_digest = caas_encrypt(id, 'Şifreleme ☂') AS phone_digest;
INSERT INTO users (id, email, phone) VALUES (:ada, repeat('mega ', 209716), repeat('mega ', 209716))
RETURNING email = caas_encrypt(id, repeat('mega ', 209716)) AS email, phone, phone_digest = email AS phone_digest;
DELETE FROM users WHERE n > 4;

-- UPDATE: an unchanged value stays, a changed one is digested, null stays null.
CREATE TABLE before AS SELECT * FROM users;
UPDATE users SET n = n, email = email, phone = phone, phone_digest = phone_digest, id = id;
SELECT count(*) FILTER (WHERE u IS DISTINCT FROM b) AS changed FROM users u JOIN before b USING (n);
UPDATE users SET email = 'new@example.com' WHERE n <= 2;
SELECT n, u.email = caas_encrypt(id, 'new@example.com') AS email, u.phone_digest = b.phone_digest AS phone_as_before FROM users u JOIN before b USING (n, id) ORDER BY n;
UPDATE users SET phone = '+90 2' WHERE n = 1;
SELECT email = caas_encrypt(id, 'new@example.com') AS email, phone, phone_digest = caas_encrypt(id, '+90 2') AS phone_digest FROM users WHERE n = 1;
UPDATE users SET email = NULL, phone = NULL WHERE n = 1;
SELECT email, phone, phone_digest = caas_encrypt(id, '+90 2') AS phone_digest FROM users WHERE n = 1;
-- A statement may write the target: a restore does so, and null removes the digest.
UPDATE users SET phone_digest = NULL WHERE n = 1;
INSERT INTO users (n, id, phone_digest) SELECT n + 100, id, phone_digest FROM before WHERE n = 1;
SELECT n, phone_digest = caas_encrypt(id, '+90 1') AS digest FROM users WHERE n IN (1, 101) ORDER BY n;

-- A value without a uuid is refused.
INSERT INTO users (id, email) VALUES (NULL, 'ada@example.com');
\echo :SQLSTATE
INSERT INTO users (id, phone) VALUES (NULL, '+90 1');
\echo :SQLSTATE
UPDATE users SET email = 'ada@example.com' WHERE id IS NULL;
\echo :SQLSTATE

-- An UPDATE of the uuid needs the plaintext.
UPDATE users SET id = :ada WHERE n = 2;
\echo :SQLSTATE
UPDATE users SET id = :ada, email = 'ada@example.com' WHERE n = 2;
\echo :SQLSTATE
UPDATE users SET id = NULL, email = NULL WHERE n = 2;
\echo :SQLSTATE
UPDATE users SET id = NULL, email = 'ada@example.com' WHERE n = 2;
\echo :SQLSTATE
UPDATE users SET id = :ada, email = 'ada@example.com', phone = '+90 3' WHERE n = 2;
SELECT id = :ada AS ada, email = caas_encrypt(:ada, 'ada@example.com') AS email, phone_digest = caas_encrypt(:ada, '+90 3') AS phone FROM users WHERE n = 2;
UPDATE users SET id = :bob, email = NULL, phone_digest = NULL WHERE n = 2;
SELECT id = :bob AS bob, email, phone_digest FROM users WHERE n = 2;
-- A row without values may get a uuid and lose it.
UPDATE users SET id = :bob WHERE n = 4;
UPDATE users SET id = NULL WHERE n = 4;
SELECT count(*) FROM users WHERE email LIKE '%@%' OR phone IS NOT NULL;

-- Types: the bytes of a bytea source are digested, and a bytea target gets the digest's bytes.
CREATE DOMAIN email AS text CHECK (VALUE <> 'forbidden');
CREATE DOMAIN short_text AS varchar(128);
CREATE DOMAIN blob AS bytea;
CREATE DOMAIN user_id AS uuid;
CREATE TABLE types (id user_id, t text, v varchar, vn varchar(128), c citext, d email, dn short_text, b bytea, db blob);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON types
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 't', 'v', 'vn', 'c', 'd', 'dn', 'b', 'db');
INSERT INTO types VALUES (:ada, 'Value', 'Value', 'Value', 'Value', 'Value', 'Value', 'Value', 'Value');
SELECT pg_typeof(t) AS t, pg_typeof(c) AS c, pg_typeof(d) AS d, pg_typeof(dn) AS dn FROM types;
SELECT x.digest = t AS t, x.digest = v AS v, x.digest = vn AS vn, x.digest = c::text AS c, x.digest = d AS d, x.digest = dn AS dn,
    decode(x.digest, 'hex') = b AS b, decode(x.digest, 'hex') = db AS db FROM types, caas_encrypt(id, 'Value') AS x(digest);
-- citext: a value that is equal but has other bytes is a new value.
UPDATE types SET c = upper(c::text);
\echo :SQLSTATE

CREATE TABLE crossed (id uuid, t text, b bytea, td text, bd bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON crossed
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 't=bd', 'b=td');
INSERT INTO crossed (id, t, b) VALUES (:ada, 'Value', '\x00ff56');
SELECT t, b, bd = decode(caas_encrypt(id, 'Value'), 'hex') AS bd, decode(td, 'hex') = caas_encrypt(id, '\x00ff56'::bytea) AS td FROM crossed;

-- The domain of a target is checked for the digest, and that of a source for null.
CREATE DOMAIN plain AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE in_domain (id uuid, c plain);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON in_domain FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'c');
INSERT INTO in_domain VALUES (:ada, 'ada@example.com');
\echo :SQLSTATE
CREATE DOMAIN filled AS text NOT NULL;
CREATE TABLE from_domain (id uuid, c filled, d text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON from_domain FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'c=d');
INSERT INTO from_domain VALUES (:ada, 'ada@example.com');
\echo :SQLSTATE
SELECT count(*) FROM in_domain, from_domain;

-- varchar(n): the longest possible digest must fit, even if this one is shorter.
CREATE TABLE too_short (id uuid, a varchar(128), b varchar(127));
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON too_short FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'a', 'b');
INSERT INTO too_short SELECT md5(i::text)::uuid, 'v' FROM generate_series(1, 20) i;
\echo :SQLSTATE
ALTER TABLE too_short ALTER b TYPE varchar(128);
INSERT INTO too_short SELECT md5(i::text)::uuid, 'v', 'v' FROM generate_series(1, 100) i;
SELECT count(*), count(DISTINCT length(a)) > 1 AS several_lengths, bool_and(a = caas_encrypt(id, 'v') AND b = a) AS digests FROM too_short;
CREATE DOMAIN short_email AS varchar(64);
ALTER TABLE too_short ADD c short_email;
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON too_short FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'a=c');
INSERT INTO too_short (id, a) VALUES (:ada, 'v');
\echo :SQLSTATE

-- Generated columns are computed from the digest, dropped columns are skipped, defaults are digested.
CREATE TABLE beside (junk int, id uuid DEFAULT :ada, email text DEFAULT 'default@example.com',
    copy text GENERATED ALWAYS AS ('copy of ' || email) STORED, phone text, phone_digest text NOT NULL, CHECK (email NOT LIKE '%@%'));
ALTER TABLE beside DROP junk;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON beside
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone=phone_digest');
INSERT INTO beside (phone) VALUES ('+90 1');
UPDATE beside SET phone = '+90 2';
SELECT email = caas_encrypt(id, 'default@example.com') AS email, copy = 'copy of ' || email AS copy, phone_digest = caas_encrypt(id, '+90 2') AS phone FROM beside;

-- An unchanged value that is toasted or compressed stays, here plaintext that is older than the trigger and a session without a key.
CREATE TABLE grown (id uuid, external text, inline text, note int);
ALTER TABLE grown ALTER external SET STORAGE EXTERNAL, ALTER inline SET STORAGE MAIN;
INSERT INTO grown VALUES (:ada, repeat('external ', 10000), repeat('inline ', 1000), 1);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON grown FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'external', 'inline');
SET caas.api_key = '';
UPDATE grown SET note = 2;
UPDATE grown SET external = external || '', inline = repeat('inline ', 1000);
RESET caas.api_key;
SELECT external = repeat('external ', 10000) AS external, inline = repeat('inline ', 1000) AS inline FROM grown;
UPDATE grown SET external = external || '.', inline = reverse(inline);
SELECT external = caas_encrypt(id, repeat('external ', 10000) || '.') AS external, inline = caas_encrypt(id, reverse(repeat('inline ', 1000))) AS inline FROM grown;

-- COPY digests every row.
CREATE TABLE copied (id uuid, email text, phone text, phone_digest text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON copied
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone=phone_digest');
COPY copied (id, email, phone) FROM stdin;
4dbcbcfe-4800-40a8-badf-c26b73af230c	ada@example.com	+90 1
65b4583e-d78b-5256-aa5a-851cf2f367b9	bob@example.com	\N
65b4583e-d78b-5256-aa5a-851cf2f367b9	\N	+90 3
\.
SELECT email = caas_encrypt(id, 'ada@example.com') AS ada, email = caas_encrypt(id, 'bob@example.com') AS bob, phone,
    phone_digest = caas_encrypt(id, '+90 1') AS one, phone_digest = caas_encrypt(id, '+90 3') AS three FROM copied;
COPY copied (id, email) FROM stdin;
4dbcbcfe-4800-40a8-badf-c26b73af230c	ada@example.com
\N	bob@example.com
\.
SELECT count(*) FROM copied;

-- Disabled triggers leave restored data unchanged, as pg_restore --disable-triggers does.
CREATE TABLE restored (LIKE copied);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON restored
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone=phone_digest');
ALTER TABLE restored DISABLE TRIGGER ALL;
INSERT INTO restored TABLE copied;
ALTER TABLE restored ENABLE TRIGGER ALL;
SELECT count(*) FROM (TABLE copied EXCEPT TABLE restored) AS lost;
TRUNCATE restored;
SET session_replication_role = replica;
INSERT INTO restored TABLE copied;
UPDATE restored SET phone = 'as it comes' WHERE id = :ada;
RESET session_replication_role;
SELECT count(*) FROM (SELECT id, email, phone_digest FROM copied EXCEPT SELECT id, email, phone_digest FROM restored) AS lost;
SELECT phone FROM restored WHERE id = :ada;

-- Prepared statements are executed often, and after changes of the table.
CREATE TABLE prepared (n int, id uuid, email text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON prepared FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
PREPARE add (int) AS INSERT INTO prepared (n, id, email) VALUES ($1, md5($1::text)::uuid, 'user' || $1);
PREPARE again (int) AS UPDATE prepared SET email = 'again' || n WHERE n % $1 = 0;
DO $$ BEGIN FOR i IN 1..30 LOOP EXECUTE format('EXECUTE add(%s)', i); END LOOP; END $$;
EXECUTE again(3);
SELECT n % 3 = 0 AS again, count(*), bool_and(email = caas_encrypt(id, CASE WHEN n % 3 = 0 THEN 'again' ELSE 'user' END || n)) AS digests
FROM prepared GROUP BY 1 ORDER BY 1;
ALTER TABLE prepared ADD extra int DEFAULT 1, DROP COLUMN n;
ALTER TABLE prepared ADD n int;
EXECUTE add(31);
EXECUTE again(31);
SELECT email = caas_encrypt(id, 'again31') AS again FROM prepared WHERE n = 31;
ALTER TABLE prepared ALTER email TYPE bytea USING decode(email, 'hex'), ALTER email SET DEFAULT 'default';
INSERT INTO prepared (n, id) VALUES (32, :ada);
SELECT email = caas_encrypt(id, 'default'::bytea) AS raw FROM prepared WHERE n = 32;
-- A column that the trigger names is not renamed or dropped.
ALTER TABLE prepared RENAME email TO mail;
\echo :SQLSTATE
ALTER TABLE prepared DROP id;
\echo :SQLSTATE
INSERT INTO prepared (n, id, email) VALUES (33, :ada, 'x');
SELECT count(*) FROM prepared WHERE n = 33;

SET client_min_messages = warning;
DROP SCHEMA caas_trigger CASCADE;
DROP EXTENSION citext;
