-- caas_unprotect() leads back to plaintext, and loses no value on the way.
\i test/needs_key.sql
SELECT extnamespace::regnamespace AS caas FROM pg_extension WHERE extname = 'caas' \gset
CREATE SCHEMA caas_table_unprotect;
SET search_path = caas_table_unprotect, :caas;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\set bob '\'65b4583e-d78b-5256-aa5a-851cf2f367b9\''
\pset format unaligned
CREATE TABLE users (id uuid PRIMARY KEY, email text UNIQUE, ssn varchar(11), phone text, note text, CHECK (ssn IS NULL AND id IS NOT NULL));
SELECT count(*) FROM caas_protect('users', 'id', 'email=email_sealed:email_index@users.email', 'ssn=ssn_sealed@users.ssn', 'phone=phone_digest', 'note=note_digest keep');
ALTER TABLE users ENABLE ALWAYS TRIGGER zz_caas_seal;
INSERT INTO users VALUES (:ada, 'ada@example.com', '1', 'p', 'n'), (:bob, NULL, '2', NULL, NULL);
SELECT * FROM caas_unprotect_plan('users', 'email', 'note');
SELECT email FROM users WHERE id = :ada;
SELECT * FROM caas_unprotect('users', 'email', 'note');
SELECT email, ssn, phone, note, caas_open(id, ssn_sealed, 'users.ssn') FROM users ORDER BY ssn_sealed IS NULL, email;
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'users'::regclass ORDER BY 1;
SELECT kind, statement, detail FROM caas_unprotect('users', 'ssn', 'ssn');
SELECT email, ssn FROM users ORDER BY ssn;
INSERT INTO users VALUES ('00000000-0000-0000-0000-000000000001', 'eve@example.com', '3', 'q', 'm');
SELECT email, ssn, phone, note FROM users WHERE ssn = '3';
-- What cannot come back.
SELECT * FROM caas_unprotect('users', 'phone');
SELECT * FROM caas_unprotect_plan('users', 'phone');
SELECT * FROM caas_unprotect('users', 'ssn');
SELECT * FROM caas_unprotect('users', 'none');
SELECT * FROM caas_unprotect('users', NULL);
SELECT * FROM caas_unprotect('users', VARIADIC '{}');
BEGIN READ ONLY;
SELECT * FROM caas_unprotect('users', 'phone');
ROLLBACK;
CREATE TABLE in_place (id uuid NOT NULL, email text);
SELECT count(*) FROM caas_protect('in_place', 'id', 'email');
SELECT * FROM caas_unprotect('in_place', 'email');

-- Every type, under other settings than those that it was sealed with.
CREATE TYPE mood AS ENUM ('sad', 'o k');
CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> '');
CREATE TABLE types (id bigint PRIMARY KEY, t text, v varchar(5), c char(5), b bytea, y boolean, s smallint, i integer, l bigint, n numeric(8,3), f real, d double precision,
    dt date, tm time, tz timetz, ts timestamp(3), tstz timestamptz, iv interval, u uuid, ip inet, ci cidr, ma macaddr, bi bit(3), vb varbit(5), j json, jb jsonb, e mood,
    da date[], ba bytea[], va varchar(3)[], r daterange, tr tstzrange, mr int4multirange, do_ short, p point, iva interval[]);
CREATE TABLE copy AS SELECT * FROM types;
INSERT INTO copy VALUES (1, 'é''"\', 'abcde', 'ab', '\x00ff', true, -1, 2, 3, 1.50, 0.1, 1e-300, '0044-03-15 BC', '23:59:59.999999', '12:00:00+05:30', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56+03',
        '-1 years +2 mons 3 days -04:05:06.789', :ada, '10.1.2.3', '10.0.0.0/8', '08:00:2b:01:02:03', B'101', B'10', '{"a" :  1}', '{"a": [1, null]}', 'o k',
        '{2024-01-02,NULL}', '{"\\x00",NULL}', '{abc,"d,e"}', '[2024-01-02,)', '[2024-01-02 00:00:00+03,infinity)', '{[1,3),[5,7)}', 'abc', '(1.1,-2)', '{-1 days +02:03:04}'),
    (2, '', '', '', '', false, 32767, -2147483648, -9223372036854775808, -0.001, 'NaN', '-Infinity', 'infinity', '24:00:00', '00:00:00-15:59', '-infinity', '0001-01-01 00:00:00+00 BC',
        '-1 mons -2 days +00:00:00.000001', :bob, '::1/64', '::/0', 'ff:ff:ff:ff:ff:ff', B'000', B'', 'null', '"x"', 'sad', '{}', '{}', '{}', 'empty', '(,)', '{}', 'x', '(NaN,Infinity)', '{}');
INSERT INTO copy (id) VALUES (3);
SELECT count(*) > 0 AS some FROM (SELECT array_agg(format('%I=%I@types.%s%s', attname, attname || '_s', attname, CASE WHEN attname = 'l' THEN ' keep' ELSE '' END)) AS a
    FROM pg_attribute WHERE attrelid = 'types'::regclass AND attnum > 1) x, LATERAL caas_protect('types', 'id@types', VARIADIC a);
INSERT INTO types SELECT * FROM copy;
SELECT count(*), count(v), count(b), count(e), count(l), count(l_s), count(iv_s) FROM types;
SET DateStyle = 'SQL, DMY'; SET IntervalStyle = sql_standard; SET TimeZone = 'Asia/Kathmandu'; SET extra_float_digits = 0; SET bytea_output = escape;
SELECT count(*) > 0 AS some FROM (SELECT array_agg(attname) AS a FROM pg_attribute WHERE attrelid = 'copy'::regclass AND attnum > 1) x, LATERAL caas_unprotect('types', VARIADIC a);
SHOW IntervalStyle;
RESET DateStyle; RESET IntervalStyle; RESET TimeZone; RESET extra_float_digits; RESET bytea_output;
SELECT o.id, k AS differs FROM copy o JOIN types w USING (id), LATERAL jsonb_each_text(to_jsonb(o)) x (k, value) WHERE x.value IS DISTINCT FROM to_jsonb(w) ->> k;
SELECT o.id FROM copy o JOIN types t USING (id) WHERE (o.j::text, o.f::text, o.d::text, o.iv::text, o.b) IS DISTINCT FROM (t.j::text, t.f::text, t.d::text, t.iv::text, t.b);
SELECT count(*) FROM types WHERE iv IS NOT NULL AND bi IS NOT NULL;
-- A value that does not open, or that the column does not take: nothing is changed, and no value is shown.
CREATE TABLE failing (id uuid PRIMARY KEY, email text, day text);
SELECT count(*) FROM caas_protect('failing', 'id', 'email=s@failing.email', 'day=d@failing.day');
INSERT INTO failing VALUES (:ada, 'secret', 'secret'), (:bob, 'secret', NULL);
ALTER TABLE failing DISABLE TRIGGER zz_caas_seal;
UPDATE failing SET s = (SELECT s FROM failing WHERE id = :ada) WHERE id = :bob;
ALTER TABLE failing ENABLE TRIGGER zz_caas_seal;
SELECT * FROM caas_unprotect('failing', 'email');
SELECT count(*) FILTER (WHERE email IS NULL), (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'failing'::regclass), (SELECT count(*) FROM pg_constraint WHERE conrelid = 'failing'::regclass AND contype = 'c') FROM failing;
UPDATE failing SET email = 'secret' WHERE id = :bob;
ALTER TABLE failing ADD CONSTRAINT refused CHECK (email <> 'secret');
SELECT * FROM caas_unprotect('failing', 'email');
ALTER TABLE failing DROP CONSTRAINT refused;
BEGIN;
DROP TRIGGER zz_caas_seal ON failing;
ALTER TABLE failing ALTER day TYPE date USING NULL, ALTER email TYPE varchar(3);
CREATE TRIGGER zz_caas_seal BEFORE INSERT OR UPDATE ON failing FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=s@failing.email', 'day=d@failing.day');
COMMIT;
SELECT * FROM caas_unprotect('failing', 'day');
SELECT * FROM caas_unprotect('failing', 'email');
ALTER TABLE failing ALTER email TYPE text;
-- A unique constraint that the plaintext meets again.
CREATE UNIQUE INDEX ON failing (email);
SELECT * FROM caas_unprotect('failing', 'email');
DROP INDEX failing_email_idx;
-- A trigger or rule that changes or skips a row.
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER skip BEFORE UPDATE ON failing FOR EACH ROW EXECUTE FUNCTION skip();
SELECT * FROM caas_unprotect('failing', 'email');
CREATE OR REPLACE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := upper(NEW.email); RETURN NEW; END $$;
SELECT * FROM caas_unprotect('failing', 'email');
DROP TRIGGER skip ON failing;
CREATE RULE skip AS ON UPDATE TO failing DO INSTEAD NOTHING;
SELECT * FROM caas_unprotect('failing', 'email');
DROP RULE skip ON failing;
-- Without the key.
RESET caas.api_key;
SET caas.api_key = '';
SELECT count(*) FROM caas_unprotect_plan('failing', 'email');
SELECT * FROM caas_unprotect('failing', 'email');
RESET caas.api_key;
SELECT count(*) FROM caas_unprotect('failing', 'email');
SELECT email FROM failing;

-- The option keep: a row whose source is newer, and one with a digest alone.
CREATE TABLE kept (id uuid NOT NULL, a text, b text);
SELECT count(*) FROM caas_protect('kept', 'id', 'a=s@kept.a keep', 'b=d keep');
INSERT INTO kept VALUES (:ada, 'one', 'two');
SET session_replication_role = replica;
UPDATE kept SET a = 'newer', b = NULL;
RESET session_replication_role;
SELECT * FROM caas_unprotect('kept', 'a');
SELECT * FROM caas_unprotect('kept', 'b');
UPDATE kept SET a = 'newest', b = 'three';
SELECT kind, statement FROM caas_unprotect('kept', 'a', 'b');
SELECT a, b FROM kept;

-- Partitions, inheritance children, two triggers that share the events.
CREATE TABLE parts (tenant int, id uuid NOT NULL, email text) PARTITION BY LIST (tenant);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (id uuid NOT NULL, email text CHECK (email IS NULL), tenant int);
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
SELECT count(*) FROM caas_protect('parts', 'id', 'email=s:i@parts.email');
INSERT INTO parts VALUES (1, :ada, 'one'), (2, :bob, 'two');
SELECT * FROM caas_unprotect('parts_1', 'email');
SELECT kind, statement, detail FROM caas_unprotect('parts', 'email');
SELECT tableoid::regclass, email FROM parts ORDER BY 1;
CREATE TABLE parent (id uuid NOT NULL, email text, ssn text);
CREATE TABLE child () INHERITS (parent);
SELECT count(*) FROM caas_protect('parent', 'id', 'email=s:i@parent.email', 'ssn=t@parent.ssn');
INSERT INTO parent VALUES (:ada, 'one', 'o');
INSERT INTO child VALUES (:bob, 'two', 't');
SELECT * FROM caas_unprotect('child', 'email');
SELECT kind, statement, detail FROM caas_unprotect('parent', 'email');
SELECT tableoid::regclass, email, ssn, caas_open(id, t, 'parent.ssn') FROM parent ORDER BY 2;
CREATE TABLE split (id uuid NOT NULL, email text, ssn text, s bytea, t bytea);
SET client_min_messages = error;
CREATE TRIGGER i BEFORE INSERT ON split FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=s@e', 'ssn=t@s');
CREATE TRIGGER u BEFORE UPDATE ON split FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=s@e', 'ssn=t@s');
INSERT INTO split VALUES (:ada, 'one', 'two');
SELECT kind, statement FROM caas_unprotect('split', 'email');
RESET client_min_messages;
SELECT email, ssn FROM split;

-- Hostile names, and a search_path with operators and functions of somebody else.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.refuse(anyelement, anyelement) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE OPERATOR hostile.= (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = hostile.refuse);
CREATE FUNCTION hostile.caas_open(uuid, bytea, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE FUNCTION hostile.format(text, VARIADIC "any") RETURNS text LANGUAGE internal AS 'text_concat';
CREATE SCHEMA "a b";
CREATE TABLE "a b"."c""d%s" ("i'd%s" int NOT NULL, "v\w" text UNIQUE, "date" date);
SELECT count(*) FROM caas_protect('"a b"."c""d%s"', '"i''d%s"@"na''me"', '"v\w"="s ""x":"i\x"@"con ''""text"', 'date="d%s"@d');
INSERT INTO "a b"."c""d%s" ("i'd%s", "v\w", "date") VALUES (1, 'v', '2024-01-02');
SET search_path = hostile, pg_catalog, caas_table_unprotect, :caas;
SELECT kind, statement FROM caas_unprotect('"a b"."c""d%s"', 'v\w', 'date');
SET search_path = caas_table_unprotect, :caas;
SELECT "v\w", "date" FROM "a b"."c""d%s";

SET client_min_messages = warning;
DROP SCHEMA caas_table_unprotect, hostile, "a b" CASCADE;
