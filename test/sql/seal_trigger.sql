-- caas_seal_trigger(): the values that it stores, and the sealed values that it accepts.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE SCHEMA caas_seal;
CREATE EXTENSION citext SCHEMA caas_seal;
SET search_path = caas_seal, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''

CREATE TABLE users (n serial, id uuid, ssn text, ssn_sealed bytea, email text, email_sealed bytea, email_index bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed@users.ssn', 'email=email_sealed:email_index@caas_seal.users.email');
-- Shows plaintext left in the table, the opened values, and whether the index is that of the active generation.
CREATE VIEW shown AS SELECT n, coalesce(ssn, email) AS left_over, caas_open(id, ssn_sealed, 'users.ssn') AS ssn,
    caas_open(id, email_sealed, 'caas_seal.users.email') AS email, email_index IS NULL AS no_index,
    email_index = caas_blind_index(caas_open(id, email_sealed, 'caas_seal.users.email'), 'caas_seal.users.email') AS index
FROM users;

-- Values are sealed in the context that the argument gives, or in the default one: schema.table.column of the source.
INSERT INTO users (id, ssn, email) VALUES (:ada, '078-05-1120', 'ada@example.com'), (:bob, '', ''), (:bob, NULL, 'bob@example.com'),
    (:ada, NULL, NULL), (NULL, NULL, NULL);
SELECT * FROM shown ORDER BY n;
SELECT n, length(ssn_sealed) - 51 AS ssn, length(email_sealed) - 51 AS email, length(email_index) AS index FROM users ORDER BY n;
-- RETURNING shows the stored values. Equal values have different sealed values.
INSERT INTO users (id, ssn) VALUES (:ada, '078-05-1120')
RETURNING n, ssn, caas_open(id, ssn_sealed, 'users.ssn') AS opened, ssn_sealed = (SELECT ssn_sealed FROM users WHERE n = 1) AS same;
-- Text beyond ASCII, and a value of 1 MB, are sealed.
INSERT INTO users (id, email) VALUES (:ada, 'Şifreleme ☂'), (:ada, repeat('mega ', 209716));
SELECT n, left(email, 12) AS email, length(email), index FROM shown WHERE n > 6 ORDER BY n;
DELETE FROM users WHERE n > 5;

-- A value that an UPDATE does not change stays the same byte for byte, and needs no API key.
CREATE TABLE before AS SELECT * FROM users;
SET caas.api_key = '';
UPDATE users SET n = n, id = id, ssn = ssn, ssn_sealed = ssn_sealed, email_sealed = email_sealed, email_index = email_index;
UPDATE users SET ssn_sealed = ssn_sealed || '';
SELECT count(*) FILTER (WHERE u IS DISTINCT FROM b) AS changed FROM users u JOIN before b USING (n);
-- A row without values needs no API key. Everything else needs it.
INSERT INTO users (n, id) VALUES (100, :ada);
UPDATE users SET id = :bob WHERE n = 100;
UPDATE users SET ssn_sealed = NULL, email_sealed = NULL, email_index = NULL WHERE n = 4;
UPDATE users SET ssn = 'x' WHERE n = 4;
\echo :SQLSTATE
INSERT INTO users (id, email_sealed) SELECT id, email_sealed FROM before WHERE n = 1;
\echo :SQLSTATE
UPDATE users SET email_index = NULL WHERE n = 1;
\echo :SQLSTATE
RESET caas.api_key;
DELETE FROM users WHERE n > 5;

-- A changed source is sealed again; the other column stays the same.
UPDATE users SET ssn = '078-05-1121' WHERE n = 1;
SELECT s.*, u.email_sealed = b.email_sealed AS email_as_before FROM shown s JOIN users u USING (n) JOIN before b USING (n) WHERE n = 1;
UPDATE users SET email = 'new@example.com' WHERE n = 1;
SELECT s.*, u.email_index = b.email_index AS index_as_before FROM shown s JOIN users u USING (n) JOIN before b USING (n) WHERE n = 1;
-- A source set to null changes nothing. A sealed value set to null sets its index to null.
UPDATE users SET ssn = NULL, email = NULL WHERE n = 1;
SELECT * FROM shown WHERE n = 1;
UPDATE users SET email_sealed = NULL WHERE n = 1;
SELECT * FROM shown WHERE n = 1;
-- An index without a sealed value is set to null.
UPDATE users SET email_index = '\x00112233445566778899aabbccddeeff' WHERE n = 1;
INSERT INTO users (n, id, email_index) VALUES (100, :ada, '\x00112233445566778899aabbccddeeff'), (101, NULL, '\x');
SELECT n, email_index FROM users WHERE n IN (1, 100, 101) ORDER BY n;
DELETE FROM users WHERE n > 5;
-- Plaintext replaces any sealed value and index that the same statement brings.
INSERT INTO users (n, id, email, email_sealed, email_index) VALUES (100, :ada, 'plain@example.com', 'not sealed', 'no index');
UPDATE users SET ssn = '078-05-1122', ssn_sealed = (SELECT ssn_sealed FROM before WHERE n = 2) WHERE n = 1;
SELECT * FROM shown WHERE n IN (1, 100) ORDER BY n;
DELETE FROM users WHERE n > 5;

-- A value that was sealed for this row is stored unchanged, and gets its index.
CREATE TABLE sealed (id uuid, value bytea, index bytea);
INSERT INTO sealed VALUES (:ada, caas_seal(:ada, 'sealed@example.com', 'caas_seal.users.email'), caas_blind_index('sealed@example.com', 'caas_seal.users.email'));
INSERT INTO users (n, id, email_sealed) SELECT 100, id, value FROM sealed;
INSERT INTO users (n, id, email_sealed, email_index) SELECT 101, id, value, index FROM sealed;
UPDATE users SET email_sealed = (SELECT value FROM sealed) WHERE n = 1;
SELECT n, s.email, s.index, u.email_sealed = value AS as_it_is FROM users u JOIN shown s USING (n), sealed WHERE n IN (1, 100, 101) ORDER BY n;
-- A wrong index is replaced by the right one: no bytes, other bytes, another length, another value's, null.
UPDATE users SET email_index = wrong.index FROM (VALUES (1, '\x'::bytea), (100, '\x00112233445566778899aabbccddeeff'),
    (101, caas_blind_index('sealed@example.com', 'caas_seal.users.email', 8))) AS wrong (n, index) WHERE users.n = wrong.n;
SELECT n, index FROM shown WHERE n IN (1, 100, 101) ORDER BY n;
UPDATE users SET email_index = NULL WHERE n IN (1, 100);
INSERT INTO users (n, id, email_sealed, email_index) SELECT 102, id, value, caas_blind_index('sealed@example.org', 'caas_seal.users.email') FROM sealed;
SELECT n, index FROM shown WHERE n IN (1, 100, 101, 102) ORDER BY n;

-- A foreign value is refused: it is not sealed, belongs to another user or context, or was changed.
INSERT INTO users (id, email_sealed) VALUES (:ada, 'ada@example.com');
\echo :SQLSTATE
INSERT INTO users (id, email_sealed) VALUES (:ada, '');
\echo :SQLSTATE
INSERT INTO users (id, email_sealed) SELECT :bob, value FROM sealed;
\echo :SQLSTATE
INSERT INTO users (id, ssn_sealed) SELECT id, value FROM sealed;
\echo :SQLSTATE
UPDATE users SET email_sealed = caas_seal(id, 'x') WHERE n = 1;
\echo :SQLSTATE
UPDATE users SET email_sealed = set_byte(email_sealed, 60, get_byte(email_sealed, 60) # 1) WHERE n = 1;
\echo :SQLSTATE
UPDATE users SET email_sealed = substr(email_sealed, 1, 60) WHERE n = 1;
\echo :SQLSTATE
UPDATE users SET email_sealed = set_byte(email_sealed, 0, 2) WHERE n = 1;
\echo :SQLSTATE
UPDATE users SET email_sealed = set_byte(email_sealed, 1, 255) WHERE n = 1;
\echo :SQLSTATE
UPDATE users u SET email_sealed = b.email_sealed FROM before b WHERE u.n = 1 AND b.n = 3;
\echo :SQLSTATE
-- A change of any bit is refused, and any shorter length.
RESET client_min_messages;
DO $$
DECLARE
    value bytea := (SELECT email_sealed FROM users WHERE n = 1);
    changed bytea;
    let_in int := 0;
BEGIN
    FOR i IN 0 .. 9 * length(value) - 1 LOOP
        changed := CASE WHEN i < 8 * length(value) THEN set_bit(value, i, 1 - get_bit(value, i)) ELSE substr(value, 1, i - 8 * length(value)) END;
        BEGIN
            UPDATE users SET email_sealed = changed WHERE n = 1;
            let_in := let_in + 1;
        EXCEPTION WHEN invalid_binary_representation OR invalid_parameter_value OR external_routine_invocation_exception THEN
        END;
    END LOOP;
    RAISE NOTICE 'let in: % of %', let_in, 9 * length(value);
END$$;
SET client_min_messages = error;
SELECT u.email_sealed = value AS as_it_was FROM users u, sealed WHERE n = 1;

-- An UPDATE of the uuid needs the plaintext, or a value sealed for the new uuid.
UPDATE users SET id = :bob WHERE n = 1;
\echo :SQLSTATE
UPDATE users SET id = NULL WHERE n = 1;
\echo :SQLSTATE
UPDATE users SET id = :bob, email = 'bob@example.com' WHERE n = 1;
\echo :SQLSTATE
UPDATE users SET id = :bob, email = 'bob@example.com', ssn_sealed = caas_seal(:bob, '078-05-1123', 'users.ssn') WHERE n = 1;
SELECT id = :bob AS bob, shown.* FROM users JOIN shown USING (n) WHERE n = 1;
UPDATE users SET id = :ada, ssn_sealed = NULL, email_sealed = NULL WHERE n = 1;
SELECT id = :ada AS ada, shown.* FROM users JOIN shown USING (n) WHERE n = 1;
-- A value without a uuid is refused, sealed or not.
INSERT INTO users (email) VALUES ('ada@example.com');
\echo :SQLSTATE
INSERT INTO users (email_sealed) SELECT value FROM sealed;
\echo :SQLSTATE
UPDATE users SET ssn = '078-05-1120' WHERE n = 5;
\echo :SQLSTATE
SELECT count(*) FILTER (WHERE ssn IS NOT NULL OR email IS NOT NULL) AS plaintext, count(*) FROM users;

-- A source may be text, varchar, citext, bytea or a domain over them; a sealed value or index bytea or a domain over it.
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN blob AS bytea CHECK (length(VALUE) < 100);
CREATE DOMAIN index AS bytea CHECK (length(VALUE) = 16);
CREATE DOMAIN user_id AS uuid;
CREATE TABLE types (junk int, id user_id, v varchar(9), v_sealed bytea NOT NULL, c citext, c_sealed blob, d email, d_sealed blob, d_index index, b bytea, b_sealed bytea, b_index bytea);
ALTER TABLE types DROP junk;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON types
    FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'v=v_sealed@v', 'c=c_sealed@', 'd=d_sealed:d_index@a=b:c@d', 'b=b_sealed:b_index@Şifre');
INSERT INTO types (id, v, c, d, b) VALUES (:ada, 'Value', 'Value', 'v@example.com', '\x00ff56');
SELECT v, c, d, b, caas_open(id, v_sealed, 'v') AS v, caas_open(id, c_sealed) AS c, caas_open(id, d_sealed, 'a=b:c@d') AS d,
    d_index = caas_blind_index('v@example.com', 'a=b:c@d') AS d_index, caas_open_bytea(id, b_sealed, 'Şifre') AS b,
    b_index = caas_blind_index('\x00ff56'::bytea, 'Şifre') AS b_index FROM types;
-- The domain of a target is checked for the sealed value, and that of a source for null.
UPDATE types SET c = repeat('x', 50);
\echo :SQLSTATE
\set VERBOSITY terse
UPDATE types SET v_sealed = NULL;
\set VERBOSITY default
CREATE DOMAIN filled AS text NOT NULL;
CREATE TABLE from_domain (id uuid, s filled, t bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON from_domain FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=t@caas_seal.from_domain.s');
INSERT INTO from_domain VALUES (:ada, 'x');
\echo :SQLSTATE
SELECT count(*) FROM from_domain;

-- A large sealed value is not opened when it is unchanged or equal; any other one is.
CREATE TABLE grown (id uuid, s text, s_sealed bytea, note int);
ALTER TABLE grown ALTER s_sealed SET STORAGE EXTERNAL;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON grown FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=s_sealed@caas_seal.grown.s');
INSERT INTO grown VALUES (:ada, repeat('large ', 100000));
SET caas.api_key = '';
UPDATE grown SET note = 1;
UPDATE grown SET s_sealed = s_sealed || '';
RESET caas.api_key;
INSERT INTO grown SELECT * FROM grown;
UPDATE grown SET s_sealed = s_sealed || '\x00';
\echo :SQLSTATE
SELECT caas_open(id, s_sealed, 'caas_seal.grown.s') = repeat('large ', 100000) AS large, note FROM grown;

-- Any UPDATE seals a row that was stored before the trigger was created.
CREATE TABLE older (id uuid, s text, s_sealed bytea);
INSERT INTO older SELECT md5(i::text)::uuid, 'value ' || i FROM generate_series(1, 3) i;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON older FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=s_sealed@caas_seal.older.s');
UPDATE older SET id = id;
SELECT s, caas_open(id, s_sealed, 'caas_seal.older.s') AS opened FROM older ORDER BY opened;

-- A trigger that fires earlier can set the uuid. A generated column is computed from the stored values.
CREATE TABLE filled_in (id uuid, s text DEFAULT 'default', s_sealed bytea, size int GENERATED ALWAYS AS (length(s_sealed)) STORED, plain text GENERATED ALWAYS AS (s) STORED);
CREATE FUNCTION fill_in() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := '4dbcbcfe-4800-40a8-badf-c26b73af230c'; RETURN NEW; END $$;
CREATE TRIGGER fill_in BEFORE INSERT ON filled_in FOR EACH ROW EXECUTE FUNCTION fill_in();
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON filled_in FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=s_sealed@caas_seal.filled_in.s');
INSERT INTO filled_in DEFAULT VALUES;
SELECT s, caas_open(id, s_sealed, 'caas_seal.filled_in.s') AS opened, size, plain FROM filled_in;
-- ON UPDATE CASCADE that changes the uuid is refused, too.
CREATE TABLE parents (id uuid PRIMARY KEY);
INSERT INTO parents VALUES (:ada);
ALTER TABLE filled_in ADD FOREIGN KEY (id) REFERENCES parents ON UPDATE CASCADE;
UPDATE parents SET id = :bob;
\echo :SQLSTATE

-- A role that writes into the table needs no EXECUTE, and does not get it.
CREATE ROLE caas_seal_writer;
GRANT USAGE ON SCHEMA caas_seal TO caas_seal_writer;
GRANT INSERT, UPDATE, SELECT ON older TO caas_seal_writer;
SET ROLE caas_seal_writer;
INSERT INTO older VALUES (:ada, 'written');
UPDATE older SET s = 'written again' WHERE id = :ada;
SELECT caas_open(id, s_sealed, 'caas_seal.older.s') FROM older;
\echo :SQLSTATE
CREATE TEMP TABLE own (id uuid, s text, s_sealed bytea);
CREATE TRIGGER protect BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=s_sealed@caas_seal.own.s');
\echo :SQLSTATE
RESET ROLE;
SELECT caas_open(id, s_sealed, 'caas_seal.older.s') FROM older WHERE id = :ada;

SET client_min_messages = warning;
DROP SCHEMA caas_seal CASCADE;
DROP OWNED BY caas_seal_writer;
DROP ROLE caas_seal_writer;
