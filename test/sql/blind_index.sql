-- caas_blind_index and caas_blind_candidates. The keyring's secrets are random: nothing prints an index.
\i test/needs_key.sql

-- An index has 4 to 32 bytes, 16 by default. A shorter one is the beginning of a longer one.
SELECT min(octet_length(index)) AS shortest, max(octet_length(index)) AS longest, bool_and(octet_length(index) = n) AS length_as_asked,
       bool_and(index = substr(caas_blind_index('ada@example.com', 'users.email', 32), 1, n)) AS start_of_longest,
       octet_length(caas_blind_index('ada@example.com', 'users.email')) AS default_length
FROM generate_series(4, 32) AS n, LATERAL caas_blind_index('ada@example.com', 'users.email', n) AS index;
SELECT caas_blind_index('x', 'users.email', 3);
\set VERBOSITY sqlstate
SELECT caas_blind_index('x', 'users.email', length => 33);
SELECT caas_blind_index('x'::bytea, 'users.email', 0);
SELECT caas_blind_index('x', 'users.email', -1);
SELECT caas_blind_index('x', 'users.email', 2147483647);
SELECT caas_blind_index('x', 'users.email', -2147483648);
SELECT caas_blind_candidates('x', 'users.email', 3);
SELECT caas_blind_candidates('x'::bytea, 'users.email', 33);
SELECT caas_blind_index('x', repeat('x', 1025));
SELECT caas_blind_candidates('x', repeat('ş', 513));
SELECT caas_blind_index('x');
\set VERBOSITY default

-- Equal values and contexts have equal indexes. The index of a text is that of its bytes in UTF-8.
SELECT caas_blind_index('Şifre', 'users.email') = caas_blind_index('Şifre', 'users.email') AS repeatable,
       caas_blind_index('Şifre', 'users.email') = caas_blind_index(convert_to('Şifre', 'UTF8'), 'users.email') AS same_bytes,
       caas_blind_index('', 'users.email') = caas_blind_index(''::bytea, 'users.email') AS empty,
       caas_blind_index('x', '') = caas_blind_index('x'::bytea, context => '') AS no_context,
       caas_blind_index(repeat('x', 1048576), 'users.email') = caas_blind_index(repeat('x', 1048576)::bytea, 'users.email') AS one_mb,
       octet_length(caas_blind_index('x', repeat('x', 1024))) AS long_context;
SELECT count(DISTINCT caas_blind_index(value, 'users.email')) AS values, count(DISTINCT caas_blind_index(value, 'users.email', 8)) AS of_8_bytes
FROM (SELECT 'user' || n || '@example.com' FROM generate_series(1, 20000) AS n UNION ALL VALUES (''), (' '), ('USER1@example.com'), ('user1@example.com ')) AS texts (value);
SELECT count(DISTINCT caas_blind_index('x', context)) AS contexts
FROM (VALUES (''), (' '), ('users.email'), ('users.Email'), ('users.email '), ('users.emai'), ('users.emailx'), (repeat('x', 1023)), (repeat('x', 1024))) AS contexts (context);
-- The boundary between value and context counts. Changes between contexts have no effect on the results.
SELECT count(DISTINCT caas_blind_index(value, context)) AS of_3 FROM (VALUES ('ab', 'c'), ('b', 'ca'), ('', 'cab')) AS pairs (value, context);
SELECT count(DISTINCT caas_blind_index('x', 'column ' || n % 3)) AS of_3 FROM generate_series(1, 300) AS n;

SELECT num_nulls(caas_blind_index(NULL, 'c'), caas_blind_index('x', NULL), caas_blind_index('x', 'c', NULL), caas_blind_index(NULL::bytea, 'c'),
                 caas_blind_index('x'::bytea, NULL), caas_blind_index('x'::bytea, 'c', NULL), caas_blind_candidates(NULL, 'c'), caas_blind_candidates('x', NULL),
                 caas_blind_candidates('x', 'c', NULL), caas_blind_candidates(NULL::bytea, 'c'), caas_blind_candidates('x'::bytea, NULL),
                 caas_blind_candidates('x'::bytea, 'c', NULL)) AS of_12;

-- There is one candidate for each index key, which generations may share; the active one is the first.
SELECT cardinality(candidates) BETWEEN 1 AND (SELECT count(*) FROM caas_keyring()) AS at_most_one_a_generation, caas_blind_index('x', 'c', 20) = candidates[1] AS active_first,
       octet_length(candidates[1]) AS first_length,
       candidates = caas_blind_candidates('x'::bytea, 'c', 20) AS same_of_bytes, octet_length((caas_blind_candidates('x', 'c'))[1]) AS default_length
FROM caas_blind_candidates('x', 'c', 20) AS candidates;

-- A search uses the index, with constants and in a generic plan.
CREATE TABLE accounts (id uuid PRIMARY KEY, email bytea, email_index bytea UNIQUE);
INSERT INTO accounts
SELECT id, caas_seal(id, email, 'accounts.email'), caas_blind_index(email, 'accounts.email')
FROM (SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 5000) AS n) AS users (id, email);
ANALYZE accounts;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM accounts WHERE email_index = ANY (caas_blind_candidates('user7@example.com', 'accounts.email'));
SELECT id = md5('7')::uuid AS found, caas_open(id, email, 'accounts.email')
FROM accounts WHERE email_index = ANY (caas_blind_candidates('user7@example.com', 'accounts.email'));
PREPARE find_account(text) AS
SELECT caas_open(id, email, 'accounts.email') FROM accounts WHERE email_index = ANY (caas_blind_candidates($1, 'accounts.email'));
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE find_account('user8@example.com');
EXECUTE find_account('user8@example.com');
EXECUTE find_account('user9@example.com');
EXECUTE find_account('User9@example.com');
EXECUTE find_account(NULL);
RESET plan_cache_mode;
RESET enable_bitmapscan;
-- A join with other values uses the index, too.
CREATE TEMP TABLE wanted AS SELECT 'user' || n || '@example.com' AS email FROM generate_series(4991, 5010) AS n;
ANALYZE wanted;
EXPLAIN (COSTS OFF) SELECT id FROM wanted JOIN accounts ON email_index = ANY (caas_blind_candidates(wanted.email, 'accounts.email'));
SELECT count(*) FROM wanted JOIN accounts ON email_index = ANY (caas_blind_candidates(wanted.email, 'accounts.email'));

-- A UNIQUE index is unique over all users.
\set VERBOSITY sqlstate
INSERT INTO accounts VALUES (gen_random_uuid(), NULL, caas_blind_index('user7@example.com', 'accounts.email'));
\set VERBOSITY default
INSERT INTO accounts VALUES (gen_random_uuid(), NULL, caas_blind_index('user7@example.com', 'accounts.email')) ON CONFLICT (email_index) DO NOTHING;
SELECT count(*) FROM accounts;
DROP TABLE accounts;

-- A short index has collisions, so each hit is opened.
CREATE TABLE short_index (id uuid, email bytea, email_index bytea);
INSERT INTO short_index
SELECT id, caas_seal(id, email), substr(caas_blind_index(email, '', 4), 4) FROM (SELECT md5(n::text)::uuid, 'user' || n FROM generate_series(1, 3000) AS n) AS users (id, email);
SELECT count(*) > 1 AS more_than_one, count(*) FILTER (WHERE caas_open(id, email) = 'user7') AS right_ones
FROM short_index WHERE email_index = substr(caas_blind_index('user7', '', 4), 4);
DROP TABLE short_index;

-- A generated column may use it, since it is IMMUTABLE.
CREATE TABLE generated (email text, email_index bytea GENERATED ALWAYS AS (caas_blind_index(lower(trim(email)), 'generated.email')) STORED UNIQUE);
INSERT INTO generated VALUES ('Ada@example.com');
\set VERBOSITY sqlstate
INSERT INTO generated VALUES (' ada@EXAMPLE.com ');
\set VERBOSITY default
SELECT email FROM generated WHERE email_index = ANY (caas_blind_candidates('ada@example.com', 'generated.email'));
DROP TABLE generated;

-- A call with constants is folded; the plan is not used any more without the API key.
EXPLAIN (COSTS OFF) SELECT 1 FROM generate_series(1, 2) WHERE caas_blind_index('x', 'c') IS NOT NULL;
SET plan_cache_mode = force_generic_plan;
PREPARE folded AS SELECT caas_blind_index('x', 'c') IS NOT NULL AS index;
EXECUTE folded;
CREATE FUNCTION folded() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN caas_blind_index('x', 'c') IS NOT NULL; END$$;
SELECT folded();
SET caas.api_key = '';
\set VERBOSITY sqlstate
EXECUTE folded;
SELECT folded();
SELECT caas_blind_index('x', 'c');
SELECT caas_blind_index('x'::bytea, 'c');
SELECT caas_blind_candidates('x', 'c');
SELECT caas_blind_candidates('x'::bytea, 'c');
RESET caas.api_key;
EXECUTE folded;
DROP FUNCTION folded;
