-- caas_protect() brings protection to tables that exist; caas_protect_plan() says what it would do.
\i test/needs_key.sql
SELECT extnamespace::regnamespace AS caas FROM pg_extension WHERE extname = 'caas' \gset
CREATE SCHEMA caas_table_protect;
SET search_path = caas_table_protect, :caas;
\set ada '\'4dbcbcfe-4800-40a8-badf-c26b73af230c\''
\pset format unaligned

-- An empty table: everything is done at once, both triggers.
CREATE TABLE users (id uuid PRIMARY KEY, email text UNIQUE, phone varchar(20), ssn text, born date, "E mail" text, note text);
SELECT * FROM caas_protect_plan('users', 'id', 'email=email_sealed:email_index@users.email normalize=casefold', 'phone=phone_digest:phone_generation',
    'ssn=ssn_sealed:ssn_index@users.ssn', 'born=born_sealed@users.born keep', '"E mail"="E digest"', 'note');
\d users
SELECT * FROM caas_protect('users', 'id', 'email=email_sealed:email_index@users.email normalize=casefold', 'phone=phone_digest:phone_generation',
    'ssn=ssn_sealed:ssn_index@users.ssn', 'born=born_sealed@users.born keep', '"E mail"="E digest"', 'note') WHERE kind <> 'finding';
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 7 ORDER BY attnum;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'users'::regclass AND contype <> 'n' ORDER BY 1;
INSERT INTO users VALUES (:ada, 'Ada@example.com', '5', '6', '1815-12-10', 'e', 'n');
SELECT email, phone, ssn, born, "E mail", caas_open(id, email_sealed, 'users.email') AS email, email_index = ANY (caas_blind_candidates('ada@EXAMPLE.com', 'users.email', 16, 'casefold')) AS found,
    caas_verify(id, '5', phone_digest) AS phone, phone_generation = :active AS active, caas_open(id, ssn_sealed, 'users.ssn') AS ssn, caas_open(id, born_sealed, 'users.born')::date AS born,
    caas_verify(id, 'e', "E digest") AS "E mail", caas_verify(id, 'n', note) AS note FROM users;
\set VERBOSITY sqlstate
INSERT INTO users (id, email) VALUES ('00000000-0000-0000-0000-000000000001', 'ADA@example.com');
\set VERBOSITY default
INSERT INTO users (id, ssn) VALUES ('00000000-0000-0000-0000-000000000002', '6');
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT 1 FROM users WHERE ssn_index = ANY (caas_blind_candidates('6', 'users.ssn'));
RESET enable_seqscan;
RESET enable_bitmapscan;
-- Declared already: as a whole, and a target of it.
SELECT * FROM caas_protect_plan('users', 'id', 'email=other');
SELECT * FROM caas_protect_plan('users', 'id', 'ssn_sealed=other');
SELECT * FROM caas_protect_plan('users', 'email', 'born_sealed=x');
-- A second call adds a second trigger.
ALTER TABLE users ADD extra text;
SELECT statement FROM caas_protect('users', 'id', 'extra=extra_digest') WHERE kind = 'statement';

-- A filled table, and all that reads its columns.
CREATE TABLE filled (id bigint, tenant int, email varchar(20), phone text CHECK (phone <> ''), code text, shout text GENERATED ALWAYS AS (upper(email)) STORED);
INSERT INTO filled SELECT n, 1, 'e' || n, n::text FROM generate_series(1, 3) n;
CREATE UNIQUE INDEX ON filled (tenant, email) WHERE email IS NOT NULL AND tenant > 0;
CREATE UNIQUE INDEX ON filled (lower(email));
CREATE UNIQUE INDEX ON filled (email, phone);
CREATE UNIQUE INDEX ON filled (email) WHERE phone = '1';
CREATE INDEX ON filled (phone);
CREATE STATISTICS dependent ON email, phone FROM filled;
CREATE VIEW direct AS SELECT email FROM filled;
CREATE MATERIALIZED VIEW indirect AS SELECT * FROM direct;
CREATE VIEW unrelated AS SELECT tenant FROM filled;
CREATE RULE deleted AS ON DELETE TO filled DO ALSO SELECT 1;
CREATE FUNCTION reader() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT max(email) FROM caas_table_protect.filled; END;
CREATE POLICY own ON filled USING (email = current_user);
ALTER TABLE filled ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER zz_last BEFORE INSERT ON filled FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER after_it AFTER INSERT OR UPDATE OF email ON filled FOR EACH ROW EXECUTE FUNCTION nothing();
SET client_min_messages = error; -- wal_level
CREATE PUBLICATION caas_table_protect FOR TABLE filled;
RESET client_min_messages;
ALTER TABLE filled REPLICA IDENTITY FULL;
GRANT SELECT (email) ON filled TO public;
SELECT kind, statement, detail FROM caas_protect_plan('filled', 'id@users', 'email=email_sealed:email_index@filled.email', 'phone=phone_digest', 'code=code_digest keep');
SELECT statement FROM caas_protect('filled', 'id@users', 'email=email_sealed:email_index@filled.email', 'phone=phone_digest', 'code=code_digest keep') WHERE kind = 'statement';
DROP PUBLICATION caas_table_protect;
UPDATE filled SET email = email;
SELECT statement FROM caas_protect_plan('users', 'id', 'extra=extra_digest');
ALTER TABLE filled ADD CONSTRAINT filled_phone_protected CHECK (phone IS NULL) NOT VALID;
ALTER TABLE filled VALIDATE CONSTRAINT filled_phone_protected;
SELECT id, email, caas_open(caas_uuid('users', id), email_sealed, 'filled.email'), caas_verify(caas_uuid('users', id), id::text, phone_digest) FROM filled ORDER BY id;

-- The id.
CREATE TABLE ids (id uuid, n int, v text, w text);
SELECT detail FROM caas_protect_plan('ids', 'id', 'v=d') WHERE kind = 'finding';
INSERT INTO ids VALUES (NULL, 1, NULL, NULL);
SELECT detail FROM caas_protect_plan('ids', 'id', 'v=d', 'w=s@ids.w') WHERE kind = 'finding';
INSERT INTO ids VALUES (NULL, 1, NULL, 'w');
SELECT detail FROM caas_protect_plan('ids', 'id', 'v=d', 'w=s@ids.w') WHERE kind = 'finding';
SELECT * FROM caas_protect_plan('ids', 'n', 'v=d');
SELECT * FROM caas_protect_plan('ids', 'id@users', 'v=d');
SELECT * FROM caas_protect_plan('ids', 'none', 'v=d');

-- Partitions get it from their table, inheritance children each.
CREATE TABLE parts (tenant int, id uuid, email text, UNIQUE (tenant, email)) PARTITION BY LIST (tenant);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) PARTITION BY LIST (tenant);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES IN (2);
SELECT * FROM caas_protect_plan('parts_2a', 'id', 'email=s:i@parts.email');
INSERT INTO parts VALUES (2, :ada, 'x');
SELECT kind, statement, detail FROM caas_protect_plan('parts', 'id', 'email=s:i@parts.email');
DELETE FROM parts;
SELECT kind, statement FROM caas_protect('parts', 'id', 'email=s:i@parts.email');
INSERT INTO parts VALUES (2, :ada, 'x');
SELECT tableoid::regclass, email, caas_open(id, s, 'parts.email') FROM parts;
\set VERBOSITY sqlstate
INSERT INTO parts VALUES (2, :ada, 'x');
\set VERBOSITY default
CREATE TABLE parent (id uuid NOT NULL, email text);
CREATE TABLE child (extra int) INHERITS (parent);
CREATE TABLE grandchild () INHERITS (child);
SELECT kind, statement, detail FROM caas_protect_plan('child', 'id', 'email=d');
SELECT kind, statement, detail FROM caas_protect('parent', 'id', 'email=s:i@parent.email');
INSERT INTO grandchild VALUES (:ada, 'x');
SELECT email, caas_open(id, s, 'parent.email') FROM parent;
UPDATE parent SET email = 'y';
SELECT email, caas_open(id, s, 'parent.email') FROM parent;

-- What is there already is used.
CREATE TABLE existing (id uuid NOT NULL, a text CHECK (a IS NULL), s bytea, i bytea UNIQUE, d varchar(64), b text);
SELECT kind, statement, detail FROM caas_protect('existing', 'id', 'a=s:i@existing.a', 'b=d');

-- What cannot work is refused, and nothing is changed.
CREATE TABLE refused (id uuid PRIMARY KEY, a text NOT NULL, b text UNIQUE, c numeric, d int, e text REFERENCES refused (b), f text, g text GENERATED ALWAYS AS (f) STORED);
SELECT * FROM caas_protect('refused', 'id', 'f=f_digest', 'a=a_digest');
SELECT kind, statement, detail FROM caas_protect_plan('refused', 'id', 'a=a_digest keep') WHERE kind IN ('finding', 'statement');
SELECT * FROM caas_protect('refused', 'id', 'b=b_digest');
SELECT detail FROM caas_protect_plan('refused', 'id', 'b=b_digest keep') WHERE kind = 'finding';
SELECT detail FROM caas_protect_plan('refused', 'id', 'e=e_digest') WHERE kind = 'finding';
SELECT * FROM caas_protect('refused', 'id', 'e');
SELECT * FROM caas_protect('refused', 'id', 'c=c_digest');
SELECT * FROM caas_protect('refused', 'id', 'c=c_sealed:c_index@refused.c');
SELECT * FROM caas_protect('refused', 'id', 'g=g_digest');
SELECT * FROM caas_protect('refused', 'id', 'f=d');
SELECT * FROM caas_protect('refused', 'id', 'f=x', 'd=x');
SELECT * FROM caas_protect('refused', 'id', 'f=x', 'd=x@refused.d');
SELECT * FROM caas_protect('refused', 'id', 'f=x', 'none=y');
SELECT * FROM caas_protect('refused', 'id', 'f=x:@refused.f');
SELECT * FROM caas_protect('refused', 'id', 'f=x kep');
SELECT * FROM caas_protect('refused', 'id', 'f=x', NULL);
SELECT * FROM caas_protect('refused', 'id', VARIADIC '{}');
SELECT * FROM caas_protect(0, 'id', 'f=x');
SELECT * FROM caas_protect('refused', 'id', 'f=x@' || repeat('c', 1025));
SELECT * FROM caas_protect('direct', 'id', 'email=x');
SELECT * FROM caas_protect_plan('pg_class', 'oid', 'relname=x');
CREATE TABLE keyed (id uuid, region text) PARTITION BY LIST (region);
SELECT * FROM caas_protect('keyed', 'id', 'region=x');
CREATE TABLE computed (id uuid, region text) PARTITION BY LIST (lower(region));
SELECT * FROM caas_protect('computed', 'id', 'region=x');
CREATE DOMAIN required AS text NOT NULL;
CREATE DOMAIN short AS required CHECK (length(VALUE) < 9);
CREATE TABLE domains (id uuid NOT NULL, v short);
SELECT * FROM caas_protect('domains', 'id', 'v=d');
SELECT count(*) FROM caas_protect_plan('domains', 'id', 'v');
CREATE TYPE composite AS (id uuid, v text);
CREATE TABLE typed OF composite;
SELECT * FROM caas_protect('typed', 'id', 'v=x');
SELECT attname FROM pg_attribute WHERE attrelid IN ('refused'::regclass, 'keyed'::regclass, 'typed'::regclass) AND attname IN ('x', 'f_digest');
BEGIN READ ONLY;
SELECT count(*) FROM caas_protect_plan('refused', 'id', 'f=f_digest');
SELECT * FROM caas_protect('refused', 'id', 'f=f_digest');
ROLLBACK;
-- A failure later leaves nothing either.
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE EVENT TRIGGER caas_table_protect ON ddl_command_end WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION refuse();
\set VERBOSITY terse
SELECT * FROM caas_protect('refused', 'id', 'f=f_digest');
\set VERBOSITY default
DROP EVENT TRIGGER caas_table_protect;
SELECT attname FROM pg_attribute WHERE attrelid = 'refused'::regclass AND attname = 'f_digest';
-- The warning of CREATE TRIGGER is there again after the failure.
CREATE TABLE warned (id uuid, v text, d text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON warned FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'v=d');

-- Hostile names, and a name of a trigger that leaves no room.
CREATE SCHEMA "a b";
CREATE TABLE "a b"."c""d%s" ("i'd%s" int NOT NULL, "v\w" text UNIQUE, "select" text);
CREATE FUNCTION "a b".nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "zz_é'b ""c" BEFORE UPDATE ON "a b"."c""d%s" FOR EACH ROW EXECUTE FUNCTION "a b".nothing();
SELECT kind, statement FROM caas_protect('"a b"."c""d%s"', '"i''d%s"@"na me"', '"v\w"="s ""x":"i\x"@"con ""text"', 'select="d%d"');
INSERT INTO "a b"."c""d%s" ("i'd%s", "v\w", "select") VALUES (1, 'v', 'w');
SELECT "v\w", "select", caas_open(caas_uuid('na me', "i'd%s"), "s ""x", 'con "text'), caas_verify(caas_uuid('na me', "i'd%s"), 'w', "d%d") FROM "a b"."c""d%s";
CREATE TABLE full_name (id uuid NOT NULL, v text);
SELECT format('CREATE TRIGGER %I BEFORE INSERT ON full_name FOR EACH ROW EXECUTE FUNCTION nothing()', repeat('zz', 31)) \gexec
SELECT statement FROM caas_protect_plan('full_name', 'id', 'v=d') WHERE kind = 'statement';
-- A search_path with operators and functions of somebody else.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.refuse(anyelement, anyelement) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE OPERATOR hostile.= (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = hostile.refuse);
CREATE FUNCTION hostile.refuse(int, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE OPERATOR hostile.> (LEFTARG = int, RIGHTARG = int, FUNCTION = hostile.refuse);
CREATE FUNCTION hostile.caas_encrypt_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;
CREATE FUNCTION hostile.format(text, VARIADIC "any") RETURNS text LANGUAGE internal AS 'text_format';
CREATE TABLE named (id uuid NOT NULL, v text, tenant int);
CREATE UNIQUE INDEX ON named (v, tenant) WHERE tenant > 0;
SET search_path = hostile, pg_catalog, caas_table_protect, :caas;
SELECT statement FROM caas_protect('named', 'id', 'v=s:i@named.v') WHERE kind OPERATOR(pg_catalog.=) 'statement';
SHOW search_path;
SET search_path = caas_table_protect, :caas;

SET client_min_messages = warning;
DROP SCHEMA caas_table_protect, hostile, "a b" CASCADE;
