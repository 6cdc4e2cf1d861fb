-- caas_encrypt_trigger(): wrong arguments, columns and events are refused, and nothing is stored.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE SCHEMA caas_trigger_args;
SET search_path = caas_trigger_args, public;
CREATE TABLE t (junk text, id uuid, email text, phone text, digest text, "Mixed Case" text, "a=b" text, "it's.quoted" text,
    fixed character(200), number int, kind "char", label name, list text[], doc json,
    filled text NOT NULL DEFAULT 'x', made text GENERATED ALWAYS AS ('made') STORED,
    made_id uuid GENERATED ALWAYS AS ('4dbcbcfe-4800-40a8-badf-c26b73af230c'::uuid) STORED);
CREATE DOMAIN fixed_domain AS character(200);
ALTER TABLE t ADD fixed_domain fixed_domain, DROP junk;

-- Creates the trigger with these arguments and inserts a row.
CREATE FUNCTION attempt(arguments text, event text DEFAULT 'BEFORE INSERT OR UPDATE', fired_for text DEFAULT 'ROW', statement text DEFAULT
    'INSERT INTO t (id, email, "a=b", "Mixed Case", "it''s.quoted") VALUES (''4dbcbcfe-4800-40a8-badf-c26b73af230c'', ''plain@example.com'', ''plain'', ''plain'', ''plain'')')
RETURNS TABLE (state text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER protect %s ON t FOR EACH %s EXECUTE FUNCTION caas_encrypt_trigger(%s)', event, fired_for, arguments);
    EXECUTE statement;
    state := '00000';
    message := 'stored';
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END
$$;

-- The number of arguments, and the columns that they name.
SELECT * FROM attempt('');
SELECT * FROM attempt($$'id'$$);
SELECT * FROM attempt($$'id', 'nothing'$$);
SELECT * FROM attempt($$'nothing', 'email'$$);
SELECT * FROM attempt($$'id', ''$$);
SELECT state, message FROM attempt($$'id', '='$$);
SELECT state, message FROM attempt($$'id', 'email='$$);
SELECT state, message FROM attempt($$'id', '=email'$$);
SELECT state, message FROM attempt($$'id', 'email=digest=phone'$$);
SELECT state, message FROM attempt($$'id', ' email'$$);
SELECT state, message FROM attempt($$'id', 'Email'$$);
SELECT state, message FROM attempt($$'id', '"email"'$$);
SELECT state, message FROM attempt($$'id', 'mixed case'$$);
SELECT state, message FROM attempt($$'id', 't.email'$$);
SELECT state, message FROM attempt($$'id', 'ctid'$$);
SELECT state, message FROM attempt($$'id', '........pg.dropped.1........'$$);
SELECT state, message FROM attempt($$'id', 'a=b'$$);
SELECT state, message FROM attempt($$'id', 'email; DROP TABLE t'$$);
TRUNCATE t;
-- Names are compared with the catalog.
SELECT state, message FROM attempt($$'id', 'email', 'Mixed Case', 'it''s.quoted'$$);
SELECT email = caas_encrypt(id, 'plain@example.com') AS email, "Mixed Case" = caas_encrypt(id, 'plain') AS mixed,
    "it's.quoted" = caas_encrypt(id, 'plain') AS quoted FROM t;
DELETE FROM t;

-- A column can be named only once.
SELECT * FROM attempt($$'id', 'email', 'email'$$);
SELECT state, message FROM attempt($$'id', 'email=email'$$);
SELECT state, message FROM attempt($$'id', 'email=digest', 'phone=digest'$$);
SELECT state, message FROM attempt($$'id', 'email=digest', 'email=phone'$$);
SELECT state, message FROM attempt($$'id', 'email=digest', 'digest=phone'$$);
SELECT state, message FROM attempt($$'id', 'email=digest', 'digest=email'$$);
SELECT state, message FROM attempt($$'id', 'email=digest', 'digest'$$);
SELECT state, message FROM attempt($$'id', 'id'$$);
SELECT state, message FROM attempt((SELECT '''id''' || string_agg(', ''email''', '') FROM generate_series(1, 5000)));
SELECT state, message FROM attempt((SELECT '''id''' || string_agg(format(', ''nothing%s=email''', i), '') FROM generate_series(1, 5000) i));

-- The types of the columns.
SELECT * FROM attempt($$'email', 'phone'$$);
SELECT * FROM attempt($$'id', 'fixed'$$);
SELECT state, message FROM attempt($$'id', 'fixed_domain'$$);
SELECT state, message FROM attempt($$'id', 'email=fixed'$$);
SELECT state, message FROM attempt($$'id', 'fixed=email'$$);
SELECT * FROM attempt($$'id', 'number'$$);
SELECT a.state, a.message FROM unnest(ARRAY['kind', 'label', 'list', 'doc', 'email=list', 'doc=email']) WITH ORDINALITY c(argument, n),
    attempt(format($$'id', %L$$, c.argument)) a ORDER BY n;
SELECT * FROM attempt($$'id', 'made'$$);
SELECT state, message FROM attempt($$'id', 'email=made'$$);
SELECT state, message FROM attempt($$'id', 'made=email'$$);
SELECT state, message FROM attempt($$'made_id', 'email'$$);
SELECT * FROM attempt($$'id', 'filled=digest'$$);
SELECT state, message FROM attempt($$'id', 'filled', 'email=digest'$$);
SELECT filled = caas_encrypt(id, 'x') AS filled FROM t;
DELETE FROM t;

-- The events that fire the trigger.
SELECT * FROM attempt($$'id', 'email'$$, event => 'AFTER INSERT OR UPDATE');
SELECT state, message FROM attempt($$'id', 'email'$$, fired_for => 'STATEMENT');
SELECT state, message FROM attempt($$'id', 'email'$$, fired_for => 'STATEMENT', event => 'AFTER INSERT');
SELECT state, message FROM attempt($$'id', 'email'$$, event => 'BEFORE TRUNCATE', fired_for => 'STATEMENT', statement => 'TRUNCATE t');
SELECT count(*) FROM t;
SELECT state, message FROM attempt($$'id', 'email'$$, event => 'BEFORE INSERT OR UPDATE OR DELETE');
DELETE FROM t;
\echo :SQLSTATE
TRUNCATE t;
SELECT caas_encrypt_trigger();
\echo :SQLSTATE
SELECT count(caas_encrypt_trigger()) OVER () FROM t;
CREATE VIEW v AS SELECT * FROM t;
CREATE TRIGGER protect INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
\echo :SQLSTATE
-- A constraint trigger fires AFTER, and is refused.
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
\echo :SQLSTATE
DROP TRIGGER protect ON t;
TRUNCATE t;

-- A trigger for one event is refused: the other event would store plaintext.
SELECT * FROM attempt($$'id', 'email'$$, event => 'BEFORE INSERT');
SELECT state, message FROM attempt($$'id', 'phone=digest'$$, event => 'BEFORE INSERT');
INSERT INTO t (id) VALUES (gen_random_uuid());
SELECT state, message FROM attempt($$'id', 'email'$$, event => 'BEFORE UPDATE', statement => 'UPDATE t SET email = ''plain''');
SELECT count(*), count(email) FROM t;
TRUNCATE t;

-- UPDATE OF is refused: it does not fire when an earlier trigger changes a column.
SELECT * FROM attempt($$'id', 'email'$$, event => 'BEFORE INSERT OR UPDATE OF email');
SELECT * FROM attempt($$'id', 'email', 'phone=digest'$$, event => 'BEFORE INSERT OR UPDATE OF id, email, digest');
SELECT state, message FROM attempt($$'id', 'email', 'phone=digest'$$, event => 'BEFORE INSERT OR UPDATE OF id, email, phone');

-- Two triggers on one column are refused.
CREATE TRIGGER second BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
SELECT * FROM attempt($$'id', 'email'$$);
SELECT state, message FROM attempt($$'id', 'email=digest'$$);
SELECT state, message FROM attempt($$'id', 'phone=email'$$);
SELECT state, message FROM attempt($$'id', 'email'$$, event => 'BEFORE UPDATE');
UPDATE t SET email = 'new@example.com';
SELECT email = caas_encrypt(id, 'new@example.com') AS update FROM t;
ALTER TABLE t DISABLE TRIGGER second;
SELECT state, message FROM attempt($$'id', 'email'$$);
ALTER TABLE t ENABLE REPLICA TRIGGER second;
SELECT state, message FROM attempt($$'id', 'email'$$);
ALTER TABLE t ENABLE ALWAYS TRIGGER second;
SELECT state, message FROM attempt($$'id', 'email'$$);
DROP TRIGGER second ON t;
TRUNCATE t;
-- WHEN is refused: a row for which it is false would be stored as plaintext.
CREATE TRIGGER second BEFORE INSERT OR UPDATE ON t FOR EACH ROW WHEN (NEW.email IS NOT NULL) EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
\echo :SQLSTATE
-- Two triggers on one column are refused when the second is created.
DROP TRIGGER IF EXISTS second ON t;
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
CREATE TRIGGER second BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
\echo :SQLSTATE
CREATE TRIGGER second BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'phone=email');
\echo :SQLSTATE
-- A column with a longer name and a trigger of another function do not count.
ALTER TABLE t ADD email_too text;
CREATE OR REPLACE TRIGGER second BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email_too');
CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER other BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION other('id', 'email');
SELECT state, message FROM attempt($$'id', 'email'$$);
DROP TRIGGER other ON t;
DROP TRIGGER second ON t;
TRUNCATE t;
-- One trigger for each column is accepted.
CREATE TRIGGER second BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'phone');
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
ALTER TABLE t ALTER filled DROP NOT NULL;
CREATE TRIGGER third BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'filled=digest');
INSERT INTO t (id, number, email, phone) SELECT '4dbcbcfe-4800-40a8-badf-c26b73af230c', n, 'e', 'p' FROM generate_series(1, 2) n;
UPDATE t SET fixed = 'touched';
SELECT number, email = caas_encrypt(id, 'e') AS email, phone = caas_encrypt(id, 'p') AS phone, digest = caas_encrypt(id, 'x') AS filled FROM t ORDER BY number;

SET client_min_messages = warning;
DROP SCHEMA caas_trigger_args CASCADE;
