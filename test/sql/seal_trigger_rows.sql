-- caas_seal_trigger() with upserts, COPY, partitions and other triggers.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE SCHEMA caas_seal_rows;
SET search_path = caas_seal_rows, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''

-- ON CONFLICT DO UPDATE: EXCLUDED has sealed values. The unique index finds equal values of all users.
CREATE TABLE users (n int UNIQUE, id uuid, email text, email_sealed bytea, email_index bytea UNIQUE, other text, other_sealed bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=email_sealed:email_index@email', 'other=other_sealed@other');
CREATE VIEW shown AS SELECT n, id = '4dbcbcfe-4800-40a8-badf-c26b73af230c' AS ada, coalesce(email, other) AS left_over, caas_open(id, email_sealed, 'email') AS email,
    email_index = caas_blind_index(caas_open(id, email_sealed, 'email'), 'email') AS index, caas_open(id, other_sealed, 'other') AS other FROM users;
INSERT INTO users VALUES (1, :ada, 'one'), (2, :bob, 'two');
INSERT INTO users VALUES (1, :ada, 'three') ON CONFLICT (n) DO UPDATE SET email_sealed = EXCLUDED.email_sealed;
INSERT INTO users VALUES (1, :ada, 'three') ON CONFLICT (n) DO UPDATE SET other = 'mine';
INSERT INTO users VALUES (2, :bob, 'four', NULL, NULL, 'his') ON CONFLICT (n)
    DO UPDATE SET email_sealed = EXCLUDED.email_sealed, email_index = EXCLUDED.email_index, other_sealed = EXCLUDED.other_sealed RETURNING email, other;
SELECT * FROM shown ORDER BY n;
-- The source in EXCLUDED is null; the planner carries the sealed value and its index.
INSERT INTO users VALUES (2, :bob, 'five') ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
SELECT email FROM shown WHERE n = 2;
-- A conflict on the index: with a row of the same user, and with one of another user, whose row does not take this user's values.
INSERT INTO users VALUES (3, :ada, 'three') ON CONFLICT (email_index) DO UPDATE SET n = EXCLUDED.n, other = 'found';
INSERT INTO users VALUES (3, :ada, 'three') ON CONFLICT (email_index) DO NOTHING;
SELECT * FROM shown ORDER BY n;
\set VERBOSITY terse
INSERT INTO users VALUES (4, :bob, 'three');
\set VERBOSITY default
INSERT INTO users VALUES (4, :bob, 'three') ON CONFLICT (email_index) DO UPDATE SET email_sealed = EXCLUDED.email_sealed;
\echo :SQLSTATE
INSERT INTO users VALUES (4, :bob, 'three') ON CONFLICT (email_index) DO UPDATE SET id = EXCLUDED.id, email_sealed = EXCLUDED.email_sealed, other_sealed = NULL;
-- A sealed value of another column has another context.
INSERT INTO users VALUES (2, :bob, 'six') ON CONFLICT (n) DO UPDATE SET other_sealed = EXCLUDED.email_sealed;
\echo :SQLSTATE
SELECT * FROM shown ORDER BY n;
-- MERGE inserts and updates (PostgreSQL 15 and later; INSERT and UPDATE before).
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'MERGE INTO users u USING (VALUES (2, ''merged''), (5, ''new'')) w (n, email) ON u.n = w.n WHEN MATCHED THEN UPDATE SET email = w.email
            WHEN NOT MATCHED THEN INSERT (n, id, email) VALUES (w.n, ''4dbcbcfe-4800-40a8-badf-c26b73af230c'', w.email)';
    ELSE
        UPDATE users SET email = 'merged' WHERE n = 2;
        INSERT INTO users (n, id, email) VALUES (5, '4dbcbcfe-4800-40a8-badf-c26b73af230c', 'new');
    END IF;
END
$$;
SELECT * FROM shown ORDER BY n;

-- COPY and INSERT .. SELECT seal plaintext, and store sealed rows unchanged.
TRUNCATE users;
COPY users (n, id, email, other) FROM stdin;
1	4dbcbcfe-4800-40a8-badf-c26b73af230c	one	mine
2	65b4583e-d78b-5256-aa5a-851cf2f367b9	two	\N
3	65b4583e-d78b-5256-aa5a-851cf2f367b9	\N	\N
\.
SELECT * FROM shown ORDER BY n;
CREATE TABLE restored (LIKE users INCLUDING INDEXES);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON restored
    FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=email_sealed:email_index@email', 'other=other_sealed@other');
INSERT INTO restored TABLE users;
SELECT count(*) AS equal FROM restored r JOIN users u USING (n) WHERE r = u;
COPY users (n, id, email) FROM stdin;
4	4dbcbcfe-4800-40a8-badf-c26b73af230c	four
5	\N	five
\.
COPY users (n, id, email_sealed) FROM stdin;
4	4dbcbcfe-4800-40a8-badf-c26b73af230c	plaintext in the wrong column
\.
SELECT count(*) FROM users;

-- Partitions: the default context names the topmost table, so a row can move.
CREATE TABLE parted (n int, region text, id uuid, ssn text, ssn_sealed bytea, ssn_index bytea) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (junk int, ssn_index bytea, ssn_sealed bytea, ssn text, junk2 text, id uuid, n int, region text);
ALTER TABLE parted_b DROP junk, DROP junk2;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
CREATE TABLE parted_c PARTITION OF parted FOR VALUES IN ('c') PARTITION BY HASH (n);
CREATE TABLE parted_c0 PARTITION OF parted_c FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed:ssn_index@caas_seal_rows.parted.ssn');
CREATE VIEW parted_shown AS SELECT n, tableoid::regclass AS partition, ssn AS left_over, caas_open(id, ssn_sealed, 'caas_seal_rows.parted.ssn') AS ssn,
    ssn_index = caas_blind_index(caas_open(id, ssn_sealed, 'caas_seal_rows.parted.ssn'), 'caas_seal_rows.parted.ssn') AS index FROM parted;
INSERT INTO parted SELECT n, chr(96 + n), :ada, 'ssn ' || n FROM generate_series(1, 3) n;
INSERT INTO parted_a VALUES (4, 'a', :ada, 'ssn 4');
INSERT INTO parted_c0 VALUES (5, 'c', :ada, 'ssn 5');
SELECT * FROM parted_shown ORDER BY n;
CREATE TABLE parted_before AS TABLE parted;
UPDATE parted SET region = CASE region WHEN 'a' THEN 'b' WHEN 'b' THEN 'c' ELSE 'a' END;
SELECT * FROM parted_shown ORDER BY n;
SELECT count(*) AS unchanged FROM parted p JOIN parted_before b USING (n) WHERE p.ssn_sealed = b.ssn_sealed AND p.ssn_index = b.ssn_index;
UPDATE parted SET region = 'c', ssn = 'new' WHERE n = 1;
UPDATE parted SET region = 'b', ssn_sealed = NULL WHERE n = 2;
UPDATE parted SET region = 'c', id = :bob WHERE n = 4;
\echo :SQLSTATE
UPDATE parted SET region = 'c', id = :bob, ssn = 'ssn of bob' WHERE n = 4;
SELECT * FROM parted_shown ORDER BY n;
-- A row that moves is inserted, which needs the API key; a row that stays does not need it.
SET caas.api_key = '';
UPDATE parted SET n = n + 10;
UPDATE parted SET region = 'a' WHERE n = 11;
\echo :SQLSTATE
RESET caas.api_key;
-- A detached partition is a table of its own and has lost its trigger.
ALTER TABLE parted DETACH PARTITION parted_a;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parted_a FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=ssn_sealed:ssn_index@caas_seal_rows.parted_a.ssn');
UPDATE parted_a SET n = n + 10;
UPDATE parted_a SET ssn = 'apart' WHERE n = 25;
SELECT n, caas_try_open(id, ssn_sealed, 'caas_seal_rows.parted.ssn') AS before, caas_try_open(id, ssn_sealed, 'caas_seal_rows.parted_a.ssn') AS apart FROM parted_a ORDER BY n;
-- A rename of the table does not change the context.
CREATE TABLE renamed (n int, id uuid, s text, s_sealed bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON renamed FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 's=s_sealed@caas_seal_rows.renamed.s');
INSERT INTO renamed VALUES (1, :ada, 'value');
ALTER TABLE renamed RENAME TO new_name;
UPDATE new_name SET n = 2;
INSERT INTO new_name TABLE new_name;
SELECT n, s, caas_open(id, s_sealed, 'caas_seal_rows.renamed.s') AS opened FROM new_name;

-- An error undoes its own statement only.
BEGIN;
INSERT INTO new_name VALUES (3, :ada, 'kept');
SAVEPOINT s;
INSERT INTO new_name VALUES (4, :ada, 'lost', NULL), (5, :ada, NULL, 'not sealed');
\echo :SQLSTATE
ROLLBACK TO s;
INSERT INTO new_name VALUES (6, :ada, 'kept');
COMMIT;
SELECT n, caas_open(id, s_sealed, 'caas_seal_rows.renamed.s') AS opened FROM new_name WHERE n > 2 ORDER BY n;

-- A trigger that fires earlier sets the source; another one runs statements of its own.
CREATE FUNCTION bring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.s := 'brought ' || NEW.n; RETURN NEW; END $$;
CREATE FUNCTION nest() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.n < 100 THEN INSERT INTO caas_seal_rows.new_name VALUES (NEW.n + 100, NEW.id, 'nested'); END IF; RETURN NEW; END $$;
CREATE TRIGGER a_bring BEFORE INSERT ON new_name FOR EACH ROW EXECUTE FUNCTION bring();
CREATE TRIGGER b_nest BEFORE INSERT ON new_name FOR EACH ROW EXECUTE FUNCTION nest();
CREATE TRIGGER z_nest BEFORE UPDATE ON new_name FOR EACH ROW EXECUTE FUNCTION nest();
INSERT INTO new_name VALUES (7, :ada), (8, :bob);
UPDATE new_name SET s = 'updated' WHERE n = 8;
SELECT n, s, caas_open(id, s_sealed, 'caas_seal_rows.renamed.s') AS opened FROM new_name WHERE n IN (7, 8, 107, 108) ORDER BY n;

-- One trigger protects 50 columns, each in its own context.
CREATE TABLE wide (id uuid);
DO $$
BEGIN
    EXECUTE (SELECT format('ALTER TABLE wide %s', string_agg(format('ADD s%1$s text, ADD t%1$s bytea, ADD i%1$s bytea', n), ', ')) FROM generate_series(1, 50) n);
    EXECUTE (SELECT format('CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON wide FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger(''id'', %s)',
        string_agg(format('''s%1$s=t%1$s:i%1$s@caas_seal_rows.wide.s%1$s''', n), ', ')) FROM generate_series(1, 50) n);
END$$;
INSERT INTO wide (id, s1, s25, s50) VALUES (:ada, 'one', 'two', 'three');
UPDATE wide SET s49 = 'four';
SELECT caas_open(id, t1, 'caas_seal_rows.wide.s1') AS one, caas_open(id, t25, 'caas_seal_rows.wide.s25') AS two, caas_open(id, t50, 'caas_seal_rows.wide.s50') AS three,
    caas_open(id, t49, 'caas_seal_rows.wide.s49') AS four, i49 = caas_blind_index('four', 'caas_seal_rows.wide.s49') AS index, num_nonnulls(VARIADIC ARRAY[s1, s25, s49, s50]) AS left_over, t2 FROM wide;

SET client_min_messages = warning;
DROP SCHEMA caas_seal_rows CASCADE;
