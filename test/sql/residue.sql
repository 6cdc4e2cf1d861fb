-- caas_residue() says where plaintext may still be. What other sessions and the server's settings decide is in the TAP tests.
\i test/needs_key.sql
SELECT extnamespace::regnamespace AS caas FROM pg_extension WHERE extname = 'caas' \gset
CREATE SCHEMA caas_residue;
SET search_path = caas_residue, :caas;
\pset format unaligned
\set outside '\'^(WAL|server log|setting|replication slot|session|prepared transaction|pg_stat_statements)\''
-- Nothing was there before the table was protected.
CREATE TABLE empty (id uuid NOT NULL, email text);
SELECT count(*) FROM caas_protect('empty', 'id', 'email=email_sealed@empty.email');
SELECT object, command FROM caas_residue('empty') WHERE object !~ :outside;
-- What is there, and then goes step by step.
CREATE TABLE filled (id bigint PRIMARY KEY, email text UNIQUE, phone text, code text, note text) WITH (autovacuum_enabled = false);
INSERT INTO filled SELECT n, 'e' || n, 'p' || n % 3, 'c', 'n' || n % 3 FROM generate_series(1, 100) n;
CREATE INDEX ON filled (lower(phone));
CREATE STATISTICS joint ON email, phone FROM filled;
CREATE STATISTICS computed ON (upper(email)), note FROM filled;
CREATE VIEW direct AS SELECT email FROM filled;
CREATE MATERIALIZED VIEW indirect AS SELECT * FROM direct;
CREATE MATERIALIZED VIEW unfilled AS SELECT * FROM direct WITH NO DATA;
CREATE TABLE deleted (email text);
CREATE RULE deleted AS ON DELETE TO filled DO ALSO INSERT INTO deleted VALUES (old.email);
CREATE FUNCTION history() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER history AFTER UPDATE ON filled FOR EACH ROW EXECUTE FUNCTION history();
CREATE TRIGGER cleared AFTER TRUNCATE ON filled EXECUTE FUNCTION history();
ANALYZE filled;
SELECT count(*) > 0 AS some FROM caas_protect('filled', 'id@filled', 'email=email_sealed@filled.email', 'phone=phone_digest', 'code=code_digest keep', 'note');
SELECT object, what, command FROM caas_residue('filled') WHERE object !~ :outside;
UPDATE filled SET email = email;
-- A row that is locked, and one whose deletion was rolled back, are not dead; a version that was rolled back is.
CREATE TABLE locked (id uuid PRIMARY KEY, email text);
INSERT INTO locked VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
BEGIN;
SELECT email FROM locked FOR UPDATE;
SELECT object, command FROM caas_residue('locked') WHERE object ~ '^table';
COMMIT;
SELECT object, command FROM caas_residue('locked') WHERE object ~ '^table';
BEGIN;
DELETE FROM locked;
ROLLBACK;
SELECT object, command FROM caas_residue('locked') WHERE object ~ '^table';
BEGIN;
UPDATE locked SET email = 'y';
ROLLBACK;
SELECT object, command FROM caas_residue('locked') WHERE object ~ '^table';
SELECT object, command FROM caas_residue('filled') WHERE object ~ '^(column|statistics)';
DROP INDEX filled_lower_idx;
ALTER TABLE filled DROP CONSTRAINT filled_email_key, RESET (autovacuum_enabled);
DROP TRIGGER history ON filled;
DROP RULE deleted ON filled;
DROP MATERIALIZED VIEW indirect;
SELECT object, command FROM caas_residue('filled') WHERE object ~ '^table';
VACUUM (FULL, ANALYZE) filled;
SELECT object, command FROM caas_residue('filled') WHERE object !~ :outside;
-- A valid constraint answers for the rows.
ALTER TABLE filled ADD CHECK (email IS NULL) NOT VALID, ADD CHECK (phone IS NULL);
SELECT object FROM caas_residue('filled') WHERE object ~ '^column';
-- Partitions: each where its rows are.
CREATE TABLE parts (tenant int, id uuid NOT NULL, email text) PARTITION BY LIST (tenant);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
CREATE INDEX ON parts (email);
INSERT INTO parts VALUES (2, '4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
SELECT count(*) > 0 AS some FROM caas_protect('parts', 'id', 'email=email_digest');
SELECT object, command FROM caas_residue('parts') WHERE object !~ :outside;
-- Not for views; without the table's SELECT.
SELECT * FROM caas_residue('direct');
CREATE ROLE caas_regress_residue;
GRANT USAGE ON SCHEMA caas_residue TO caas_regress_residue;
SET ROLE caas_regress_residue;
SELECT count(*) FROM caas_residue('filled');
RESET ROLE;
SELECT count(*) FROM caas_grant('caas_regress_residue', 'administer') s WHERE s ~ 'caas_residue';
SET ROLE caas_regress_residue;
SELECT count(*) FROM caas_residue('filled');
RESET ROLE;
DROP OWNED BY caas_regress_residue;
DROP ROLE caas_regress_residue;

SET client_min_messages = warning;
DROP SCHEMA caas_residue CASCADE;
