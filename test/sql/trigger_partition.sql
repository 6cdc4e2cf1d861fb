-- caas_encrypt_trigger() on partitioned tables: a row that moves is not digested again.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE SCHEMA caas_trigger_partition;
SET search_path = caas_trigger_partition, public;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''
CREATE FUNCTION opened(id uuid, digest text) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce((SELECT p FROM unnest(ARRAY['one', 'two', 'three', 'four', '']) p WHERE caas_encrypt(id, p) = digest), 'unknown: ' || length(digest)) WHERE digest IS NOT NULL $$;

-- The trigger is declared on the parent. One partition has its columns in another order, one has partitions itself.
CREATE TABLE users (n int, region text, id uuid, email text, phone text, digest text) PARTITION BY LIST (region);
CREATE TABLE users_a PARTITION OF users FOR VALUES IN ('a');
CREATE TABLE users_b (junk int, digest text, phone text, email text, junk2 text, id uuid, n int, region text);
ALTER TABLE users_b DROP junk, DROP junk2;
ALTER TABLE users ATTACH PARTITION users_b FOR VALUES IN ('b');
CREATE TABLE users_c PARTITION OF users FOR VALUES IN ('c') PARTITION BY HASH (n);
CREATE TABLE users_c0 PARTITION OF users_c FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE users_c1 PARTITION OF users_c FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone=digest');
CREATE FUNCTION shown() RETURNS TABLE (n int, partition regclass, email text, phone text, digest text) LANGUAGE sql AS
$$ SELECT n, tableoid::regclass, caas_trigger_partition.opened(id, email), phone, caas_trigger_partition.opened(id, digest) FROM caas_trigger_partition.users ORDER BY n $$;
INSERT INTO users SELECT n, chr(96 + n), :ada, 'one', 'two' FROM generate_series(1, 3) n;
INSERT INTO users VALUES (4, 'a', :bob, NULL, NULL), (5, 'b', NULL, NULL, NULL), (6, 'c', :bob, 'three', NULL);
SELECT * FROM shown();

-- Unchanged values: one row moves, all move in a circle, some are updated and stay, some move to a partition of a partition.
UPDATE users SET region = 'b' WHERE n = 1;
SELECT * FROM shown() WHERE n = 1;
UPDATE users SET region = CASE region WHEN 'a' THEN 'b' WHEN 'b' THEN 'c' ELSE 'a' END;
SELECT * FROM shown();
UPDATE users SET n = n + 10 WHERE region = 'c';
SELECT n, email, phone, digest FROM shown() WHERE n > 10;
UPDATE users SET region = 'b', email = email, phone = phone, digest = digest, id = id;
UPDATE users SET region = CASE WHEN n % 2 = 0 THEN 'a' ELSE region END;
SELECT * FROM shown();
-- A value changes, or becomes null, while its row moves.
UPDATE users SET region = 'c', email = 'four', phone = 'three' WHERE id IS NOT NULL;
SELECT n, email, phone, digest FROM shown();
UPDATE users SET region = 'a', email = NULL WHERE n IN (3, 12);
UPDATE users SET region = 'b', email = 'one' WHERE n IN (3, 12);
SELECT * FROM shown() WHERE n IN (3, 12);
-- The uuid changes while the row moves.
UPDATE users SET region = 'a', id = '00000000-0000-0000-0000-000000000001' WHERE n = 12;
\echo :SQLSTATE
UPDATE users SET region = 'a', id = '00000000-0000-0000-0000-000000000001', email = 'two', phone = 'four' WHERE n = 12;
SELECT * FROM shown() WHERE n = 12;
-- ON CONFLICT DO UPDATE, which must not move the row, and COPY.
CREATE UNIQUE INDEX ON users (region, n);
INSERT INTO users VALUES (12, 'a', '00000000-0000-0000-0000-000000000001', 'three') ON CONFLICT (region, n) DO UPDATE SET email = EXCLUDED.email;
SELECT * FROM shown() WHERE n = 12;
INSERT INTO users VALUES (12, 'a', '00000000-0000-0000-0000-000000000001', 'three') ON CONFLICT (region, n) DO UPDATE SET region = 'b';
COPY users (n, region, id, email, phone) FROM stdin (FORMAT csv);
7,a,4dbcbcfe-4800-40a8-badf-c26b73af230c,one,two
8,b,4dbcbcfe-4800-40a8-badf-c26b73af230c,one,two
9,c,4dbcbcfe-4800-40a8-badf-c26b73af230c,one,two
\.
SELECT * FROM shown() WHERE n BETWEEN 7 AND 9;

-- Plaintext that is older than the trigger is digested once when its row moves or is updated. A row that is inserted is
-- digested too, even if MERGE or WITH inserts it directly after an UPDATE of such a row.
TRUNCATE users;
ALTER TABLE users DISABLE TRIGGER protect;
ALTER TABLE users_a DISABLE TRIGGER protect;
INSERT INTO users VALUES (1, 'a', :ada, ''), (2, 'a', :ada, 'two'), (3, 'a', :ada, repeat('large ', 2000));
INSERT INTO users SELECT 4, 'a', :ada, string_agg(md5(i::text), '') FROM generate_series(1, 500) i;
ALTER TABLE users ENABLE TRIGGER protect;
ALTER TABLE users_a ENABLE TRIGGER protect;
UPDATE users SET region = 'c' WHERE n IN (2, 3, 4);
SELECT n, tableoid::regclass, caas_verify(id, CASE n WHEN 2 THEN 'two' ELSE repeat('large ', 2000) END, email), email = '' AS as_before FROM users WHERE n <> 4 ORDER BY n;
SELECT caas_verify(id, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i), email) FROM users WHERE n = 4;
WITH touched AS (UPDATE users SET n = 1 WHERE n = 1 RETURNING n)
INSERT INTO users SELECT 10, 'b', :bob, '' FROM touched;
WITH touched AS (UPDATE users SET n = 1 WHERE n = 1 RETURNING id)
INSERT INTO users SELECT 11, 'b', id, '' FROM touched;
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'MERGE INTO users u USING (VALUES (1, ''''), (12, '''')) w(n, email) ON u.n = w.n WHEN MATCHED THEN UPDATE SET n = u.n
            WHEN NOT MATCHED THEN INSERT (n, region, id, email) VALUES (w.n, ''b'', ''65b4583e-d78b-5256-aa5a-851cf2f367b9'', w.email)';
    ELSE
        INSERT INTO users (n, region, id, email) VALUES (12, 'b', '65b4583e-d78b-5256-aa5a-851cf2f367b9', '');
    END IF;
END
$$;
SELECT n, email = '' AS as_before, email = caas_encrypt(id, '') AS digest FROM users WHERE n IN (1, 10, 11, 12) ORDER BY n;
-- An inserted or updated row is digested directly after such a row has moved, too.
INSERT INTO users VALUES (20, 'a', :ada, 'one');
WITH moved AS (UPDATE users SET region = 'b' WHERE n = 1 RETURNING id)
INSERT INTO users SELECT 21, 'c', id, '' FROM moved;
WITH moved AS (UPDATE users SET region = 'a' WHERE n = 1 RETURNING n)
UPDATE users SET email = '' FROM moved WHERE users.n = 20;
SELECT n, tableoid::regclass, email = '' AS as_before, email = caas_encrypt(id, '') AS digest FROM users WHERE n IN (1, 20, 21) ORDER BY n;
-- MERGE can move rows.
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'MERGE INTO users u USING (VALUES (10), (13)) w(n) ON u.n = w.n WHEN MATCHED THEN UPDATE SET region = ''a''
            WHEN NOT MATCHED THEN INSERT (n, region, id, email) VALUES (w.n, ''a'', ''65b4583e-d78b-5256-aa5a-851cf2f367b9'', ''three'')';
    ELSE
        UPDATE users SET region = 'a' WHERE n = 10;
        INSERT INTO users (n, region, id, email) VALUES (13, 'a', '65b4583e-d78b-5256-aa5a-851cf2f367b9', 'three');
    END IF;
END
$$;
SELECT * FROM shown() WHERE n IN (10, 13);

-- A trigger that fires later changes the uuid or the value of a row that moves.
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.n = 10 THEN NEW.id := '00000000-0000-0000-0000-000000000002'; ELSE NEW.email := 'four'; END IF; RETURN NEW; END $$;
CREATE TRIGGER z_meddle BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION meddle();
UPDATE users SET region = 'b' WHERE n = 10;
\echo :SQLSTATE
UPDATE users SET region = 'b' WHERE n = 13;
SELECT * FROM shown() WHERE n IN (10, 13);

-- Each partition has triggers of its own; in one of them two triggers share the columns.
CREATE TABLE split (n int, id uuid, email text, phone text) PARTITION BY HASH (n);
CREATE TABLE split_0 PARTITION OF split FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE split_1 PARTITION OF split FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE split_2 PARTITION OF split FOR VALUES WITH (MODULUS 3, REMAINDER 2);
CREATE TRIGGER p BEFORE INSERT OR UPDATE ON split_0 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone');
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON split_1 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON split_1 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'phone');
CREATE TRIGGER a BEFORE INSERT ON split_2 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'phone', 'email');
CREATE TRIGGER b BEFORE UPDATE ON split_2 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone');
INSERT INTO split SELECT n, md5(n::text)::uuid, 'one', 'two' FROM generate_series(1, 60) n;
UPDATE split SET n = n + 100;
UPDATE split SET n = n + 100, phone = 'three' WHERE n % 2 = 0;
UPDATE split SET n = n + 100 WHERE n > 200;
SELECT n > 200 AS changed, opened(id, email) AS email, opened(id, phone) AS phone, count(*), count(DISTINCT tableoid) AS partitions FROM split GROUP BY 1, 2, 3 ORDER BY 1;

-- In place, a trigger that does not fire on every UPDATE is refused: it could not recognise a row that moves.
CREATE TABLE partial (n int, id uuid, email text, digest text) PARTITION BY LIST (n);
CREATE TABLE partial_1 PARTITION OF partial FOR VALUES IN (1);
CREATE TABLE partial_2 PARTITION OF partial FOR VALUES IN (2);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE OF id, email ON partial FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
INSERT INTO partial VALUES (1, :ada, 'one');
\echo :SQLSTATE
DROP TRIGGER protect ON partial;
CREATE TRIGGER protect BEFORE INSERT ON partial FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
INSERT INTO partial VALUES (1, :ada, 'one');
\echo :SQLSTATE
CREATE TRIGGER every BEFORE UPDATE ON partial_1 FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
INSERT INTO partial VALUES (1, :ada, 'one');
UPDATE partial SET n = 2;
\echo :SQLSTATE
DROP TRIGGER every ON partial_1;
DROP TRIGGER protect ON partial;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON partial FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
TRUNCATE partial;
INSERT INTO partial VALUES (1, :ada, 'one'), (2, :ada, 'two');
UPDATE partial SET n = 3 - n;
UPDATE partial SET n = 3 - n, email = 'three' WHERE n = 1;
SELECT n, email, opened(id, digest) AS digest FROM partial ORDER BY n, digest;

-- The server refuses a digest in the partition key, since the row would belong to another partition.
CREATE TABLE by_email (id uuid, email text) PARTITION BY LIST (email);
CREATE TABLE by_email_x PARTITION OF by_email FOR VALUES IN ('x');
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON by_email FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
INSERT INTO by_email VALUES (:ada, 'x');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA caas_trigger_partition CASCADE;
