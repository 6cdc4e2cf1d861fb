-- caas_seal, caas_open, caas_try_open, caas_reseal, caas_generation and caas_sealed_info. No two sealed values are equal: nothing prints one.
SET caas.api_key = 'regress key, no secret';
\set ada '''4dbcbcfe-4800-40a8-badf-c26b73af230c'''
\set bob '''65b4583e-d78b-5256-aa5a-851cf2f367b9'''

-- what was sealed opens, 51 bytes shorter: text, also as its bytes in UTF-8
SELECT kind, octet_length(value) AS bytes, octet_length(sealed) - octet_length(value) AS overhead, caas_open(:ada, sealed, 'users.note') = value AS opened,
       caas_open_bytea(:ada, sealed, 'users.note') = convert_to(value, 'UTF8') AS as_bytes, caas_try_open(:ada, sealed, 'users.note') = value AS tried
FROM (VALUES (1, 'empty', ''), (2, 'blank', ' '), (3, 'a block', 'sixteen bytes...'), (4, 'quotes', 'O''Hara "x" \'), (5, 'Unicode', 'Şifreleme ☂ 𝄞'),
             (6, 'one MB', repeat('x', 1048576)), (7, 'one MB of Unicode', repeat('☂ ', 262144)), (8, 'lines', E'a\r\nb\t\n')) AS texts (number, kind, value),
     LATERAL caas_seal(:ada, value, 'users.note') AS sealed
ORDER BY number;
-- and bytes, also as text where they are one
SELECT kind, octet_length(value) AS bytes, octet_length(sealed) - octet_length(value) AS overhead, caas_open_bytea(:ada, sealed) = value AS opened,
       caas_try_open_bytea(:ada, sealed) = value AS tried, caas_try_open(:ada, sealed) = 'Şifre' AS as_text
FROM (VALUES (1, 'empty', ''::bytea), (2, 'zero', '\x00'), (3, 'all ones', '\xffffffff'), (4, 'UTF-8', convert_to('Şifre', 'UTF8')),
             (5, 'one MB', decode(repeat('00ff', 524288), 'hex'))) AS bytes (number, kind, value),
     LATERAL caas_seal(:ada, value) AS sealed
ORDER BY number;

-- every length up to a few blocks, for users of every cipher
SELECT count(*) AS values, count(*) FILTER (WHERE caas_open(id, sealed, 'users.note') IS DISTINCT FROM value OR octet_length(sealed) <> n + 51) AS wrong
FROM generate_series(1, 60) AS u, LATERAL (SELECT md5(u::text)::uuid AS id) AS ids, generate_series(0, 100) AS n,
     LATERAL (SELECT repeat('x', n) AS value) AS texts, LATERAL caas_seal(id, value, 'users.note') AS sealed;

-- each call gives another value: the head's first three bytes are the format and the generation, the rest differs
SELECT count(DISTINCT sealed) AS values, count(DISTINCT substr(sealed, 1, 3)) AS heads, count(DISTINCT substr(sealed, 4, 16)) AS nonces,
       count(DISTINCT substr(sealed, 20, 16)) AS commitments, count(DISTINCT substr(sealed, 36)) AS ciphertexts
FROM (SELECT caas_seal(:ada, 'x') AS sealed FROM generate_series(1, 5000)) AS many;

-- the context: the default is the empty one, every character of it counts, 1024 bytes are the most
SELECT caas_open(:ada, caas_seal(:ada, 'x'), '') AS empty_is_default, caas_open(:ada, caas_seal(:ada, 'x', '')) AS default_is_empty,
       caas_open(:ada, caas_seal(:ada, 'x', context => 'users.ssn'), context => 'users.ssn') AS named,
       caas_open(:ada, caas_seal(:ada, 'x', repeat('x', 1024)), repeat('x', 1024)) AS bytes_1024,
       caas_open(:ada, caas_seal(:ada, 'x', repeat('ş', 512)), repeat('ş', 512)) AS characters_512;
SELECT context, caas_try_open(:ada, sealed, context) IS NOT NULL AS opens
FROM caas_seal(:ada, 'x', 'users.ssn') AS sealed,
     (VALUES (1, 'users.ssn'), (2, ''), (3, 'users.SSN'), (4, 'users.ssn '), (5, ' users.ssn'), (6, 'users.ss'), (7, 'users.ssnx'), (8, 'other.ssn')) AS contexts (number, context)
ORDER BY number;

-- not to be opened: one message for the other user, the other context and what was changed
SELECT caas_seal(:ada, 'example sensitive data', 'users.ssn') AS sealed \gset
SELECT caas_open(:bob, :'sealed', 'users.ssn');
SELECT caas_open(:ada, :'sealed');
SELECT caas_open(:ada, set_bit(:'sealed'::bytea, 400, 1 - get_bit(:'sealed'::bytea, 400)), 'users.ssn');
SELECT caas_open_bytea(:ada, :'sealed', 'users.phone');
-- not a sealed value; of a generation that the keyring lacks; a context too long; bytes that are no text; no key
SELECT caas_open(:ada, 'users.ssn');
SELECT caas_open(:ada, '\x010003' || substr(:'sealed'::bytea, 4), 'users.ssn');
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
SELECT caas_open(:ada, '\x010001' || substr(:'sealed'::bytea, 4), 'users.ssn');
SELECT caas_open_bytea(:ada, '\x010003' || substr(:'sealed'::bytea, 4), 'users.ssn');
SELECT caas_seal(:ada, 'x', repeat('ş', 513));
SELECT caas_seal(:ada, 'x'::bytea, repeat('x', 1025));
SELECT caas_try_open(:ada, :'sealed', repeat('x', 1025));
SELECT caas_try_open_bytea(:ada, :'sealed', repeat('x', 1025));
SELECT caas_reseal(:ada, :'sealed', repeat('x', 1025));
\set VERBOSITY default

-- a changed bit anywhere, a byte less, a byte more: nothing opens, for users of every cipher
SELECT count(*) AS changes, count(*) FILTER (WHERE caas_try_open_bytea(id, changed, 'users.ssn') IS NOT NULL) AS opened
FROM generate_series(1, 30) AS u, LATERAL (SELECT md5(u::text)::uuid AS id) AS ids, LATERAL caas_seal(id, 'plaintext', 'users.ssn') AS sealed,
     LATERAL (SELECT set_bit(sealed, bit, 1 - get_bit(sealed, bit)) FROM generate_series(0, 8 * octet_length(sealed) - 1) AS bit
              UNION ALL SELECT substr(sealed, 1, n) FROM generate_series(0, octet_length(sealed) - 1) AS n
              UNION ALL VALUES (sealed || '\x00'::bytea), ('\x00'::bytea || sealed)) AS changes (changed);
-- nor the parts of two values of one user put together
SELECT count(*) FILTER (WHERE caas_try_open(:ada, mixed) IS NOT NULL) AS opened
FROM caas_seal(:ada, 'one') AS one, caas_seal(:ada, 'two') AS two,
     LATERAL (VALUES (substr(one, 1, 19) || substr(two, 20)), (substr(one, 1, 35) || substr(two, 36)),
                     (substr(one, 1, 38) || substr(two, 39)), (substr(one, 1, 19) || substr(two, 20, 16) || substr(one, 36))) AS mixes (mixed);

-- caas_try_open is NULL for what is wrong with the value, whatever that is
SELECT kind, caas_try_open(:ada, value, 'users.ssn') AS opened, caas_try_open_bytea(:ada, value, 'users.ssn') IS NOT NULL AS as_bytes
FROM (VALUES (1, 'right', :'sealed'::bytea), (2, 'empty', ''), (3, 'short', substr(:'sealed'::bytea, 1, 50)), (4, 'format 2', '\x02' || substr(:'sealed'::bytea, 2)),
             (5, 'unknown generation', '\x010003' || substr(:'sealed'::bytea, 4)), (6, 'other context', caas_seal(:ada, 'x')),
             (7, 'other user', caas_seal(:bob, 'x', 'users.ssn')), (8, 'no text', caas_seal(:ada, '\xff'::bytea, 'users.ssn'))) AS damaged (number, kind, value)
ORDER BY number;

-- NULL is no value, no user and no context
SELECT num_nulls(caas_seal(NULL, 'x'), caas_seal(:ada, NULL), caas_seal(:ada, 'x', NULL), caas_seal(NULL, 'x'::bytea), caas_seal(:ada, NULL::bytea),
                 caas_seal(:ada, 'x'::bytea, NULL)) AS of_6,
       num_nulls(caas_open(NULL, :'sealed'), caas_open(:ada, NULL), caas_open(:ada, :'sealed', NULL), caas_open_bytea(NULL, :'sealed'),
                 caas_open_bytea(:ada, NULL), caas_open_bytea(:ada, :'sealed', NULL), caas_try_open(NULL, :'sealed'), caas_try_open(:ada, NULL),
                 caas_try_open(:ada, :'sealed', NULL), caas_try_open_bytea(NULL, :'sealed'), caas_try_open_bytea(:ada, NULL),
                 caas_try_open_bytea(:ada, :'sealed', NULL)) AS of_12,
       num_nulls(caas_reseal(NULL, :'sealed'), caas_reseal(:ada, NULL), caas_reseal(:ada, :'sealed', NULL), caas_generation(NULL)) AS of_4,
       caas_sealed_info(NULL) IS NULL AS info;

-- caas_reseal leaves a value of the active generation as it is, without opening it; the rest are errors as in caas_open
SELECT caas_reseal(:ada, :'sealed', 'users.ssn') = :'sealed' AS same, caas_reseal(:bob, :'sealed') = :'sealed' AS not_opened;
\set VERBOSITY sqlstate
SELECT caas_reseal(:ada, 'x', 'users.ssn');
SELECT caas_reseal(:ada, '\x010003' || substr(:'sealed'::bytea, 4), 'users.ssn');
SELECT caas_reseal(:ada, '\x010001' || substr(:'sealed'::bytea, 4), 'users.ssn');

-- without a key: nothing but what the value shows to everyone
RESET caas.api_key;
SELECT caas_seal(:ada, 'x');
SELECT caas_seal(:ada, 'x'::bytea);
SELECT caas_open(:ada, :'sealed', 'users.ssn');
SELECT caas_open_bytea(:ada, :'sealed', 'users.ssn');
SELECT caas_try_open(:ada, :'sealed', 'users.ssn');
SELECT caas_try_open_bytea(:ada, 'x');
SELECT caas_reseal(:ada, :'sealed', 'users.ssn');
SELECT caas_generation(:'sealed'), caas_sealed_info(:'sealed');
SELECT * FROM caas_sealed_info(:'sealed');
SELECT caas_generation('x');
SELECT caas_generation(substr(:'sealed'::bytea, 1, 50));
SELECT caas_sealed_info('\x02' || substr(:'sealed'::bytea, 2));
SELECT caas_sealed_info(substr(:'sealed'::bytea, 1, 50));
\set VERBOSITY default
SELECT caas_generation('x');

-- what it shows does not depend on how it is stored
SET caas.api_key = 'regress key, no secret';
CREATE TABLE stored_values (length integer, main bytea, external bytea, extended bytea);
ALTER TABLE stored_values ALTER main SET STORAGE MAIN, ALTER external SET STORAGE EXTERNAL, ALTER extended SET STORAGE EXTENDED;
INSERT INTO stored_values SELECT n, sealed, sealed, sealed FROM (VALUES (0), (60), (1000), (100000)) AS lengths (n), caas_seal(:ada, repeat('x', n)) AS sealed;
-- a head before zeroes: such a value is compressed, as no real one is
INSERT INTO stored_values SELECT n, fake, fake, fake FROM (VALUES (100000 - 51)) AS lengths (n), LATERAL (SELECT '\x01012c'::bytea || decode(repeat('00', n + 48), 'hex')) AS fakes (fake);
SELECT length, pg_column_size(extended) < length AS compressed, caas_generation(main) AS main,
       caas_generation(external) AS external, caas_generation(extended) AS extended, caas_sealed_info(external), caas_sealed_info(extended)
FROM stored_values ORDER BY length;
SELECT count(*) AS opened FROM stored_values WHERE caas_try_open(:ada, external) = repeat('x', length) AND caas_try_open(:ada, extended) = repeat('x', length);
DROP TABLE stored_values;

-- an index on the generation finds what is left to reseal, and keeps out what is no sealed value
CREATE TABLE patients (id uuid PRIMARY KEY, ssn bytea);
CREATE INDEX patients_generation ON patients (caas_generation(ssn));
INSERT INTO patients SELECT md5(n::text)::uuid, caas_seal(md5(n::text)::uuid, 'ssn ' || n, 'patients.ssn') FROM generate_series(1, 2000) AS n;
INSERT INTO patients SELECT id, '\x010001' || substr(caas_seal(id, 'x'), 4) FROM (SELECT md5(n::text)::uuid FROM generate_series(2001, 2010) AS n) AS ids (id);
INSERT INTO patients VALUES (:ada, NULL);
INSERT INTO patients VALUES (:bob, 'not sealed');
ANALYZE patients;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM patients WHERE caas_generation(ssn) < 2;
RESET enable_bitmapscan;
SELECT caas_generation(ssn) AS generation, count(*) FROM patients GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM patients WHERE caas_generation(ssn) < (SELECT active_generation FROM caas_status());
DROP TABLE patients;

-- what PL/pgSQL catches by its condition's name
\set VERBOSITY terse
DO $$
BEGIN
    PERFORM caas_open('4dbcbcfe-4800-40a8-badf-c26b73af230c', caas_seal('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x'), 'other');
EXCEPTION WHEN external_routine_invocation_exception THEN
    RAISE NOTICE 'cannot be opened: %', SQLERRM;
END$$;

-- and in another session it opens
\connect
SET caas.api_key = 'regress key, no secret';
SELECT caas_open(:ada, :'sealed', 'users.ssn'), octet_length(:'sealed'::bytea) AS bytes;
