-- caas_doctor: each finding appears, and goes away with its remedy.
\i test/needs_key.sql
SET client_min_messages = error;
CREATE SCHEMA caas_doctor;
SET search_path = caas_doctor, public;
\pset format unaligned
\pset tuples_only on
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
CREATE ROLE caas_regress_doctor;
-- What is found in this schema, and the remedies that are statements.
CREATE VIEW here AS SELECT severity, object, finding, remedy FROM caas_doctor() WHERE concat(object, finding) ~ 'caas_doctor|caas_regress_doctor' ORDER BY object COLLATE "C", finding COLLATE "C";
CREATE VIEW remedies AS SELECT remedy FROM here WHERE remedy ~ '^[A-Z]+ .*;$';

\echo # Nothing
SELECT * FROM here;
CREATE TABLE people (id uuid PRIMARY KEY, email text CHECK (email IS NULL), digest text, phone text CHECK (caas_is_digest(phone)));
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest', 'phone');
CREATE INDEX ON people (email, phone);
INSERT INTO people VALUES (:ada, 'ada@example.com', NULL, '0123');
ANALYZE people;
SELECT * FROM here;

\echo # A trigger that does not fire
ALTER TABLE people DISABLE TRIGGER protect;
SELECT * FROM here;
SELECT * FROM remedies \gexec
SELECT * FROM here;
ALTER TABLE people ENABLE REPLICA TRIGGER protect;
SELECT * FROM here;
SELECT * FROM remedies \gexec
SELECT * FROM here;

\echo # A missing constraint
ALTER TABLE people DROP CONSTRAINT people_email_check, DROP CONSTRAINT people_phone_check;
SELECT * FROM here;
SELECT * FROM remedies \gexec
SELECT * FROM here;

\echo # A trigger that fires later
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "Before" BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER later AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT * FROM here;
CREATE TRIGGER updated BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT * FROM here;
BEGIN;
ALTER TABLE people DROP CONSTRAINT people_email_check;
SELECT severity, object FROM here;
ROLLBACK;
SELECT * FROM remedies \gexec
SELECT * FROM here;
DROP TRIGGER a_updated ON people;
DROP TRIGGER later ON people;
DROP TRIGGER "Before" ON people;

\echo # Triggers that cannot work
BEGIN;
ALTER EVENT TRIGGER caas_check_triggers DISABLE;
CREATE TABLE wrong (id uuid, a text, b text, c text);
CREATE TRIGGER arguments BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id');
SELECT * FROM here;
DROP TRIGGER arguments ON wrong;
CREATE TRIGGER lost BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'lost=b');
CREATE TRIGGER sealed BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'a=b@c keep');
CREATE TRIGGER listed BEFORE INSERT OR UPDATE OF c ON wrong FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'c');
CREATE TRIGGER afterwards AFTER INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'a=b@c keep');
SELECT * FROM here;
DROP TRIGGER lost ON wrong;
DROP TRIGGER sealed ON wrong;
DROP TRIGGER listed ON wrong;
DROP TRIGGER afterwards ON wrong;
CREATE TRIGGER one BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'a=b');
CREATE TRIGGER two BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'a=c');
SELECT * FROM here;
DROP TRIGGER two ON wrong;
CREATE TABLE child () INHERITS (wrong);
SELECT * FROM here;
SELECT * FROM remedies WHERE remedy ~ 'TRIGGER' \gexec
SELECT * FROM here;
DROP TRIGGER one ON child;
ALTER TRIGGER one ON wrong RENAME TO " ON caas_doctor.wrong FOR EACH ROW";
SELECT * FROM remedies WHERE remedy ~ 'TRIGGER' \gexec
SELECT severity, object FROM here;
DROP TRIGGER " ON caas_doctor.wrong FOR EACH ROW" ON child;
CREATE TRIGGER broken BEFORE INSERT OR UPDATE ON child FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id');
SELECT severity, object FROM here;
ROLLBACK;

\echo # A partition
CREATE TABLE parted (id uuid, mail text CHECK (mail IS NULL), digest text) PARTITION BY RANGE (id);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'mail=digest');
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES FROM (MINVALUE) TO ('80000000-0000-0000-0000-000000000000');
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('80000000-0000-0000-0000-000000000000') TO (MAXVALUE);
SELECT * FROM here;
ALTER TABLE parted DISABLE TRIGGER protect;
SELECT severity, object FROM here;
SELECT * FROM remedies \gexec
ALTER TABLE parted_1 DISABLE TRIGGER protect;
SELECT severity, object FROM here;
SELECT * FROM remedies \gexec
SELECT * FROM here;
-- What the partitions have of their own.
CREATE TRIGGER updated BEFORE UPDATE ON parted_1 FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT severity, object, remedy FROM here;
DROP TRIGGER updated ON parted_1;
BEGIN;
ALTER EVENT TRIGGER caas_check_triggers DISABLE;
ALTER TABLE parted RENAME digest TO lost;
SELECT severity, object, finding FROM here;
ROLLBACK;
DROP TRIGGER protect ON parted;
ALTER TABLE parted DROP CONSTRAINT parted_mail_check;
INSERT INTO parted SELECT :ada, 'mail', n::text FROM generate_series(1, 10) n;
ANALYZE parted;
CREATE INDEX ON parted (mail);
CREATE INDEX alone ON parted_0 (mail);
ALTER TABLE parted_0 ADD UNIQUE (mail, digest);
ALTER TABLE parted ADD UNIQUE (id, mail, digest);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'mail=digest keep');
SELECT object FROM here;
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'mail=digest');
ALTER TABLE parted_0 DROP CONSTRAINT parted_0_mail_digest_key;
UPDATE parted SET mail = mail;
SELECT severity, object, finding FROM here;
SELECT * FROM remedies WHERE remedy ~ '^ALTER TABLE' \gexec
SELECT remedy FROM remedies WHERE remedy ~ 'parted ' \gexec
SELECT * FROM here;
DROP TABLE parted;

\echo # Plaintext in statistics
CREATE DOMAIN raw AS bytea;
CREATE TABLE filled (id uuid, a text, digest text, b text, c raw);
INSERT INTO filled SELECT :ada, 'a', NULL, 'b', 'c' FROM generate_series(1, 10);
ANALYZE filled;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON filled FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'a=digest', 'b', 'c');
UPDATE filled SET a = a;
ALTER TABLE filled ADD CHECK (a IS NULL), ADD CHECK (caas_is_digest(b)), ADD CHECK (caas_is_digest(c));
SELECT * FROM here;
SELECT * FROM remedies \gexec
SELECT * FROM here;
DROP TABLE filled;
DROP DOMAIN raw;

\echo # Copies of what the option keep leaves
CREATE TABLE kept (id uuid PRIMARY KEY, mail text UNIQUE, digest text UNIQUE);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'mail=digest keep');
CREATE INDEX lower_mail ON kept (lower(mail));
CREATE INDEX some_ids ON kept (id) WHERE mail IS NOT NULL;
CREATE INDEX digests ON kept (digest);
CREATE STATISTICS dependent ON mail, digest FROM kept;
CREATE VIEW mails AS SELECT upper(mail) AS mail FROM kept;
CREATE MATERIALIZED VIEW mails_now AS SELECT mail FROM mails;
CREATE MATERIALIZED VIEW ids_now AS SELECT id FROM kept;
SELECT * FROM here;
DROP MATERIALIZED VIEW mails_now;
DROP STATISTICS dependent;
DROP INDEX lower_mail, some_ids;
ALTER TABLE kept DROP CONSTRAINT kept_mail_key;
SELECT * FROM here;
DROP TABLE kept CASCADE;

\echo # Calls with constants
CREATE TABLE calls (id uuid, digest text DEFAULT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x'::varchar), place bytea, mail text);
ALTER TABLE calls ADD CONSTRAINT other CHECK (digest <> caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', 1));
CREATE INDEX partial ON calls (id) WHERE place = caas_blind_index('x', 'calls.place');
CREATE VIEW finds AS SELECT id FROM calls WHERE place = ANY (caas_blind_candidates('x', 'calls.place'));
CREATE VIEW fine AS SELECT id FROM calls WHERE caas_verify(id, mail, digest) AND caas_uuid('users', 5) = id;
CREATE FUNCTION body() RETURNS text BEGIN ATOMIC SELECT d FROM (SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') AS d) s; END;
SELECT * FROM here;
DROP FUNCTION body;
DROP VIEW finds, fine;
DROP TABLE calls;
SELECT * FROM here;

\echo # Columns that nothing protects
CREATE TABLE users (user_id integer PRIMARY KEY, "workEmail" varchar(200), e_mail_digest text, password text, "Tax-ID" text, birth_date date, iban bigint, born date, phone caas_digest, "from" bytea, sealed caas_sealed);
SELECT * FROM here;
INSERT INTO users VALUES (1, 'ada@example.com', 'x', '$scrypt$x', 'y', '1815-12-10', 5, '1815-12-10', caas_encrypt(:ada, 'x'), 'x', NULL);
SELECT * FROM here;
UPDATE users SET "from" = caas_seal(:ada, 'x'), sealed = caas_seal(:ada, 'y');
INSERT INTO users (user_id, password) VALUES (2, 'secret');
SELECT object, finding, remedy FROM here;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('user_id@users', 'password=from@users.password keep');
SELECT object FROM here;
ALTER TABLE users ADD lookup bytea;
SECURITY LABEL FOR caas ON COLUMN users.sealed IS 'seal user_id@users :lookup@users.sealed';
SELECT object FROM here;
ALTER TABLE users RENAME lookup TO account;
SELECT object, finding FROM here WHERE finding ~ 'label';
ALTER TABLE users RENAME account TO lookup;
SELECT object FROM here;
DELETE FROM users;
SELECT * FROM here;
DROP TABLE users;
-- Without a primary key the only uuid is the id. Where there are several, the reader puts one in place of ID.
CREATE TABLE bare (phone text, person uuid);
INSERT INTO bare VALUES ('0123', :ada);
SELECT remedy FROM here;
ALTER TABLE bare ADD author uuid;
SELECT remedy FROM here;
DROP TABLE bare;
CREATE TABLE many (phone text, part integer, id uuid PRIMARY KEY, dropped text);
ALTER TABLE many DROP dropped;
CREATE TABLE list (part integer, id uuid, phone text) PARTITION BY LIST (part);
ALTER TABLE many DROP CONSTRAINT many_pkey;
ALTER TABLE list ATTACH PARTITION many FOR VALUES IN (1);
CREATE TABLE more PARTITION OF list DEFAULT;
SELECT * FROM here;
INSERT INTO list VALUES (1, :ada, '0123');
SELECT object, finding FROM here;
DROP TABLE list;

\echo # Privileges
GRANT EXECUTE ON FUNCTION caas_open(uuid, bytea, text) TO PUBLIC;
SELECT * FROM caas_doctor() WHERE object ~ 'function';
SELECT remedy FROM caas_doctor() WHERE object ~ 'function' \gexec
SELECT * FROM caas_doctor() WHERE object ~ 'function';
BEGIN;
ALTER EXTENSION caas SET SCHEMA caas_doctor;
SELECT * FROM here;
GRANT CREATE ON SCHEMA caas_doctor TO PUBLIC, caas_regress_doctor;
SELECT * FROM here WHERE object ~ 'schema';
SELECT * FROM remedies \gexec
SELECT * FROM here;
ROLLBACK;

\echo # The event trigger
BEGIN;
ALTER EVENT TRIGGER caas_check_triggers DISABLE;
SELECT * FROM caas_doctor() WHERE object ~ 'event';
SELECT remedy FROM caas_doctor() WHERE object ~ 'event' \gexec
SELECT * FROM caas_doctor() WHERE object ~ 'event';
ALTER EXTENSION caas DROP EVENT TRIGGER caas_check_triggers;
DROP EVENT TRIGGER caas_check_triggers;
SELECT * FROM caas_doctor() WHERE object ~ 'event';
SELECT remedy FROM caas_doctor() WHERE object ~ 'event' \gexec
SELECT * FROM caas_doctor() WHERE object ~ 'event';
DROP EVENT TRIGGER caas_check_triggers;
ROLLBACK;

\echo # The version
BEGIN;
UPDATE pg_extension SET extversion = '0.1.0' WHERE extname = 'caas';
SELECT severity, object, replace(finding, caas_version(), 'NEW'), remedy FROM caas_doctor() WHERE object ~ 'extension';
ROLLBACK;
SELECT * FROM caas_doctor() WHERE object ~ 'extension';

\echo # Settings of a role
BEGIN;
ALTER ROLE caas_regress_doctor SET log_statement = 'MOD';
ALTER ROLE caas_regress_doctor SET log_min_duration_statement = '1s';
ALTER ROLE caas_regress_doctor SET log_min_duration_sample = 0;
ALTER ROLE caas_regress_doctor SET log_transaction_sample_rate = 0.5;
ALTER ROLE caas_regress_doctor SET log_parameter_max_length_on_error = -1;
ALTER ROLE caas_regress_doctor SET log_min_error_statement = 'warning';
ALTER ROLE caas_regress_doctor SET log_min_messages = 'debug2';
ALTER ROLE caas_regress_doctor SET debug_print_parse = 'YES';
ALTER ROLE caas_regress_doctor SET debug_print_rewritten = 1;
ALTER ROLE caas_regress_doctor SET debug_print_plan = on;
ALTER ROLE caas_regress_doctor SET auto_explain.log_min_duration = '5s';
ALTER ROLE caas_regress_doctor SET pgaudit.log = 'write';
ALTER ROLE caas_regress_doctor SET session_replication_role = 'replica';
SELECT * FROM here;
SELECT * FROM remedies \gexec
SELECT * FROM here;
ALTER ROLE caas_regress_doctor SET log_statement = 'ddl';
SELECT severity, object, finding FROM here;
ALTER ROLE caas_regress_doctor SET log_statement = 'all';
SELECT severity, object, finding FROM here;
-- What shows nothing.
ALTER ROLE caas_regress_doctor SET log_statement = 'none';
ALTER ROLE caas_regress_doctor SET log_min_duration_statement = -1;
ALTER ROLE caas_regress_doctor SET log_parameter_max_length = -1;
ALTER ROLE caas_regress_doctor SET log_min_error_statement = 'FATAL';
ALTER ROLE caas_regress_doctor SET log_min_messages = 'debug1';
ALTER ROLE caas_regress_doctor SET log_transaction_sample_rate = '0.0';
ALTER ROLE caas_regress_doctor SET debug_print_plan = 'no';
ALTER ROLE caas_regress_doctor SET session_replication_role = 'local';
ALTER ROLE caas_regress_doctor SET auto_explain.log_min_duration = '';
ALTER ROLE caas_regress_doctor SET pgaudit.log = 'none';
SELECT * FROM here;
ROLLBACK;

\echo # Another role
CREATE TABLE secret (id uuid, email text, sealed bytea);
INSERT INTO secret VALUES (:ada, 'ada@example.com', caas_seal(:ada, 'x'));
GRANT USAGE ON SCHEMA caas_doctor TO caas_regress_doctor;
SET ROLE caas_regress_doctor;
SELECT count(*) FROM caas_doctor();
\echo :SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION caas_doctor() TO caas_regress_doctor;
SET ROLE caas_regress_doctor;
\set mine 'SELECT * FROM caas_doctor() WHERE object ~ ''caas_doctor'' ORDER BY object COLLATE "C";'
:mine
RESET ROLE;
GRANT SELECT (email, sealed) ON secret TO caas_regress_doctor;
SET ROLE caas_regress_doctor;
SELECT object, finding FROM caas_doctor() WHERE object ~ 'caas_doctor' ORDER BY object COLLATE "C";
RESET ROLE;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
SET ROLE caas_regress_doctor;
:mine
RESET ROLE;
SELECT object, finding FROM here;
DROP TABLE secret;

\echo # Functions and operators of others
CREATE TABLE secret (id uuid, email text);
INSERT INTO secret VALUES (:ada, 'ada@example.com');
CREATE FUNCTION evil(oid, oid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE FUNCTION evil("char", "char") RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE FUNCTION evil(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE FUNCTION evil(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE FUNCTION lower(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'called'; END $$;
CREATE OPERATOR = (FUNCTION = evil, LEFTARG = oid, RIGHTARG = oid);
CREATE OPERATOR = (FUNCTION = evil, LEFTARG = "char", RIGHTARG = "char");
CREATE OPERATOR = (FUNCTION = evil, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR ~ (FUNCTION = evil, LEFTARG = name, RIGHTARG = text);
-- The planner computes calls with constants in predicates and constraints of a table that it reads.
CREATE FUNCTION touched(uuid) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN true; END $$;
CREATE INDEX ON secret (id) WHERE id IS NULL AND touched('4dbcbcfe-4800-40a8-badf-c26b73af230c');
CREATE OR REPLACE FUNCTION touched(uuid) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'called'; END $$;
SELECT email FROM secret WHERE id IS NULL;
SET search_path = caas_doctor, pg_catalog, public;
SELECT object FROM caas_doctor() WHERE object OPERATOR(pg_catalog.~) 'caas_doctor'::text;
SET search_path = '';
SELECT object FROM public.caas_doctor() WHERE object OPERATOR(pg_catalog.~) 'caas_doctor'::text;
SHOW search_path;
RESET search_path;

SET client_min_messages = warning;
REVOKE ALL ON FUNCTION caas_doctor() FROM caas_regress_doctor;
DROP SCHEMA caas_doctor CASCADE;
DROP ROLE caas_regress_doctor;
