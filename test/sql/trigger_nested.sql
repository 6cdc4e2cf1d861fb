-- caas_encrypt_trigger() with other triggers, errors and roles.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE SCHEMA caas_trigger_nested;
SET search_path = caas_trigger_nested, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
CREATE FUNCTION opened(id uuid, digest text) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce((SELECT p FROM unnest(ARRAY['one', 'two', 'three', 'four', 'inner', 'outer', 'new']) p WHERE caas_encrypt(id, p) = digest), 'unknown: ' || length(digest)) WHERE digest IS NOT NULL $$;

-- Another trigger runs statements on the same table between the INSERT and the UPDATE of an upsert.
CREATE TABLE users (n int PRIMARY KEY, id uuid, email text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    IF NEW.n < 100 THEN
        INSERT INTO users VALUES (NEW.n + 100, md5(NEW.n::text)::uuid, 'inner') ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
        UPDATE users SET email = 'new' WHERE n = NEW.n + 200;
        INSERT INTO users VALUES (NEW.n + 200, NEW.id, 'inner') ON CONFLICT (n) DO UPDATE SET email = users.email;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER z_meddle BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION meddle();
CREATE TRIGGER a_meddle BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION meddle();
INSERT INTO users SELECT n, md5(n::text)::uuid, 'outer' FROM generate_series(1, 3) n;
SELECT n, opened(id, email) FROM users ORDER BY n;
INSERT INTO users SELECT n, md5(n::text)::uuid, 'two' FROM generate_series(1, 5) n ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
SELECT n, opened(id, email) FROM users ORDER BY n;

-- Another trigger does so while rows move between partitions.
CREATE TABLE parts (n int, region int, id uuid, email text) PARTITION BY LIST (region);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
CREATE FUNCTION meddle_parts() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        UPDATE parts SET region = 3 - region WHERE n = 100;
        UPDATE parts SET email = 'new', region = 3 - region WHERE n = 101;
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;
CREATE TRIGGER z_meddle BEFORE INSERT OR UPDATE OR DELETE ON parts FOR EACH ROW EXECUTE FUNCTION meddle_parts();
INSERT INTO parts SELECT n, 1 + n % 2, md5(n::text)::uuid, 'one' FROM generate_series(1, 4) n;
INSERT INTO parts SELECT n, 1, md5(n::text)::uuid, 'one' FROM generate_series(100, 101) n;
UPDATE parts SET region = 3 - region WHERE n < 100;
UPDATE parts SET region = 3 - region, email = 'two' WHERE n IN (1, 2);
SELECT n, opened(id, email) FROM parts ORDER BY n;

-- Statements in an SQL function and in a cursor loop.
CREATE FUNCTION add_two() RETURNS void LANGUAGE sql AS
$$
    INSERT INTO users VALUES (301, md5('a')::uuid, 'one') ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
    INSERT INTO users VALUES (301, md5('a')::uuid, 'two') ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
$$;
SELECT add_two() FROM generate_series(1, 3);
SELECT opened(id, email) FROM users WHERE n = 301;
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT * FROM users WHERE n > 100 ORDER BY n LOOP
        UPDATE users SET email = 'four' WHERE n = r.n AND n % 2 = 0;
        UPDATE users SET n = n WHERE n = r.n;
    END LOOP;
END
$$;
SELECT n, opened(id, email) FROM users WHERE n > 100 ORDER BY n;

-- After an error in the middle nothing is stored, and the next statement works.
INSERT INTO users SELECT n, CASE WHEN n < 403 THEN md5(n::text)::uuid END, 'one' FROM generate_series(400, 405) n;
\echo :SQLSTATE
INSERT INTO users SELECT n, md5(n::text)::uuid, 'one' FROM generate_series(400, 405) n;
SELECT count(*) FROM users WHERE n >= 400 AND opened(id, email) = 'one';
BEGIN;
INSERT INTO users VALUES (500, md5('500')::uuid, 'one');
SAVEPOINT s;
INSERT INTO users VALUES (501, NULL, 'one');
ROLLBACK TO s;
INSERT INTO users VALUES (500, md5('500')::uuid, 'two') ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
SAVEPOINT s;
INSERT INTO users VALUES (500, md5('other')::uuid, 'two') ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
ROLLBACK TO s;
UPDATE users SET email = 'three' WHERE n = 500;
COMMIT;
SELECT opened(id, email) FROM users WHERE n = 500;
-- Subtransactions, some of which fail in a nested trigger.
CREATE FUNCTION fail_sometimes() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    BEGIN
        INSERT INTO users VALUES (NEW.n + 1000, CASE WHEN NEW.n % 3 > 0 THEN NEW.id END, 'inner');
    EXCEPTION WHEN null_value_not_allowed THEN
        UPDATE users SET email = 'inner' WHERE n = NEW.n - 1;
    END;
    RETURN NEW;
END
$$;
CREATE TABLE outer_rows (n int PRIMARY KEY, id uuid, email text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON outer_rows FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
CREATE TRIGGER z_fail BEFORE INSERT ON outer_rows FOR EACH ROW EXECUTE FUNCTION fail_sometimes();
TRUNCATE users;
INSERT INTO outer_rows SELECT n, md5(n::text)::uuid, 'one' FROM generate_series(1, 9) n;
INSERT INTO outer_rows SELECT n, md5(n::text)::uuid, 'two' FROM generate_series(-8, 0) n;
DELETE FROM users;
INSERT INTO outer_rows SELECT n, md5(n::text)::uuid, 'three' FROM generate_series(1, 9) n ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
SELECT opened(id, email), count(*) FROM outer_rows GROUP BY 1 ORDER BY 1;
SELECT n, opened(id, email) FROM users WHERE n >= 1000 AND n < 1100 ORDER BY n;
RESET client_min_messages;
DO $$
DECLARE
    refused int := 0;
BEGIN
    FOR i IN 1..50 LOOP
        BEGIN
            INSERT INTO outer_rows VALUES (2000 + i, CASE WHEN i % 2 = 0 THEN md5(i::text)::uuid END, 'four');
        EXCEPTION WHEN null_value_not_allowed THEN
            refused := refused + 1;
        END;
    END LOOP;
    RAISE NOTICE 'refused %', refused;
END
$$;
SET client_min_messages = error;
SELECT opened(id, email), count(*) FROM outer_rows WHERE n > 2000 GROUP BY 1;

-- Only the creator of the trigger needs EXECUTE. Everybody needs the API key for a digest.
CREATE ROLE regress_caas_writer;
GRANT USAGE ON SCHEMA caas_trigger_nested TO regress_caas_writer;
CREATE TABLE owned (n int PRIMARY KEY, id uuid, email text, note text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON owned FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
GRANT SELECT, INSERT, UPDATE ON owned TO regress_caas_writer;
GRANT CREATE ON SCHEMA caas_trigger_nested TO regress_caas_writer;
SET ROLE regress_caas_writer;
INSERT INTO owned VALUES (1, :ada, 'one');
UPDATE owned SET email = 'two';
SELECT caas_encrypt(:ada, 'one');
SELECT caas_encrypt_trigger();
CREATE TABLE own (id uuid, email text);
CREATE TRIGGER protect BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
\echo :SQLSTATE
SET caas.api_key = 'wrong';
INSERT INTO owned VALUES (2, :ada, 'one');
\echo :SQLSTATE
UPDATE owned SET email = 'three';
\echo :SQLSTATE
COPY owned (n, id, email) FROM stdin;
3	4dbcbcfe-4800-40a8-badf-c26b73af230c	one
\.
INSERT INTO owned VALUES (1, :ada, 'three') ON CONFLICT (n) DO UPDATE SET email = EXCLUDED.email;
-- A row without a new value needs no API key.
UPDATE owned SET note = 'seen';
INSERT INTO owned VALUES (4, :ada, NULL);
RESET caas.api_key;
RESET ROLE;
SELECT n, opened(id, email), note FROM owned ORDER BY n;
DROP TABLE own;
REVOKE CREATE, USAGE ON SCHEMA caas_trigger_nested FROM regress_caas_writer;
DROP OWNED BY regress_caas_writer;
DROP ROLE regress_caas_writer;

SET client_min_messages = warning;
DROP SCHEMA caas_trigger_nested CASCADE;
