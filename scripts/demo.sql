-- The demonstration, run by scripts/demo.sh in psql. :h, :s and :p switch to the colours of headings, of statements, and back.
-- The people are made up by arithmetic: addresses of example.com, telephone numbers reserved for fiction, and
-- identity numbers that begin with 0, which no authority gives out.
\set QUIET on
\set ON_ERROR_STOP on
\pset footer off
\pset linestyle unicode
\pset border 1
\pset null (null)
SET client_min_messages = warning;
CREATE EXTENSION caas;

CREATE TEMP TABLE signups AS
SELECT overlay(overlay(md5('user ' || i) PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid AS id,
       first || ' ' || last AS name,
       lower(first) || '.' || lower(last) || i || '@example.com' AS email,
       format('+1 %s 555 01%s', 201 + i % 700, lpad((i / 700 % 100)::text, 2, '0')) AS phone,
       lpad((i * 7919 % 9999991)::text, 11, '0') AS national_id
FROM generate_series(1, 10000) AS i,
     LATERAL (SELECT (ARRAY['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Tony', 'Radia', 'Ken', 'Hedy', 'Niklaus', 'Joan'])[1 + i % 13] AS first,
                     (ARRAY['Yilmaz', 'Garcia', 'Okafor', 'Novak', 'Tanaka', 'Larsen', 'Rossi', 'Haddad', 'Silva', 'Kowalski', 'Nguyen'])[1 + i % 11] AS last) AS names;
CREATE TABLE plain (LIKE signups, PRIMARY KEY (id));

\echo
\echo :h'One table, three ways of protection':p
\echo
\echo -n :s
\set ECHO queries
CREATE TABLE users (
    id                 uuid PRIMARY KEY,
    name               text,
    -- the trigger below replaces an address by its digest
    email              text,
    -- stays, and the database computes a digest beside it
    phone              text,
    phone_digest       text GENERATED ALWAYS AS (caas_encrypt(id, phone)) STORED,
    -- INSERT calls caas_encrypt: the number itself is in no column
    national_id_digest text);
CREATE TRIGGER protect_email BEFORE INSERT OR UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
\set ECHO none
\echo :p
\echo :h'10,000 people sign up':p
\echo
SELECT clock_timestamp() AS started \gset
\echo -n :s
\set ECHO queries
INSERT INTO users (id, name, email, phone, national_id_digest)
SELECT id, name, email, phone, caas_encrypt(id, national_id) FROM signups;
\set ECHO none
\echo :p
SELECT clock_timestamp() AS ended \gset
INSERT INTO plain SELECT * FROM signups;
SELECT clock_timestamp() AS plain_ended \gset
SELECT round(extract(epoch FROM :'ended'::timestamptz - :'started') * 1000) AS ms,
       round(extract(epoch FROM :'plain_ended'::timestamptz - :'ended') * 1000) AS plain_ms \gset
\echo '    ' 10,000 rows with 30,000 digests in :ms ms; the same rows without protection in :plain_ms ms

\echo
\echo :h'What is stored':p
\echo
SELECT left(id::text, 8) || '…' AS id, name, left(email, 16) || '…' AS email, phone, left(phone_digest, 16) || '…' AS phone_digest,
       left(national_id_digest, 16) || '…' AS national_id_digest
FROM users ORDER BY users.id LIMIT 5;

\echo :h'Three users, one value: three algorithms, three keys, three digests':p
\echo
SELECT DISTINCT ON (algorithm) name, algorithm, salt_length AS salt, length(digest) / 2 AS bytes,
       left(digest, 40) || '…' AS "digest of 'same@example.com'"
FROM users, caas_profile(id), caas_encrypt(id, 'same@example.com') AS digest ORDER BY algorithm, id LIMIT 3;

\echo :h'A login: the right value, a wrong one, and a digest copied from somebody else':p
\echo
SELECT id AS my_id, email AS mine FROM signups ORDER BY id LIMIT 1 \gset
SELECT id AS other_id, email AS other FROM signups ORDER BY id OFFSET 1 LIMIT 1 \gset
\echo -n :s
\set ECHO queries
SELECT caas_verify(mine.id, :'mine', mine.email) AS "right",
       caas_verify(mine.id, 'mallory@example.com', mine.email) AS wrong,
       caas_verify(mine.id, :'other', other.email) AS copied
FROM users AS mine, users AS other
WHERE mine.id = :'my_id' AND other.id = :'other_id';
\set ECHO none
\echo -n :p

\echo :h'All of them':p
\echo
SELECT clock_timestamp() AS started \gset
SELECT count(*) FILTER (WHERE caas_verify(id, s.email, u.email)) AS emails,
       count(*) FILTER (WHERE caas_verify(id, s.phone, phone_digest)) AS phones,
       count(*) FILTER (WHERE caas_verify(id, s.national_id, national_id_digest)) AS national_ids
FROM users AS u JOIN signups AS s USING (id) \gset
SELECT round(extract(epoch FROM clock_timestamp() - :'started') * 1000) AS ms,
       :emails = 10000 AND :phones = 10000 AND :national_ids = 10000 AS all_verified \gset
\echo '    ' :emails e-mail addresses, :phones telephone numbers and :national_ids identity numbers verify, in :ms ms
\if :all_verified
\else
DO 'BEGIN RAISE EXCEPTION ''not all of them verify''; END';
\endif

\echo
\echo :h'How the algorithms spread over the users':p
\echo
\pset tuples_only on
\pset border 0
SELECT '   ', rpad(algorithm, 16), lpad(count(*)::text, 5), repeat('█', round(count(*) / 25.0)::integer)
FROM users, caas_profile(id) GROUP BY algorithm ORDER BY algorithm;
\pset tuples_only off
\pset border 1

\echo :h'With a wrong API key':p
\echo
\set ON_ERROR_STOP off
\echo -n :s
\set ECHO queries
SET caas.api_key = 'a guess';
SELECT caas_verify(id, 'guess@example.com', email) FROM users;
\set ECHO none
\echo -n :p
\set ON_ERROR_STOP on
SELECT :'LAST_ERROR_SQLSTATE' = '28000' AS refused \gset
\if :refused
\else
DO 'BEGIN RAISE EXCEPTION ''a wrong API key was not refused''; END';
\endif
