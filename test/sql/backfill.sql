-- Jobs over filled tables: caas_backfill, caas_rotate and caas_cutover. What needs several sessions is in test/t.
CREATE SCHEMA backfill;
SET search_path = backfill, public;
SET client_min_messages = error;
\set VERBOSITY terse

-- Everything that a trigger protects: in place, with target, with generation, with keep; ids that are not UUIDs; several types.
CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY, name varchar(128), email text, email_digest text, email_generation integer,
	phone text, phone_digest text, ssn text, ssn_sealed bytea, ssn_index bytea, born date, born_sealed bytea, "Odd ""name" text, odd bytea, wide text, wide_sealed bytea);
INSERT INTO people (name, email, phone, ssn, born, "Odd ""name", wide)
	SELECT 'name ' || n, 'e' || n, 'p' || n, 's' || n, date '2000-01-01' + n, 'o' || n, repeat('w' || n, 3000) FROM generate_series(1, 3000) n;
CREATE TABLE twin AS SELECT id, name, email, phone, ssn, born, "Odd ""name" AS odd, wide FROM people;
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON people FOR EACH ROW
	EXECUTE FUNCTION caas_encrypt_trigger('id@people', 'name', 'email=email_digest:email_generation', 'phone=phone_digest keep');
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON people FOR EACH ROW
	EXECUTE FUNCTION caas_seal_trigger('id@people', 'ssn=ssn_sealed:ssn_index@people.ssn', 'born=born_sealed@people.born keep', '"Odd ""name"=odd@people.odd', 'wide=wide_sealed@people.wide');
CREATE VIEW left_over AS SELECT count(*) FILTER (WHERE NOT caas_is_digest(name)) AS name, count(email) AS email, count(*) FILTER (WHERE phone_digest IS NULL) AS phone,
	count(ssn) AS ssn, count(*) FILTER (WHERE born_sealed IS NULL) AS born, count("Odd ""name") AS odd, count(wide) AS wide FROM people;
CREATE VIEW right_now AS SELECT count(*) FROM people p JOIN twin t USING (id), caas_uuid('people', id) u
	WHERE caas_verify(u, t.name, p.name) AND caas_verify(u, t.email, p.email_digest) AND p.email_generation = 2 AND p.phone = t.phone AND caas_verify(u, t.phone, p.phone_digest)
	AND caas_open(u, p.ssn_sealed, 'people.ssn') = t.ssn AND p.ssn_index = caas_blind_index(t.ssn, 'people.ssn') AND p.born = t.born
	AND caas_open(u, p.born_sealed, 'people.born')::date = t.born AND caas_open(u, p.odd, 'people.odd') = t.odd AND caas_open(u, p.wide_sealed, 'people.wide') = t.wide;
SELECT * FROM left_over;
CALL caas_backfill('people');
SELECT * FROM left_over;
SELECT * FROM right_now;
SELECT job, relation, part, parts, state, pass, blocks_done = blocks AND blocks > 0 AS all_blocks, rows_done, conflicts, role = current_user AS by_me, pid FROM caas_progress;
-- A second call finds nothing to do, and writes nothing.
CREATE TEMPORARY TABLE before AS SELECT ctid AS at FROM people;
CALL caas_backfill('people', parts => 3, part => 2, batch_ms => 1);
SELECT count(*) FROM people JOIN before ON at = people.ctid;
SELECT part, parts, state, pass, rows_done FROM caas_progress WHERE parts = 3;

-- The end of keep: the source becomes null, and stays null.
CALL caas_cutover('people', 'born');
CALL caas_cutover('people', 'phone');
SELECT count(born), count(phone) FROM people;
SELECT count(*) FROM people p JOIN twin t USING (id), caas_uuid('people', id) u
	WHERE caas_open(u, born_sealed, 'people.born')::date = t.born AND caas_verify(u, t.phone, phone_digest);
SELECT source_column, options FROM caas_columns WHERE relation = 'people'::regclass ORDER BY 1;
SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'people'::regclass AND contype = 'c' ORDER BY 1;
CALL caas_cutover('people', 'born');
CALL caas_cutover('people', 'nothing');

-- Rows that cannot be changed are listed, and the others are protected.
CREATE TABLE doubled (id uuid, ssn text, sealed bytea, index bytea);
INSERT INTO doubled SELECT md5(n::text)::uuid, 's' || n FROM generate_series(1, 100) n;
UPDATE doubled SET ssn = 's1' WHERE ssn IN ('s7', 's8');
UPDATE doubled SET id = NULL WHERE ssn = 's50';
CREATE UNIQUE INDEX doubled_index ON doubled (index) WHERE index IS NOT NULL;
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON doubled FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed:index@doubled.ssn');
SET client_min_messages = warning;
CALL caas_backfill('doubled');
SET client_min_messages = error;
SELECT job, relation, id IN (SELECT md5(n)::uuid::text FROM unnest('{1,7,8}'::text[]) n) AS is_double, sqlstate, constraint_name FROM caas_conflicts ORDER BY id;
SELECT ssn, count(*) FROM doubled GROUP BY 1 ORDER BY 1;
SELECT conflicts, rows_done, state FROM caas_progress WHERE relation = 'doubled'::regclass;
UPDATE doubled SET ssn = 's' || id WHERE id::text IN (SELECT c.id FROM caas_conflicts c WHERE sqlstate = '23505');
UPDATE doubled SET id = md5('50')::uuid WHERE id IS NULL;
CALL caas_backfill('doubled');
SELECT count(ssn), count(DISTINCT index) FROM doubled;
SELECT count(*) FROM caas_conflicts;
SELECT conflicts, rows_done FROM caas_progress WHERE relation = 'doubled'::regclass;

-- A definition that suits no row ends with its SQLSTATE.
CREATE TABLE narrow (id uuid, email varchar(20));
INSERT INTO narrow SELECT md5(n::text)::uuid, 'e' || n FROM generate_series(1, 200) n;
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON narrow FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
\set VERBOSITY default
CALL caas_backfill('narrow');
\set VERBOSITY terse

-- A trigger that fires later and writes the source again would keep the job busy for ever.
CREATE TABLE written_again (id uuid, email text, digest text);
INSERT INTO written_again SELECT md5(n::text)::uuid, 'e' || n FROM generate_series(1, 3) n;
CREATE FUNCTION write_again() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.email := 'again'; RETURN NEW; END$$;
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON written_again FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TRIGGER z BEFORE UPDATE ON written_again FOR EACH ROW WHEN (OLD.email <> 'e2') EXECUTE FUNCTION write_again();
SET client_min_messages = warning;
CALL caas_backfill('written_again');
SET client_min_messages = error;
SELECT email, digest IS NULL AS unprotected FROM written_again ORDER BY 1;
SELECT sqlstate, count(*) FROM caas_conflicts WHERE relation = 'written_again'::regclass GROUP BY 1;

-- A composite key that others reference; only the key of the user names the user.
CREATE TABLE accounts (tenant integer, id uuid, email text, sealed bytea, index bytea, PRIMARY KEY (tenant, id));
CREATE TABLE orders (tenant integer, account uuid, FOREIGN KEY (tenant, account) REFERENCES accounts);
INSERT INTO accounts SELECT n % 3, md5(n::text)::uuid, 'e' || n FROM generate_series(1, 300) n;
INSERT INTO orders SELECT tenant, id FROM accounts;
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=sealed:index@accounts.email');
CREATE UNIQUE INDEX ON accounts (index) WHERE index IS NOT NULL;
CALL caas_backfill('accounts');
SELECT count(*), count(email) FROM accounts JOIN orders ON id = account WHERE caas_open(id, sealed, 'accounts.email') LIKE 'e%';

-- A trigger that returns NULL leaves the row as it is; a deferred constraint is checked in the batch.
CREATE TABLE left_alone (id uuid, ssn text, sealed bytea, index bytea, CONSTRAINT one_index UNIQUE (index) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO left_alone SELECT md5(n::text)::uuid, 's' || n % 4 FROM generate_series(1, 5) n;
CREATE FUNCTION leave_alone() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER a BEFORE UPDATE ON left_alone FOR EACH ROW WHEN (OLD.ssn = 's2') EXECUTE FUNCTION leave_alone();
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON left_alone FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed:index@left_alone.ssn');
SET client_min_messages = warning;
CALL caas_backfill('left_alone');
SET client_min_messages = error;
SELECT sqlstate, constraint_name FROM caas_conflicts WHERE relation = 'left_alone'::regclass ORDER BY 1;
SELECT ssn FROM left_alone WHERE ssn IS NOT NULL ORDER BY 1;

-- A cutover finds the guard by what it says, and keeps the comment; it enables no trigger.
CREATE TABLE a_rather_long_name_of_a_table_that_is_cut (id uuid, personal_data_of_the_customer_1 text, personal_data_of_the_customer_2 text, s1 bytea, s2 bytea,
	CONSTRAINT a_rather_long_name_of_a_tab_personal_data_of_the_cust_protected CHECK (length(s1) > 0));
INSERT INTO a_rather_long_name_of_a_table_that_is_cut VALUES (md5('1')::uuid, 'x', 'y');
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON a_rather_long_name_of_a_table_that_is_cut FOR EACH ROW
	EXECUTE FUNCTION caas_seal_trigger('id', 'personal_data_of_the_customer_1=s1@c1 keep', 'personal_data_of_the_customer_2=s2@c2 keep');
COMMENT ON TRIGGER b ON a_rather_long_name_of_a_table_that_is_cut IS 'a comment';
ALTER TABLE a_rather_long_name_of_a_table_that_is_cut DISABLE TRIGGER b;
CALL caas_cutover('a_rather_long_name_of_a_table_that_is_cut', 'personal_data_of_the_customer_1');
ALTER TABLE a_rather_long_name_of_a_table_that_is_cut ENABLE ALWAYS TRIGGER b;
CALL caas_cutover('a_rather_long_name_of_a_table_that_is_cut', 'personal_data_of_the_customer_1');
CALL caas_cutover('a_rather_long_name_of_a_table_that_is_cut', 'personal_data_of_the_customer_2');
CALL caas_cutover('a_rather_long_name_of_a_table_that_is_cut', 'personal_data_of_the_customer_2');
SELECT pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE conrelid = 'a_rather_long_name_of_a_table_that_is_cut'::regclass ORDER BY 1;
SELECT tgenabled, obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE tgrelid = 'a_rather_long_name_of_a_table_that_is_cut'::regclass;

-- Partitions and inheritance children.
CREATE TABLE parted (id uuid, email text, digest text) PARTITION BY HASH (id);
CREATE TABLE part_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY HASH (id);
CREATE TABLE part_1_0 (digest text, nothing integer, email text, id uuid);
ALTER TABLE part_1_0 DROP COLUMN nothing;
ALTER TABLE part_1 ATTACH PARTITION part_1_0 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO parted SELECT md5(n::text)::uuid, 'e' || n FROM generate_series(1, 500) n;
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest keep');
CALL caas_backfill('parted');
SELECT count(*), count(*) FILTER (WHERE caas_verify(id, email, digest)) FROM parted;
CALL caas_cutover('part_0', 'email');
CALL caas_cutover('parted', 'email');
SELECT count(*), count(digest), count(email) FROM parted;
SELECT relation, job, rows_done > 100 AS many FROM caas_progress WHERE relation::text ~ '^part_' ORDER BY 1, 2;
CREATE UNLOGGED TABLE parent (id uuid, email text, digest text);
CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent SELECT md5(n::text)::uuid, 'e' || n FROM generate_series(1, 50) n;
INSERT INTO child SELECT md5(n::text)::uuid, 'e' || n FROM generate_series(51, 100) n;
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON child FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CALL caas_backfill('parent');
SELECT count(*), count(email), count(digest) FROM parent;

-- A generated column is computed anew by the rotation; no trigger protects it in a backfill.
CREATE TABLE made (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, lower(email))) STORED);
INSERT INTO made VALUES (md5('1')::uuid, 'E1');
CREATE TABLE made_of_two (id uuid, a text, b text, digest text GENERATED ALWAYS AS (caas_encrypt(id, a || b)) STORED);
INSERT INTO made_of_two VALUES (md5('1')::uuid, 'a', 'b');
CALL caas_rotate('made_of_two');
SELECT rows_done FROM caas_progress WHERE relation = 'made_of_two'::regclass;
CALL caas_rotate('made');
SELECT rows_done FROM caas_progress WHERE relation = 'made'::regclass;
CALL caas_backfill('made');

-- What a job needs: a key, a declaration, a trigger that fires, a call of its own.
BEGIN;
CALL caas_backfill('people');
ROLLBACK;
CREATE FUNCTION calls() RETURNS void LANGUAGE plpgsql AS $$BEGIN CALL caas_backfill('people'); END$$;
SELECT calls();
CREATE PROCEDURE sets() LANGUAGE plpgsql SET work_mem = '1MB' AS $$BEGIN CALL caas_backfill('people'); END$$;
CALL sets();
DO $$BEGIN CALL caas_backfill('backfill.people'); END$$;
CALL caas_backfill('twin');
CALL caas_backfill(NULL);
CALL caas_backfill('people', part => 3, parts => 2);
CALL caas_backfill('people', parts => NULL);
CALL caas_backfill('people', batch_ms => 0);
CALL caas_backfill(99999999::oid::regclass);
SET session_replication_role = replica;
CALL caas_backfill('people');
RESET session_replication_role;
DO $$BEGIN CALL caas_backfill('backfill.people', lock_timeout_ms => 12345); PERFORM set_config('backfill.after', current_setting('lock_timeout'), false); END$$;
SHOW backfill.after;
CREATE VIEW over_people AS SELECT * FROM people;
CALL caas_backfill('over_people');
ALTER TABLE doubled DISABLE TRIGGER b;
CALL caas_backfill('doubled');
ALTER TABLE doubled ENABLE TRIGGER b;
SET statement_timeout = '1h';
SET client_min_messages = warning;
CALL caas_backfill('doubled');
RESET statement_timeout;
SET client_min_messages = error;
SET caas.api_key = '';
CALL caas_backfill('doubled');
RESET caas.api_key;

-- A key that is set for the transaction alone serves the whole job.
INSERT INTO doubled SELECT md5(n::text)::uuid, NULL FROM generate_series(1001, 1100) n;
ALTER TABLE doubled DISABLE TRIGGER b;
UPDATE doubled SET ssn = id::text WHERE sealed IS NULL;
ALTER TABLE doubled ENABLE TRIGGER b;
\set options `echo "$PGOPTIONS"`
SELECT regexp_replace(substring(:'options' FROM 'caas\.api_key=((?:[^ \\]|\\.)*)'), '\\(.)', '\1', 'g') AS key \gset
SELECT set_config('regress.client_key', :'key', false) <> '' AS has_client_key;
SET default_transaction_isolation = 'serializable';
DO $$BEGIN
	PERFORM set_config('caas.api_key', '', false);
	PERFORM set_config('caas.api_key', current_setting('regress.client_key'), true);
	CALL caas_backfill('doubled');
END$$;
SELECT count(ssn) FROM doubled;
SELECT caas_encrypt(md5('1')::uuid, 'x');
RESET default_transaction_isolation;
RESET caas.api_key;

-- Privileges: those of an UPDATE, and EXECUTE. The tables of the jobs are nobody's.
CREATE ROLE regress_caas_dba;
CREATE ROLE regress_caas_other;
GRANT USAGE ON SCHEMA backfill TO regress_caas_dba, regress_caas_other;
SET ROLE regress_caas_dba;
CALL caas_backfill('doubled');
RESET ROLE;
GRANT EXECUTE ON PROCEDURE caas_backfill TO regress_caas_dba;
SET ROLE regress_caas_dba;
CALL caas_backfill('doubled');
RESET ROLE;
GRANT SELECT, UPDATE ON doubled TO regress_caas_dba;
GRANT EXECUTE ON FUNCTION caas_is_digest(text) TO regress_caas_dba;
SET ROLE regress_caas_dba;
CALL caas_backfill('doubled');
SELECT count(*) FROM caas_jobs;
SELECT count(*) FROM caas_job_conflicts;
SELECT role FROM caas_progress WHERE relation = 'doubled'::regclass;
RESET ROLE;
INSERT INTO caas_job_conflicts VALUES ('backfill', 'doubled'::regclass, 1, 1, 'an id');
SET ROLE regress_caas_dba;
SELECT count(*) FROM caas_conflicts;
SET ROLE regress_caas_other;
SELECT count(*) FROM caas_conflicts;
RESET ROLE;
-- Row-level security hides rows: the job says so.
ALTER TABLE doubled ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON doubled USING (index IS NULL);
SET ROLE regress_caas_dba;
CALL caas_backfill('doubled');
RESET ROLE;
DROP OWNED BY regress_caas_dba, regress_caas_other;
DROP ROLE regress_caas_dba, regress_caas_other;
DROP SCHEMA backfill CASCADE;
