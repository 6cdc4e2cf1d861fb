-- caas_uuid: the UUIDs of users whose ids are not UUIDs. It needs no key.
\i test/needs_key.sql
SET caas.api_key = '';

-- An integer and its decimal text are the same user. The published vectors are in test/t/002_vectors.pl.
SELECT caas_uuid('users', 42) = caas_uuid('users', '42') AS same, caas_uuid('users', 42::smallint) = caas_uuid('users', 42::bigint) AS integers,
       caas_uuid('users', -1) = caas_uuid('users', '-1') AS negative,
       caas_uuid('users', 9223372036854775807) = caas_uuid('users', '9223372036854775807') AS largest,
       caas_uuid('users', -9223372036854775808) = caas_uuid('users', '-9223372036854775808') AS smallest,
       caas_uuid('users', 'ada'::varchar(10)) = caas_uuid('users', 'ada') AS varchar;
SELECT count(DISTINCT caas_uuid(namespace, id)) AS of_9
FROM (VALUES ('users', '42'), ('users', '042'), ('users', '+42'), ('users', ' 42'), ('patients', '42'), ('Users', '42'), ('user', 's42'), ('users4', '2'),
             ('users', '4dbcbcfe-4800-40a8-badf-c26b73af230c')) AS ids (namespace, id);
SELECT substr(caas_uuid('users', n)::text, 15, 1) AS version, bool_and(substr(caas_uuid('users', n)::text, 20, 1) IN ('8', '9', 'a', 'b')) AS variant,
       count(DISTINCT caas_uuid('users', n)) AS distinct
FROM generate_series(1, 10000) AS n GROUP BY 1;
SELECT num_nulls(caas_uuid(NULL, 1), caas_uuid('users', NULL::bigint), caas_uuid(NULL, 'x'), caas_uuid('users', NULL)) AS of_4;
SELECT caas_uuid(namespace => 'users', id => 42) = caas_uuid(id => '42', namespace => 'users') AS by_name;

-- Namespace and id have 1 to 1024 bytes each.
SELECT caas_uuid('', 1);
SELECT caas_uuid('users', '');
SELECT caas_uuid(repeat('x', 1024), repeat('ş', 512)) IS NOT NULL AS longest;
\set VERBOSITY sqlstate
SELECT caas_uuid(repeat('x', 1025), 1);
SELECT caas_uuid('users', repeat('ş', 513));
-- Values of other types are not taken for an integer or a text.
SELECT caas_uuid('users', 4.2);
SELECT caas_uuid('users', true);
SELECT caas_uuid('users', '4dbcbcfe-4800-40a8-badf-c26b73af230c'::uuid);
\set VERBOSITY default

-- An index and a generated column may use it, for everyone.
CREATE TABLE members (id bigint GENERATED ALWAYS AS IDENTITY, uuid uuid GENERATED ALWAYS AS (caas_uuid('members', id)) STORED UNIQUE);
INSERT INTO members SELECT FROM generate_series(1, 1000);
ANALYZE members;
CREATE ROLE caas_regress_nobody;
GRANT SELECT ON members TO caas_regress_nobody;
SET ROLE caas_regress_nobody;
SELECT id FROM members WHERE uuid = caas_uuid('members', 7);
RESET ROLE;
EXPLAIN (COSTS OFF) SELECT id FROM members WHERE uuid = caas_uuid('members', id) AND caas_uuid('members', 7) IS NOT NULL;
DROP TABLE members;
DROP ROLE caas_regress_nobody;

-- It names the user for every other function.
RESET caas.api_key;
SELECT caas_verify(caas_uuid('users', 42), 'value', caas_encrypt(caas_uuid('users', '42'), 'value')) AS digest,
       caas_open(caas_uuid('users', 42), caas_seal(caas_uuid('users', 42), 'value', 'c'), 'c') AS opened;
