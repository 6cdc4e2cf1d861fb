-- caas_seal, caas_open, caas_try_open, caas_reseal, caas_generation and caas_sealed_info. No two sealed values are equal, so nothing prints one.
\i test/needs_key.sql
\set ada '''4dbcbcfe-4800-40a8-badf-c26b73af230c'''
\set bob '''65b4583e-d78b-5256-aa5a-851cf2f367b9'''
-- The head of a value whose generation is not in the keyring.
SELECT '\x01' || lpad(to_hex(:unused), 4, '0') AS unknown_head \gset

-- A sealed text opens, also as its bytes in UTF-8; it is 51 bytes longer than these.
SELECT kind, octet_length(value) AS bytes, octet_length(sealed) - octet_length(value) AS overhead, caas_open(:ada, sealed, 'users.note') = value AS opened,
       caas_open_bytea(:ada, sealed, 'users.note') = convert_to(value, 'UTF8') AS as_bytes, caas_try_open(:ada, sealed, 'users.note') = value AS tried
FROM (VALUES (1, 'empty', ''), (2, 'blank', ' '), (3, 'a block', 'sixteen bytes...'), (4, 'quotes', 'O''Hara "x" \'), (5, 'Unicode', 'Şifreleme ☂ 𝄞'),
             (6, 'one MB', repeat('x', 1048576)), (7, 'one MB of Unicode', repeat('☂ ', 262144)), (8, 'lines', E'a\r\nb\t\n')) AS texts (number, kind, value),
     LATERAL caas_seal(:ada, value, 'users.note') AS sealed
ORDER BY number;
-- Sealed bytes open, also as text where they are valid text.
SELECT kind, octet_length(value) AS bytes, octet_length(sealed) - octet_length(value) AS overhead, caas_open_bytea(:ada, sealed) = value AS opened,
       caas_try_open_bytea(:ada, sealed) = value AS tried, caas_try_open(:ada, sealed) = 'Şifre' AS as_text
FROM (VALUES (1, 'empty', ''::bytea), (2, 'zero', '\x00'), (3, 'all ones', '\xffffffff'), (4, 'UTF-8', convert_to('Şifre', 'UTF8')),
             (5, 'one MB', decode(repeat('00ff', 524288), 'hex'))) AS bytes (number, kind, value),
     LATERAL caas_seal(:ada, value) AS sealed
ORDER BY number;

-- Every length up to a few blocks, for users of every cipher.
SELECT count(*) AS values, count(*) FILTER (WHERE caas_open(id, sealed, 'users.note') IS DISTINCT FROM value OR octet_length(sealed) <> n + 51) AS wrong
FROM generate_series(1, 60) AS u, LATERAL (SELECT md5(u::text)::uuid AS id) AS ids, generate_series(0, 100) AS n,
     LATERAL (SELECT repeat('x', n) AS value) AS texts, LATERAL caas_seal(id, value, 'users.note') AS sealed;

-- Each call gives another value. Only the first three bytes, format and generation, are equal.
SELECT count(DISTINCT sealed) AS values, count(DISTINCT substr(sealed, 1, 3)) AS heads, count(DISTINCT substr(sealed, 4, 16)) AS nonces,
       count(DISTINCT substr(sealed, 20, 16)) AS commitments, count(DISTINCT substr(sealed, 36)) AS ciphertexts
FROM (SELECT caas_seal(:ada, 'x') AS sealed FROM generate_series(1, 5000)) AS many;

-- The default context is the empty one. Every character of a context counts; its limit is 1024 bytes.
SELECT caas_open(:ada, caas_seal(:ada, 'x'), '') AS empty_is_default, caas_open(:ada, caas_seal(:ada, 'x', '')) AS default_is_empty,
       caas_open(:ada, caas_seal(:ada, 'x', context => 'users.ssn'), context => 'users.ssn') AS named,
       caas_open(:ada, caas_seal(:ada, 'x', repeat('x', 1024)), repeat('x', 1024)) AS bytes_1024,
       caas_open(:ada, caas_seal(:ada, 'x', repeat('ş', 512)), repeat('ş', 512)) AS characters_512;
SELECT context, caas_try_open(:ada, sealed, context) IS NOT NULL AS opens
FROM caas_seal(:ada, 'x', 'users.ssn') AS sealed,
     (VALUES (1, 'users.ssn'), (2, ''), (3, 'users.SSN'), (4, 'users.ssn '), (5, ' users.ssn'), (6, 'users.ss'), (7, 'users.ssnx'), (8, 'other.ssn')) AS contexts (number, context)
ORDER BY number;

-- Another user, another context and a changed value have one and the same error.
SELECT caas_seal(:ada, 'example sensitive data', 'users.ssn') AS sealed \gset
SELECT caas_open(:bob, :'sealed', 'users.ssn');
SELECT caas_open(:ada, :'sealed');
SELECT caas_open(:ada, set_bit(:'sealed'::bytea, 400, 1 - get_bit(:'sealed'::bytea, 400)), 'users.ssn');
SELECT caas_open_bytea(:ada, :'sealed', 'users.phone');
-- Errors of their own: no sealed value, a generation that the keyring lacks, a context too long, bytes that are no text.
SELECT caas_open(:ada, 'users.ssn');
SELECT caas_open(:ada, :'unknown_head'::bytea || substr(:'sealed'::bytea, 4), 'users.ssn');
SELECT caas_open(:ada, :'sealed', repeat('x', 1025));
SELECT caas_open(:ada, caas_seal(:ada, '\x00ff'::bytea));
SELECT caas_try_open(:ada, caas_seal(:ada, '\x00ff'::bytea)) IS NULL AS no_text, caas_open_bytea(:ada, caas_seal(:ada, '\x00ff'::bytea)) AS but_bytes;
\set VERBOSITY sqlstate
SELECT caas_open(:ada, '');
SELECT caas_open(:ada, substr(:'sealed'::bytea, 1, 50), 'users.ssn');
SELECT caas_open(:ada, substr(:'sealed'::bytea, 1, 51), 'users.ssn');
SELECT caas_open(:ada, '\x00' || substr(:'sealed'::bytea, 2), 'users.ssn');
SELECT caas_open(:ada, '\x02' || substr(:'sealed'::bytea, 2), 'users.ssn');
SELECT caas_open(:ada, '\x010000' || substr(:'sealed'::bytea, 4), 'users.ssn');
SELECT caas_open(:ada, '\x01ffff' || substr(:'sealed'::bytea, 4), 'users.ssn');
SELECT caas_open_bytea(:ada, :'unknown_head'::bytea || substr(:'sealed'::bytea, 4), 'users.ssn');
SELECT caas_seal(:ada, 'x', repeat('ş', 513));
SELECT caas_seal(:ada, 'x'::bytea, repeat('x', 1025));
SELECT caas_try_open(:ada, :'sealed', repeat('x', 1025));
SELECT caas_try_open_bytea(:ada, :'sealed', repeat('x', 1025));
SELECT caas_reseal(:ada, :'sealed', repeat('x', 1025));
\set VERBOSITY default

-- A value with a changed bit, or with bytes missing or added, does not open, for users of every cipher.
SELECT count(*) AS changes, count(*) FILTER (WHERE caas_try_open_bytea(id, changed, 'users.ssn') IS NOT NULL) AS opened
FROM generate_series(1, 30) AS u, LATERAL (SELECT md5(u::text)::uuid AS id) AS ids, LATERAL caas_seal(id, 'plaintext', 'users.ssn') AS sealed,
     LATERAL (SELECT set_bit(sealed, bit, 1 - get_bit(sealed, bit)) FROM generate_series(0, 8 * octet_length(sealed) - 1) AS bit
              UNION ALL SELECT substr(sealed, 1, n) FROM generate_series(0, octet_length(sealed) - 1) AS n
              UNION ALL VALUES (sealed || '\x00'::bytea), ('\x00'::bytea || sealed)) AS changes (changed);
-- Parts of two values of one user, put together, do not open.
SELECT count(*) FILTER (WHERE caas_try_open(:ada, mixed) IS NOT NULL) AS opened
FROM caas_seal(:ada, 'one') AS one, caas_seal(:ada, 'two') AS two,
     LATERAL (VALUES (substr(one, 1, 19) || substr(two, 20)), (substr(one, 1, 35) || substr(two, 36)),
                     (substr(one, 1, 38) || substr(two, 39)), (substr(one, 1, 19) || substr(two, 20, 16) || substr(one, 36))) AS mixes (mixed);

-- caas_try_open is NULL for every error that is about the value.
SELECT kind, caas_try_open(:ada, value, 'users.ssn') AS opened, caas_try_open_bytea(:ada, value, 'users.ssn') IS NOT NULL AS as_bytes
FROM (VALUES (1, 'right', :'sealed'::bytea), (2, 'empty', ''), (3, 'short', substr(:'sealed'::bytea, 1, 50)), (4, 'format 2', '\x02' || substr(:'sealed'::bytea, 2)),
             (5, 'unknown generation', :'unknown_head'::bytea || substr(:'sealed'::bytea, 4)), (6, 'other context', caas_seal(:ada, 'x')),
             (7, 'other user', caas_seal(:bob, 'x', 'users.ssn')), (8, 'no text', caas_seal(:ada, '\xff'::bytea, 'users.ssn'))) AS damaged (number, kind, value)
ORDER BY number;

-- A NULL argument gives NULL.
SELECT num_nulls(caas_seal(NULL, 'x'), caas_seal(:ada, NULL), caas_seal(:ada, 'x', NULL), caas_seal(NULL, 'x'::bytea), caas_seal(:ada, NULL::bytea),
                 caas_seal(:ada, 'x'::bytea, NULL)) AS of_6,
       num_nulls(caas_open(NULL, :'sealed'), caas_open(:ada, NULL), caas_open(:ada, :'sealed', NULL), caas_open_bytea(NULL, :'sealed'),
                 caas_open_bytea(:ada, NULL), caas_open_bytea(:ada, :'sealed', NULL), caas_try_open(NULL, :'sealed'), caas_try_open(:ada, NULL),
                 caas_try_open(:ada, :'sealed', NULL), caas_try_open_bytea(NULL, :'sealed'), caas_try_open_bytea(:ada, NULL),
                 caas_try_open_bytea(:ada, :'sealed', NULL)) AS of_12,
       num_nulls(caas_reseal(NULL, :'sealed'), caas_reseal(:ada, NULL), caas_reseal(:ada, :'sealed', NULL), caas_generation(NULL)) AS of_4,
       caas_sealed_info(NULL) IS NULL AS info;

-- caas_reseal returns a value of the active generation unchanged and does not open it. Its errors are those of caas_open.
SELECT caas_reseal(:ada, :'sealed', 'users.ssn') = :'sealed' AS same, caas_reseal(:bob, :'sealed') = :'sealed' AS not_opened;
\set VERBOSITY sqlstate
SELECT caas_reseal(:ada, 'x', 'users.ssn');
SELECT caas_reseal(:ada, '\x010000' || substr(:'sealed'::bytea, 4), 'users.ssn');
-- A value of a higher number stays as it is, too. A generation that is named must be the active one.
SELECT caas_reseal(:ada, '\x01ffff' || substr(:'sealed'::bytea, 4), 'users.ssn') = '\x01ffff' || substr(:'sealed'::bytea, 4) AS higher,
       caas_reseal(:ada, :'sealed', 'users.ssn', :active) = :'sealed' AS named;
SELECT caas_reseal(:ada, :'sealed', 'users.ssn', :unused);
SELECT caas_reseal(:ada, :'sealed', 'users.ssn', 0);
SELECT caas_reseal(:ada, :'sealed', 'users.ssn', -1);
\set VERBOSITY default
SELECT caas_reseal(:ada, :'sealed', 'users.ssn', generation => :unused);
SELECT caas_reseal(:ada, :'sealed', 'users.ssn', NULL) IS NULL AS no_generation;
\set VERBOSITY sqlstate

-- Without an API key only the head of a value can be read.
SET caas.api_key = '';
SELECT caas_seal(:ada, 'x');
SELECT caas_seal(:ada, 'x'::bytea);
SELECT caas_open(:ada, :'sealed', 'users.ssn');
SELECT caas_open_bytea(:ada, :'sealed', 'users.ssn');
SELECT caas_try_open(:ada, :'sealed', 'users.ssn');
SELECT caas_try_open_bytea(:ada, 'x');
SELECT caas_reseal(:ada, :'sealed', 'users.ssn');
SELECT caas_generation(:'sealed') = :active AS active;
SELECT format, generation = :active AS active, data_length FROM caas_sealed_info(:'sealed');
SELECT caas_generation('x');
SELECT caas_generation(substr(:'sealed'::bytea, 1, 50));
SELECT caas_sealed_info('\x02' || substr(:'sealed'::bytea, 2));
SELECT caas_sealed_info(substr(:'sealed'::bytea, 1, 50));
\set VERBOSITY default
SELECT caas_generation('x');

-- The head is read correctly however the value is stored.
RESET caas.api_key;
CREATE TABLE stored_values (length integer, main bytea, external bytea, extended bytea);
ALTER TABLE stored_values ALTER main SET STORAGE MAIN, ALTER external SET STORAGE EXTERNAL, ALTER extended SET STORAGE EXTENDED;
INSERT INTO stored_values SELECT n, sealed, sealed, sealed FROM (VALUES (0), (60), (1000), (100000)) AS lengths (n), caas_seal(:ada, repeat('x', n)) AS sealed;
-- A head followed by zeroes is compressed, unlike a real sealed value.
INSERT INTO stored_values SELECT n, fake, fake, fake FROM (VALUES (100000 - 51)) AS lengths (n), LATERAL (SELECT '\x01012c'::bytea || decode(repeat('00', n + 48), 'hex')) AS fakes (fake);
SELECT length, pg_column_size(extended) < length AS compressed,
       ARRAY[caas_generation(main), caas_generation(external), caas_generation(extended)] = array_fill(expected, ARRAY[3]) AS generations,
       caas_sealed_info(external) = (1, expected, length) AS external, caas_sealed_info(extended) = (1, expected, length) AS extended
FROM stored_values, LATERAL (SELECT CASE WHEN length = 100000 - 51 THEN 300 ELSE :active END AS expected) AS of_value ORDER BY length;
SELECT count(*) AS opened FROM stored_values WHERE caas_try_open(:ada, external) = repeat('x', length) AND caas_try_open(:ada, extended) = repeat('x', length);
DROP TABLE stored_values;

-- An index over the generation finds the values to reseal, and refuses what is no sealed value.
CREATE TABLE patients (id uuid PRIMARY KEY, ssn bytea);
CREATE INDEX patients_generation ON patients (caas_generation(ssn));
INSERT INTO patients SELECT md5(n::text)::uuid, caas_seal(md5(n::text)::uuid, 'ssn ' || n, 'patients.ssn') FROM generate_series(1, 2000) AS n;
INSERT INTO patients SELECT id, :'unknown_head'::bytea || substr(caas_seal(id, 'x'), 4) FROM (SELECT md5(n::text)::uuid FROM generate_series(2001, 2010) AS n) AS ids (id);
INSERT INTO patients VALUES (:ada, NULL);
INSERT INTO patients VALUES (:bob, 'not sealed');
ANALYZE patients;
SET enable_bitmapscan = off;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM patients WHERE caas_generation(ssn) < 2;
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT caas_generation(ssn) = (SELECT active_generation FROM caas_status()) AS active, count(*) FROM patients GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM patients WHERE caas_generation(ssn) = :unused;
DROP TABLE patients;

-- PL/pgSQL catches the error by the name of its condition.
\set VERBOSITY terse
DO $$
BEGIN
    PERFORM caas_open('4dbcbcfe-4800-40a8-badf-c26b73af230c', caas_seal('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x'), 'other');
EXCEPTION WHEN external_routine_invocation_exception THEN
    RAISE NOTICE 'cannot be opened: %', SQLERRM;
END$$;

-- Another session opens the value.
\connect
SELECT caas_open(:ada, :'sealed', 'users.ssn'), octet_length(:'sealed'::bytea) AS bytes;
