-- The types of sources and ids: what is protected is the text under fixed settings.
\i test/needs_key.sql
CREATE SCHEMA caas_trigger_types;
SET search_path = caas_trigger_types, public;
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
SELECT current_setting('TimeZone') AS zone \gset
CREATE EXTENSION citext SCHEMA caas_trigger_types;
CREATE TYPE pair AS (a integer, b integer);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
-- Seals a value of a type under hostile settings. Returns the opened text under other settings, and whether it casts back to the value.
CREATE FUNCTION round_trip(type text, value text) RETURNS TABLE (opened text, same boolean) LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL search_path = caas_trigger_types, public;
    EXECUTE format('CREATE TABLE sealed (id uuid, v %s, v_sealed bytea, copy %s)', type, type);
    CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON sealed FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'v=v_sealed@types.v');
    SET LOCAL DateStyle = 'SQL, DMY'; SET LOCAL IntervalStyle = 'sql_standard'; SET LOCAL TimeZone = 'Asia/Kathmandu';
    SET LOCAL extra_float_digits = -15; SET LOCAL bytea_output = 'escape';
    EXECUTE format('INSERT INTO sealed SELECT $1, x, NULL, x FROM (SELECT %L::%s) AS t (x)', value, type) USING '4dbcbcfe-4800-40a8-badf-c26b73af230c'::uuid;
    SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex';
    RETURN QUERY EXECUTE format('SELECT o, o::%s::text = copy::text AND v IS NULL FROM sealed, caas_open(id, v_sealed, ''types.v'') o', type);
    DROP TABLE sealed;
END $$;
SELECT type, r.* FROM (VALUES (1, 'boolean', 'yes'), (2, 'smallint', '-1'), (3, 'integer', '7'), (4, 'bigint', '9223372036854775807'), (5, 'numeric', '1.00'), (6, 'real', '0.1'),
    (7, 'double precision', '1e-7'), (8, 'date', '2024-03-01'), (9, 'time', '12:34:56.7'), (10, 'timetz', '12:00+05:45'), (11, 'timestamp', '2024-03-01 12:00'),
    (12, 'timestamptz', '2024-03-01 12:00+05:45'), (13, 'interval', '1 year 2 days 03:00'), (14, 'uuid', '4DBCBCFE-4800-40A8-BADF-C26B73AF230C'), (15, 'inet', '10.0.0.1'),
    (16, 'cidr', '10.0.0.0/8'), (17, 'macaddr', '08:00:2b:01:02:03'), (18, 'bit(3)', '101'), (19, 'json', '{"a":  1}'), (20, 'jsonb', '{"a":  1}'), (21, 'character(5)', 'ab'),
    (22, 'varchar(9)', 'ş'), (23, 'caas_trigger_types.mood', 'sad'), (24, 'caas_trigger_types.positive', '5'), (25, 'integer[]', '{1,NULL,3}'), (26, 'timestamptz[]', '{2024-03-01 12:00+05:45}'),
    (27, 'daterange', '[2024-03-01,2024-03-05)'), (28, 'bytea[]', '{"\\x00ff"}'), (29, 'text[]', '{"a,b",c}'), (30, 'point', '(1,2)')) AS t (n, type, value), round_trip(type, value) r ORDER BY n;
SHOW DateStyle;
SELECT current_setting('TimeZone') = :'zone' AS "TimeZone is as before";

-- Types whose text can change.
CREATE FUNCTION refused(type text, argument text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
    EXECUTE format('CREATE TABLE caas_trigger_types.refused (id uuid, v %s, t text, b bytea, i bytea)', type);
    EXECUTE format('CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON caas_trigger_types.refused FOR EACH ROW EXECUTE FUNCTION %s',
        CASE WHEN argument LIKE '%@%' THEN format('caas_seal_trigger(''id'', %L)', argument) ELSE format('caas_encrypt_trigger(''id'', %L)', argument) END);
    DROP TABLE caas_trigger_types.refused;
    RETURN 'accepted';
EXCEPTION WHEN datatype_mismatch OR trigger_protocol_violated THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || split_part(hint, '. ', 1);
END $$;
SELECT type, argument, refused(type, argument) FROM unnest(ARRAY['money', 'regclass', 'xml', 'tsvector', 'caas_trigger_types.pair', 'numeric', 'jsonb', 'interval', 'text', 'integer', 'numeric[]', 'text[]', 'citext[]', 'numrange', 'int4range', 'citext']) WITH ORDINALITY AS t (type, n),
    unnest(ARRAY['v=b@c', 'v=b:i@c', 'v=t']) WITH ORDINALITY AS a (argument, m) ORDER BY n, m;
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT argument, refused('text COLLATE caas_trigger_types.nocase', argument) FROM unnest(ARRAY['v=b@c', 'v=b:i@c', 'v=b:i@c normalize=casefold', 'v=b:i@c normalize=digits keep']) argument;
SELECT argument, refused('bytea', argument) FROM unnest(ARRAY['v=b:i@c normalize=casefold', 'v=b@c normalize=casefold', 'v=t normalize=casefold']) argument;

-- A digest of another type, and its text.
CREATE TABLE numbers (id uuid, n bigint, digest text, active int);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON numbers FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'n=digest:active');
INSERT INTO numbers VALUES (:ada, 42);
SELECT n, caas_verify(id, 42::text, digest), active = :active AS active FROM numbers;

-- A normalised index: the same for texts that differ in case and blanks, nothing where nothing remains.
CREATE TABLE people (id uuid, name text, sealed bytea, index bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'name=sealed:index@people.name normalize=casefold');
INSERT INTO people SELECT :ada, name FROM unnest(ARRAY['Ada@Example.com ', 'ada@example.COM', '  ', 'bob@example.com']) name;
SELECT caas_open(id, sealed, 'people.name') AS name, name IS NULL AS nulled, index = caas_blind_index('ADA@example.com', 'people.name', 16, 'casefold') AS found FROM people;
-- A sealed value that the statement brings gets the same index.
INSERT INTO people (id, sealed, index) SELECT id, sealed, '\x00' FROM people;
SELECT count(*) FROM people WHERE index = ANY (caas_blind_candidates('ADA@example.com', 'people.name', 16, 'casefold'));
SELECT count(*) FROM people WHERE index IS NULL;

-- Ids that are not UUIDs.
CREATE TABLE accounts (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, email text, digest text, ssn text, sealed bytea);
CREATE TRIGGER protect_email BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id@accounts', 'email=digest');
CREATE TRIGGER protect_ssn BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id@accounts', 'ssn=sealed@accounts.ssn');
INSERT INTO accounts (email, ssn) VALUES ('one', '1'), ('two', '2');
INSERT INTO accounts (id, email, ssn) VALUES (2, 'three', '3') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, ssn = EXCLUDED.ssn;
UPDATE accounts SET id = id;
SELECT id, caas_verify(caas_uuid('accounts', id), CASE id WHEN 1 THEN 'one' ELSE 'three' END, digest), caas_open(caas_uuid('accounts', id), sealed, 'accounts.ssn') FROM accounts ORDER BY id;
UPDATE accounts SET id = 3 WHERE id = 2;
\echo :SQLSTATE
UPDATE accounts SET id = 3, email = 'three', ssn = '3' WHERE id = 2;
SELECT id, caas_verify(caas_uuid('accounts', id), 'three', digest), caas_open(caas_uuid('accounts', id), sealed, 'accounts.ssn') FROM accounts WHERE id = 3;
CREATE TABLE logins (login varchar(40), small smallint, email text, digest text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON logins FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('login@"log ins"', 'email=digest');
INSERT INTO logins VALUES ('42', 42, 'one');
SELECT caas_verify(caas_uuid('log ins', login), 'one', digest), caas_uuid('log ins', login) = caas_uuid('log ins', small) AS same FROM logins;
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON logins FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('small@"log ins"', 'email=digest');
UPDATE logins SET email = 'two';
SELECT caas_verify(caas_uuid('log ins', small), 'two', digest) FROM logins;
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON logins FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('login', 'email=digest');
CREATE TABLE wrong (u uuid, t text COLLATE nocase, f character(3), e text, digest text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('u@users', 'e=digest');
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('t@users', 'e=digest');
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('f@users', 'e=digest');

\set VERBOSITY terse
DROP SCHEMA caas_trigger_types CASCADE;
