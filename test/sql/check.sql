-- caas_check and caas_generations: what is protected in the rows, and what is not right.
CREATE SCHEMA checked;
SET search_path = checked, public;
SET client_min_messages = error;
\set VERBOSITY terse

CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY, name text, email text, email_digest text, email_generation integer,
	phone text, phone_digest text, ssn text, ssn_sealed bytea, ssn_index bytea);
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON people FOR EACH ROW
	EXECUTE FUNCTION caas_encrypt_trigger('id@people', 'name', 'email=email_digest:email_generation', 'phone=phone_digest keep');
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON people FOR EACH ROW
	EXECUTE FUNCTION caas_seal_trigger('id@people', 'ssn=ssn_sealed:ssn_index@people.ssn normalize=digits');
INSERT INTO people (name, email, phone, ssn) SELECT 'n' || n, 'e' || n, 'p' || n, '555-' || n FROM generate_series(1, 90) n;
INSERT INTO people (name, ssn) VALUES (NULL, 'no digits'), ('n', NULL);
CREATE VIEW report AS SELECT column_name, kind, rows, nulls, plaintext, unprotected, protected, unopenable, wrong_index, wrong_shape, generations, exact, bad_share_at_most
	FROM caas_check('people') ORDER BY column_name;
SELECT * FROM report;

-- What is not right, written while the trigger is disabled.
ALTER TABLE people DISABLE TRIGGER a, DISABLE TRIGGER b;
SELECT * FROM caas_columns WHERE relation = 'people'::regclass AND problem IS NULL;
UPDATE people SET name = 'plain' WHERE id = 1;
UPDATE people SET email_digest = 'ab' WHERE id = 2;
UPDATE people SET email = 'left', email_digest = NULL WHERE id = 3;
UPDATE people SET phone = 'another' WHERE id IN (4, 5);
UPDATE people SET phone_digest = NULL WHERE id = 6;
UPDATE people SET ssn_sealed = caas_seal(caas_uuid('people', 8), 'x', 'people.ssn') WHERE id = 7;
UPDATE people SET ssn_sealed = '\x0102' WHERE id = 9;
UPDATE people SET ssn_index = NULL WHERE id = 10;
UPDATE people SET ssn_index = '\x00112233445566778899aabbccddeeff' WHERE id = 11;
UPDATE people SET ssn_index = ssn_sealed, ssn_sealed = NULL WHERE id = 12;
UPDATE people SET ssn = '1' WHERE id = 13;
UPDATE people SET email_generation = 1 WHERE id = 14;
SELECT * FROM report;
-- An index of the oldest index key is right.
UPDATE people SET ssn_index = c[cardinality(c)] FROM caas_blind_candidates('555-15', 'people.ssn', 16, 'digits') c WHERE id = 15;
SELECT wrong_index FROM report WHERE column_name = 'ssn_sealed';
-- A sample counts a part, and says what share of bad rows the table has at most.
INSERT INTO people (name) OVERRIDING USER VALUE SELECT repeat('0', 64) FROM generate_series(1, 20000);
SELECT column_name, rows BETWEEN 1500 AND 2500 AS about_a_tenth, exact, bad_share_at_most BETWEEN 0.0005 AND 0.01 AS bound FROM caas_check('people', 10) ORDER BY 1;
SELECT count(*) FROM caas_check('people', 0);
SELECT count(*) FROM caas_check('people', 'NaN');

-- Generated columns, labels, partitions.
CREATE TABLE made (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED, index bytea GENERATED ALWAYS AS (caas_blind_index(email, 'made')) STORED);
INSERT INTO made VALUES (md5('1')::uuid, 'a'), (md5('2')::uuid, NULL);
CREATE TABLE filled (id uuid, sealed bytea, index bytea, digest text) PARTITION BY HASH (id);
CREATE TABLE filled_0 PARTITION OF filled FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SECURITY LABEL FOR caas ON COLUMN filled_0.sealed IS 'seal id :index@filled';
SECURITY LABEL FOR caas ON COLUMN filled_0.digest IS 'encrypt id';
INSERT INTO filled SELECT u, caas_seal(u, 'x', 'filled'), caas_blind_index('x', 'filled'), caas_encrypt(u, 'x') FROM md5('1') m, CAST(m AS uuid) u;
SELECT relation, column_name, rows, plaintext, unprotected, protected, generations FROM caas_check('made') UNION ALL
SELECT relation, column_name, rows, plaintext, unprotected, protected, generations FROM caas_check('filled') ORDER BY 1, 2;

-- A label of a partitioned table or an inheritance parent counts for the rows below it.
CREATE TABLE roots (id uuid, sealed bytea) PARTITION BY HASH (id);
CREATE TABLE roots_0 PARTITION OF roots FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE elders (id uuid, sealed bytea);
CREATE TABLE heirs (note text) INHERITS (elders);
SECURITY LABEL FOR caas ON COLUMN roots.sealed IS 'seal id @c';
SECURITY LABEL FOR caas ON COLUMN elders.sealed IS 'seal id @c';
INSERT INTO roots SELECT u, caas_seal(u, 'x', 'c') FROM md5('1') m, CAST(m AS uuid) u;
INSERT INTO heirs SELECT u, caas_seal(u, 'x', 'c') FROM md5('1') m, CAST(m AS uuid) u;
SELECT relation, rows, protected FROM caas_check('roots') UNION ALL SELECT relation, rows, protected FROM caas_check('elders') ORDER BY 1;
-- A digest beside its source, as text and as bytes, is that of the source; so is one of umlauts.
CREATE TABLE kept (id uuid, a text, a_digest bytea, b varchar(20), b_digest text);
CREATE TRIGGER k BEFORE INSERT OR UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'a=a_digest keep', 'b=b_digest keep');
INSERT INTO kept SELECT md5(n::text)::uuid, chr(228) || n, NULL, chr(228) || n FROM generate_series(1, 3) n;
ALTER TABLE kept DISABLE TRIGGER k;
UPDATE kept SET a = 'other' WHERE a LIKE '%1';
ALTER TABLE kept ENABLE TRIGGER k;
SELECT column_name, protected, unopenable, wrong_shape FROM caas_check('kept') ORDER BY 1;
DROP TABLE kept;
-- What is no table, and what another server stores.
SELECT count(*) FROM caas_check(99999999::oid::regclass);
CREATE FOREIGN DATA WRAPPER regress_caas_nothing;
CREATE SERVER regress_caas_nowhere FOREIGN DATA WRAPPER regress_caas_nothing;
CREATE TABLE spread (id uuid, sealed bytea) PARTITION BY LIST (id);
CREATE FOREIGN TABLE spread_far PARTITION OF spread DEFAULT SERVER regress_caas_nowhere;
SELECT count(*) FROM caas_check('spread');
SECURITY LABEL FOR caas ON COLUMN spread.sealed IS 'seal id @c';
SELECT count(*) FROM caas_check('spread');

-- How much is left of a generation. The last column says why a count is not the last word.
SELECT generation, state, relation, column_name, kind, "values", conclusive, remark FROM caas_generations() WHERE relation::text !~ '[.]' ORDER BY 3, 4, 1;
SELECT caas_check_sealed(id, sealed, 'filled', true, index, 'none'), caas_check_sealed(id, sealed, 'other', false, NULL, NULL), caas_check_sealed(NULL, sealed, 'filled', false, NULL, NULL),
	caas_check_sealed(id, NULL, 'filled', true, NULL, 'none'), caas_check_sealed(id, sealed, 'filled', true, NULL, 'none') FROM filled;

DROP FOREIGN TABLE spread_far;
DROP FOREIGN DATA WRAPPER regress_caas_nothing CASCADE;
-- Neither counts a part: privileges, row-level security, a declaration that cannot be used, no key.
CREATE ROLE regress_caas_auditor;
GRANT USAGE ON SCHEMA checked TO regress_caas_auditor;
GRANT EXECUTE ON FUNCTION caas_check, caas_generations, caas_check_sealed TO regress_caas_auditor;
SET ROLE regress_caas_auditor;
SELECT count(*) FROM caas_check('filled');
SELECT DISTINCT "values", conclusive, remark FROM caas_generations();
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA checked TO regress_caas_auditor;
ALTER TABLE filled_0 ENABLE ROW LEVEL SECURITY;
SET ROLE regress_caas_auditor;
SELECT count(*) FROM caas_check('filled');
RESET ROLE;
ALTER TABLE filled_0 DISABLE ROW LEVEL SECURITY;
SET ROLE regress_caas_auditor;
SELECT count(*) FROM caas_check('filled');
SET caas.api_key = '';
SELECT count(*) FROM caas_check('filled');
RESET caas.api_key;
RESET ROLE;
ALTER TABLE filled RENAME COLUMN index TO other;
SELECT count(*) FROM caas_check('filled');
DROP OWNED BY regress_caas_auditor;
DROP ROLE regress_caas_auditor;
DROP SCHEMA checked CASCADE;
