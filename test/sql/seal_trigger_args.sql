-- caas_seal_trigger(): wrong arguments, columns and events are refused, and nothing is stored.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE SCHEMA caas_seal_args;
SET search_path = caas_seal_args, public;
CREATE TABLE t (id uuid, a text, b bytea, a_sealed bytea, b_sealed bytea, a_index bytea, b_index bytea, "Mixed Case" text, "Mixed Sealed" bytea, "it's" bytea,
    fixed character(20), number int, words text, list bytea[], filled text NOT NULL DEFAULT 'x',
    made text GENERATED ALWAYS AS ('made') STORED, made_sealed bytea GENERATED ALWAYS AS ('\x00'::bytea) STORED);

-- Creates the trigger with these arguments and inserts a row. An argument without a context gets caas_seal_args.t.SOURCE.
CREATE FUNCTION attempt(arguments text, event text DEFAULT 'BEFORE INSERT OR UPDATE', fired_for text DEFAULT 'ROW', statement text DEFAULT
    'INSERT INTO t (id, a, b, "Mixed Case") VALUES (''4dbcbcfe-4800-40a8-badf-c26b73af230c'', ''plain'', ''plain'', ''plain'')')
RETURNS TABLE (state text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER protect %s ON t FOR EACH %s EXECUTE FUNCTION caas_seal_trigger(%s)', event, fired_for,
        regexp_replace(arguments, '''([^''=@]*)=([^''=@]+)''(?!'')', '''\1=\2@caas_seal_args.t.\1''', 'g'));
    EXECUTE statement;
    state := '00000';
    message := 'stored';
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END
$$;
\x on

-- The number of arguments, and the columns that they name.
SELECT * FROM attempt('');
SELECT * FROM attempt($$'id'$$);
SELECT * FROM attempt($$'id', 'nothing=a_sealed'$$);
SELECT * FROM attempt($$'id', 'a'$$);
SELECT * FROM attempt($$'id', 'a:a_index@context'$$);
\x off
SELECT a.state, a.message FROM unnest(ARRAY[$$'nothing', 'a=a_sealed'$$, $$'id', ''$$, $$'id', '='$$, $$'id', 'a='$$, $$'id', '=a_sealed'$$, $$'id', 'a=nothing'$$,
    $$'id', 'a=a_sealed:nothing'$$, $$'id', 'a=a_sealed:'$$, $$'id', 'a=a_sealed:a_index:b_index'$$, $$'id', 'a=a_sealed=b_sealed'$$, $$'id', '@context'$$,
    $$'id', ' a=a_sealed'$$, $$'id', 'a=A_sealed'$$, $$'id', 'a="a_sealed"'$$, $$'id', 't.a=a_sealed'$$, $$'id', 'a=ctid'$$,
    $$'id', 'a=a_sealed', 'b'$$, $$'id', 'a=a_sealed; DROP TABLE t'$$]) WITH ORDINALITY c(arguments, n), attempt(c.arguments) a ORDER BY n;

TRUNCATE t;

-- Names are compared with the catalog. A context may contain separators, be empty, and have up to 1024 bytes.
SELECT state, message FROM attempt($$'id', 'Mixed Case=Mixed Sealed:it''s@a@b:c=d e', 'a=a_sealed@', 'b=b_sealed:b_index@'$$);
SELECT caas_open(id, "Mixed Sealed", 'a@b:c=d e') AS mixed, "it's" = caas_blind_index('plain', 'a@b:c=d e') AS index, caas_open(id, a_sealed) AS a,
    caas_open_bytea(id, b_sealed) AS b, b_index = caas_blind_index('plain'::bytea, '') AS b_index FROM t;
TRUNCATE t;
SELECT state, message FROM attempt(format($$'id', 'a=a_sealed@%s'$$, repeat('x', 1024)));
SELECT caas_open(id, a_sealed, repeat('x', 1024)) AS a FROM t;
TRUNCATE t;
SELECT * FROM attempt(format($$'id', 'a=a_sealed@%s'$$, repeat('x', 1025)));
SELECT state FROM attempt(format($$'id', 'a=a_sealed@%s'$$, repeat('ş', 513)));

-- A column can be named only once.
\x on
SELECT * FROM attempt($$'id', 'a=a_sealed', 'a=b_sealed'$$);
\x off
SELECT a.state, a.message FROM unnest(ARRAY[$$'id', 'b=b'$$, $$'id', 'a=a_sealed:a_sealed'$$, $$'id', 'b=b_sealed:b'$$, $$'id', 'a=a_sealed', 'b=a_sealed'$$,
    $$'id', 'a=a_sealed:a_index', 'b=b_sealed:a_index'$$, $$'id', 'a=a_sealed', 'a_sealed=b_sealed'$$, $$'id', 'a=b', 'b=b_sealed'$$,
    $$'id', 'a=a_sealed:b', 'b=b_sealed'$$, $$'id', 'a=a_sealed@one', 'a=a_sealed@two'$$]) WITH ORDINALITY c(arguments, n), attempt(c.arguments) a ORDER BY n;

-- The types of the columns.
\x on
SELECT * FROM attempt($$'a', 'a=a_sealed'$$);
SELECT * FROM attempt($$'id', 'fixed=a_sealed'$$);
SELECT * FROM attempt($$'id', 'number=a_sealed'$$);
SELECT * FROM attempt($$'id', 'a=words'$$);
SELECT * FROM attempt($$'id', 'filled=a_sealed'$$);
SELECT * FROM attempt($$'id', 'made=a_sealed'$$);
\x off
SELECT a.state, a.message FROM unnest(ARRAY[$$'id', 'id=a_sealed'$$, $$'id', 'a=id'$$, $$'id', 'a=list'$$, $$'id', 'list=a_sealed'$$, $$'id', 'a=a_sealed:words'$$,
    $$'id', 'a=a_sealed:number'$$, $$'id', 'a=made_sealed'$$, $$'id', 'a=a_sealed:made_sealed'$$]) WITH ORDINALITY c(arguments, n), attempt(c.arguments) a ORDER BY n;

-- The events that fire the trigger.
\x on
SELECT * FROM attempt($$'id', 'a=a_sealed'$$, event => 'AFTER INSERT OR UPDATE');
\x off
SELECT state, message FROM attempt($$'id', 'a=a_sealed'$$, fired_for => 'STATEMENT');
SELECT state, message FROM attempt($$'id', 'a=a_sealed'$$, event => 'BEFORE TRUNCATE', fired_for => 'STATEMENT', statement => 'TRUNCATE t');
SELECT state, message FROM attempt($$'id', 'a=a_sealed'$$, event => 'BEFORE DELETE', statement => 'DELETE FROM t');
SELECT count(*) FROM t;
SELECT state, message FROM attempt($$'id', 'a=a_sealed'$$, event => 'BEFORE INSERT');
SELECT state, message FROM attempt($$'id', 'a=a_sealed'$$, event => 'BEFORE INSERT OR UPDATE OR DELETE');
DELETE FROM t;
\echo :SQLSTATE
TRUNCATE t;
SELECT caas_seal_trigger();
\echo :SQLSTATE

-- UPDATE OF must name every column that the trigger checks.
\x on
SELECT * FROM attempt($$'id', 'a=a_sealed'$$, event => 'BEFORE INSERT OR UPDATE OF a, a_sealed');
\x off
SELECT a.state, a.message FROM unnest(ARRAY['id, a_sealed, a_index', 'id, a, a_index', 'id, a, a_sealed', 'id, a, a_sealed, a_index']) WITH ORDINALITY c(columns, n),
    attempt($$'id', 'a=a_sealed:a_index'$$, event => 'BEFORE INSERT OR UPDATE OF ' || c.columns) a ORDER BY n;

-- Two triggers of caas on one column are refused.
DROP TRIGGER protect ON t;
TRUNCATE t;
CREATE TRIGGER second BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'a=a_sealed:a_index@caas_seal_args.t.a');
\echo :SQLSTATE
\x on
SELECT * FROM attempt($$'id', 'a=b_sealed'$$);
\x off
SELECT a.state, a.message FROM unnest(ARRAY[$$'id', 'words=a_sealed'$$, $$'id', 'b=b_sealed:a_index'$$, $$'id', 'b=a_index'$$]) WITH ORDINALITY c(arguments, n), attempt(c.arguments) a ORDER BY n;
SELECT state, message FROM attempt($$'id', 'a=b_sealed'$$, event => 'BEFORE UPDATE');
ALTER TABLE t DISABLE TRIGGER second;
SELECT state, message FROM attempt($$'id', 'a=b_sealed'$$);
DROP TRIGGER second ON t;
TRUNCATE t;
-- This holds for caas_encrypt_trigger too, under any name in SQL, and for either order of firing.
CREATE FUNCTION digest_trigger() RETURNS trigger LANGUAGE c AS '$libdir/caas', 'caas_sql_encrypt_trigger';
DROP TRIGGER protect ON t;
CREATE TRIGGER a_digest BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION digest_trigger('id', 'a=words');
\x on
SELECT * FROM attempt($$'id', 'a=a_sealed'$$);
\x off
TRUNCATE t;
ALTER TRIGGER a_digest ON t RENAME TO z_digest;
\x on
SELECT * FROM attempt($$'id', 'a=a_sealed'$$);
\x off
CREATE OR REPLACE TRIGGER z_digest BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION digest_trigger('id', 'a_sealed');
SELECT state, message FROM attempt($$'id', 'a=a_sealed'$$);
-- One trigger for each column is accepted.
CREATE OR REPLACE TRIGGER z_digest BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION digest_trigger('id', 'Mixed Case');
CREATE OR REPLACE TRIGGER protect BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'a=a_sealed@caas_seal_args.t.a');
CREATE TRIGGER third BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'b=b_sealed@caas_seal_args.t.b');
TRUNCATE t;
INSERT INTO t (id, a, b, "Mixed Case") VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'a', 'b', 'm');
SELECT a, b, caas_open(id, a_sealed, 'caas_seal_args.t.a') AS a, caas_open(id, b_sealed, 'caas_seal_args.t.b') AS b, "Mixed Case" = caas_encrypt(id, 'm') AS digest FROM t;

-- A trigger without a context, as releases before 0.4 accepted it: the error names the context that it had.
CREATE TABLE older (id uuid, a text, "a b" text, a_sealed bytea, b_sealed bytea);
SET client_min_messages = warning;
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON older FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'a=a_sealed', 'a b=b_sealed');
INSERT INTO older (id, a) VALUES (gen_random_uuid(), 'plain');
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA caas_seal_args CASCADE;
