-- caas_encrypt_trigger() with INSERT .. ON CONFLICT, MERGE and WITH, where its own digests come back to it.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE SCHEMA caas_trigger_upsert;
SET search_path = caas_trigger_upsert, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''
CREATE TABLE users (id uuid PRIMARY KEY, login text UNIQUE, email text, backup text, note int DEFAULT 0);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'backup');
-- Shows the plaintext of a digest: 'one' for the digest of 'one' under the row's id.
CREATE FUNCTION opened(id uuid, digest text) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce((SELECT p FROM unnest(ARRAY['one', 'two', 'three', 'four', '']) p WHERE caas_encrypt(id, p) = digest), 'unknown: ' || length(digest)) WHERE digest IS NOT NULL $$;
CREATE FUNCTION shown() RETURNS TABLE (login text, email text, backup text, note int) LANGUAGE sql AS
$$ SELECT login, caas_trigger_upsert.opened(id, email), caas_trigger_upsert.opened(id, backup), note FROM caas_trigger_upsert.users ORDER BY login $$;

-- A conflict on the id: the digest in EXCLUDED is kept.
INSERT INTO users VALUES (:ada, 'ada', 'one', 'one'), (:bob, 'bob', 'two', NULL);
INSERT INTO users VALUES (:ada, 'ada', 'two', 'three') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, backup = EXCLUDED.backup;
SELECT * FROM shown();
-- The same value again, new plaintext, no value, the digest of another column, null.
INSERT INTO users VALUES (:ada, 'ada', 'two', 'four') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, note = users.note + 1;
INSERT INTO users VALUES (:bob, 'bob', 'two', 'four') ON CONFLICT (id) DO UPDATE SET email = 'three';
SELECT * FROM shown();
INSERT INTO users VALUES (:ada, 'ada', 'four', 'one') ON CONFLICT (id) DO UPDATE SET note = 7;
INSERT INTO users VALUES (:bob, 'bob', 'four', 'one') ON CONFLICT DO NOTHING;
SELECT * FROM shown();
INSERT INTO users VALUES (:ada, 'ada', 'four', 'one') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.backup, backup = EXCLUDED.email;
INSERT INTO users VALUES (:bob, 'bob', NULL, '') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, backup = EXCLUDED.backup;
SELECT * FROM shown();
INSERT INTO users VALUES (:ada, 'ada', 'one') ON CONFLICT (id) DO UPDATE SET (email, backup) = ROW(EXCLUDED.email, EXCLUDED.email) WHERE users.note = 7;
INSERT INTO users VALUES (:ada, 'ada', 'two') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email WHERE users.note = 8;
SELECT * FROM shown();

-- A conflict on another column: the row keeps its id, and does not take a digest of another id.
INSERT INTO users VALUES (gen_random_uuid(), 'ada', 'three') ON CONFLICT (login) DO UPDATE SET email = EXCLUDED.email;
\echo :SQLSTATE
INSERT INTO users VALUES (gen_random_uuid(), 'ada', 'three') ON CONFLICT (login) DO UPDATE SET note = 9;
INSERT INTO users VALUES (gen_random_uuid(), 'ada', 'three') ON CONFLICT (login) DO UPDATE SET email = 'three';
INSERT INTO users VALUES (:ada, 'ada', 'one') ON CONFLICT (login) DO UPDATE SET backup = EXCLUDED.email;
SELECT * FROM shown();
-- With the id from EXCLUDED its digests are accepted, and the old digests of the row refused.
INSERT INTO users VALUES ('00000000-0000-0000-0000-000000000001', 'ada', 'four', 'two') ON CONFLICT (login) DO UPDATE SET id = EXCLUDED.id, email = EXCLUDED.email;
\echo :SQLSTATE
INSERT INTO users VALUES ('00000000-0000-0000-0000-000000000001', 'ada', 'four', 'two') ON CONFLICT (login) DO UPDATE SET id = EXCLUDED.id, email = EXCLUDED.email, backup = EXCLUDED.backup;
SELECT * FROM shown();

-- One statement inserts many rows, some of them in conflict.
TRUNCATE users;
INSERT INTO users SELECT md5(i::text)::uuid, lpad(i::text, 2, '0'), 'one', 'two' FROM generate_series(1, 20) i WHERE i % 2 = 0;
INSERT INTO users SELECT md5(i::text)::uuid, lpad(i::text, 2, '0'), CASE i % 3 WHEN 0 THEN 'three' ELSE 'one' END, NULLIF('four', repeat('four', i % 4)) FROM generate_series(1, 20) i
ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, backup = EXCLUDED.backup, note = 1;
SELECT note, email, backup, count(*) FROM shown() GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT count(*) FILTER (WHERE email = CASE login::int % 3 WHEN 0 THEN 'three' ELSE 'one' END) AS emails FROM shown();

-- With 'source=target' an upsert sets the source or the target.
CREATE TABLE pairs (id uuid PRIMARY KEY, login text UNIQUE, email text, digest bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON pairs FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE FUNCTION pairs_shown() RETURNS TABLE (login text, source text, target text) LANGUAGE sql AS
$$ SELECT login, email, caas_trigger_upsert.opened(id, encode(digest, 'hex')) FROM caas_trigger_upsert.pairs ORDER BY login $$;
INSERT INTO pairs VALUES (:ada, 'ada', 'one'), (:bob, 'bob', 'two');
INSERT INTO pairs VALUES (:ada, 'ada', 'three') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email;
INSERT INTO pairs VALUES (:bob, 'bob', 'three') ON CONFLICT (id) DO UPDATE SET digest = EXCLUDED.digest;
SELECT * FROM pairs_shown();
INSERT INTO pairs VALUES (:ada, 'ada', 'one') ON CONFLICT (id) DO UPDATE SET email = 'four', digest = EXCLUDED.digest;
SELECT * FROM pairs_shown();
INSERT INTO pairs VALUES (gen_random_uuid(), 'bob', 'one') ON CONFLICT (login) DO UPDATE SET digest = EXCLUDED.digest;
\echo :SQLSTATE
INSERT INTO pairs VALUES (gen_random_uuid(), 'bob', 'one') ON CONFLICT (login) DO UPDATE SET id = EXCLUDED.id;
\echo :SQLSTATE
INSERT INTO pairs VALUES ('00000000-0000-0000-0000-000000000001', 'bob', 'one') ON CONFLICT (login) DO UPDATE SET id = EXCLUDED.id, digest = EXCLUDED.digest;
SELECT * FROM pairs_shown();

-- INSERT and UPDATE have triggers of their own, and so has each column.
CREATE TABLE split (id uuid PRIMARY KEY, email text, phone text);
CREATE TRIGGER a BEFORE INSERT ON split FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
CREATE TRIGGER b BEFORE UPDATE ON split FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
CREATE TRIGGER c BEFORE INSERT OR UPDATE ON split FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'phone');
INSERT INTO split VALUES (:ada, 'one', 'two');
INSERT INTO split VALUES (:ada, 'three', 'four') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, phone = EXCLUDED.phone;
SELECT opened(id, email) AS email, opened(id, phone) AS phone FROM split;

-- A BEFORE trigger that fires later and changes the digest: the value is not one that this statement made.
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := upper(NEW.email); RETURN NEW; END $$;
CREATE TRIGGER z BEFORE INSERT ON split FOR EACH ROW EXECUTE FUNCTION shout();
INSERT INTO split VALUES (:ada, 'one', 'two') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, phone = EXCLUDED.phone;
\echo :SQLSTATE
SELECT opened(id, email) AS email, opened(id, phone) AS phone FROM split;

-- DO UPDATE reads from a WITH query that inserts into another protected table.
CREATE TABLE log (id uuid, email text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON log FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
DROP TRIGGER z ON split;
WITH logged AS (INSERT INTO log VALUES (:bob, 'four'), (:ada, 'one') RETURNING id, email)
INSERT INTO split VALUES (:ada, 'three', 'four') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email, phone = (SELECT email FROM logged WHERE id = :ada);
\echo :SQLSTATE
SELECT opened(id, email) AS email, opened(id, phone) AS phone FROM split;
SELECT opened(id, email) AS email FROM log ORDER BY 1;

-- MERGE inserts and updates (PostgreSQL 15 and later; INSERT and UPDATE before).
TRUNCATE users;
INSERT INTO users VALUES (:ada, 'ada', 'one', 'one'), (:bob, 'bob', 'two', '');
CREATE TABLE wanted (id uuid, login text, email text);
INSERT INTO wanted VALUES (:ada, 'ada', 'three'), (:bob, 'bob', 'four'), ('00000000-0000-0000-0000-000000000002', 'eve', 'one');
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'MERGE INTO users u USING wanted w ON u.id = w.id WHEN MATCHED AND w.login = ''bob'' THEN UPDATE SET note = 3
            WHEN MATCHED THEN UPDATE SET email = w.email WHEN NOT MATCHED THEN INSERT (id, login, email) VALUES (w.id, w.login, w.email)';
    ELSE
        UPDATE users SET note = 3 WHERE login = 'bob';
        UPDATE users SET email = 'three' WHERE login = 'ada';
        INSERT INTO users (id, login, email) SELECT id, login, email FROM wanted WHERE login = 'eve';
    END IF;
END
$$;
SELECT * FROM shown();

SET client_min_messages = warning;
DROP SCHEMA caas_trigger_upsert CASCADE;
