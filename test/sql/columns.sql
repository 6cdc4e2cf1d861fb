-- What is protected where: the view caas_columns, and security labels for what an application fills.
CREATE SCHEMA columns;
SET search_path = columns, public;
\set VERBOSITY terse

CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "E mail" text, digest text, made integer, ssn text, ssn_sealed bytea, ssn_index bytea,
	CHECK ("E mail" IS NULL), CHECK (ssn IS NULL));
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id@people', '"E mail"=digest:made keep');
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id@people', 'ssn=ssn_sealed:ssn_index@people.ssn normalize=digits');
CREATE TABLE users (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, lower(email))) STORED,
	index bytea GENERATED ALWAYS AS (caas_blind_index(email, 'users.email', 16, 'casefold')) STORED, twice text GENERATED ALWAYS AS (email || email) STORED);
CREATE TABLE numbered (id integer, email text, digest text GENERATED ALWAYS AS (caas_encrypt(caas_uuid('numbered', id), email)) STORED);
CREATE TABLE placed (id uuid, email text CHECK (caas_is_digest(email)));
CREATE TRIGGER c BEFORE INSERT OR UPDATE ON placed FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email digests=keep');
CREATE TABLE filled (id uuid, number bigint, "Sealed" bytea, index bytea, digest text, made integer, note text);
SECURITY LABEL FOR caas ON COLUMN filled."Sealed" IS 'seal id :index@filled.note normalize=casefold';
SECURITY LABEL FOR caas ON COLUMN filled.digest IS 'encrypt number@filled :made';
CREATE VIEW here AS SELECT * FROM caas_columns WHERE relation::text !~ '[.]';
\x on
SELECT * FROM here ORDER BY relation::text, target_column;
\x off

-- A label names columns of the table, and is refused otherwise.
SECURITY LABEL FOR caas ON COLUMN filled.note IS 'hide id';
SECURITY LABEL FOR caas ON COLUMN filled.note IS 'seal';
SECURITY LABEL FOR caas ON COLUMN filled.note IS 'seal nothing @filled.note';
SECURITY LABEL FOR caas ON COLUMN filled.note IS 'seal id :nothing@filled.note';
SECURITY LABEL FOR caas ON COLUMN filled.note IS 'seal id :index';
SECURITY LABEL FOR caas ON COLUMN filled.note IS 'seal id @filled.note keep';
SECURITY LABEL FOR caas ON COLUMN filled.note IS 'seal id @filled.note nonsense=1 "';
SECURITY LABEL FOR caas ON COLUMN filled.note IS 'encrypt id @filled.note';
SECURITY LABEL FOR caas ON TABLE filled IS 'encrypt id';
-- It follows the column that has it; of the others the view says when they are gone.
ALTER TABLE filled RENAME COLUMN "Sealed" TO sealed;
ALTER TABLE filled RENAME COLUMN index TO other;
SELECT target_column, companion_column, problem FROM here WHERE relation = 'filled'::regclass ORDER BY 1;
SECURITY LABEL FOR caas ON COLUMN filled.sealed IS NULL;
SELECT target_column FROM here WHERE relation = 'filled'::regclass;

-- Problems: a disabled trigger, one event alone, a child without the trigger, a column that is gone.
ALTER TABLE people DISABLE TRIGGER a;
CREATE TABLE inserted (id uuid, email text, digest text, CHECK (email IS NULL));
CREATE TRIGGER d BEFORE INSERT ON inserted FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TABLE parent (id uuid, email text, digest text, CHECK (email IS NULL));
CREATE TRIGGER e BEFORE INSERT OR UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TABLE child () INHERITS (parent);
SELECT relation, target_column, trigger_name, enabled, problem FROM here WHERE problem IS NOT NULL ORDER BY 1, 3;
-- Two triggers that share the events are one declaration.
CREATE TABLE shared (id uuid, email text, digest text, CHECK (email IS NULL));
CREATE TRIGGER i BEFORE INSERT ON shared FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TRIGGER u BEFORE UPDATE ON shared FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
SELECT trigger_name, enabled, problem FROM here WHERE relation = 'shared'::regclass;
-- Partitions have the trigger of their table.
CREATE TABLE parted (id uuid, email text, digest text, CHECK (email IS NULL)) PARTITION BY HASH (id);
CREATE TABLE part PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TRIGGER p BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
SELECT relation, problem FROM here WHERE trigger_name = 'p' ORDER BY 1;
-- A label of a partitioned table or of an inheritance parent counts for the tables below it, which can have one of their own.
CREATE TABLE roots (id uuid, sealed bytea, other bytea) PARTITION BY HASH (id);
CREATE TABLE roots_0 PARTITION OF roots FOR VALUES WITH (MODULUS 1, REMAINDER 0) PARTITION BY HASH (id);
CREATE TABLE roots_leaf (other bytea, sealed bytea, id uuid);
ALTER TABLE roots_0 ATTACH PARTITION roots_leaf FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE elders (id uuid, sealed bytea);
CREATE TABLE heirs (note text) INHERITS (elders);
SECURITY LABEL FOR caas ON COLUMN roots.sealed IS 'seal id @roots';
SECURITY LABEL FOR caas ON COLUMN roots.other IS 'seal id @other';
SECURITY LABEL FOR caas ON COLUMN roots_leaf.other IS 'seal id @leaf';
SECURITY LABEL FOR caas ON COLUMN elders.sealed IS 'seal id @elders';
SELECT relation, target_column, context, declared_by FROM here WHERE relation::text ~ 'roots|elders|heirs' ORDER BY 1, 2;
ALTER TABLE roots DETACH PARTITION roots_0;
ALTER TABLE heirs NO INHERIT elders;
SELECT relation, target_column, context FROM here WHERE relation::text ~ 'roots|elders|heirs' ORDER BY 1, 2;
-- Everyone may look.
CREATE ROLE regress_caas_reader;
GRANT USAGE ON SCHEMA columns TO regress_caas_reader;
SET ROLE regress_caas_reader;
SELECT count(*) > 5 FROM caas_columns;
SELECT * FROM caas_table_columns(0);
RESET ROLE;
DROP VIEW here;
DROP OWNED BY regress_caas_reader;
DROP ROLE regress_caas_reader;
DROP SCHEMA columns CASCADE;
