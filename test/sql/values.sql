-- Kinds of values: Unicode, zero bytes, short, long, compressed and toasted ones. Only the bytes count.
\i test/needs_key.sql
\set ada '''4dbcbcfe-4800-40a8-badf-c26b73af230c'''

-- A text counts as its bytes in UTF-8; it is not normalised, trimmed or folded. (psql up to 14 takes an emoji for narrow, so no text is printed.)
SELECT number, caas_encrypt(:ada, value) = encode(caas_encrypt(:ada, convert_to(value, 'UTF8')), 'hex') AS is_utf8
FROM (VALUES (1, 'ascii'), (2, U&'\015Eifreleme \2602'), (3, U&'\+01F600'), (4, E'tab\tand\nline')) AS texts (number, value) ORDER BY number;
SELECT count(DISTINCT caas_encrypt(:ada, value)) AS all_8_differ
FROM (VALUES (U&'caf\00E9'), (U&'cafe\0301'), ('cafe'), ('Cafe'), (' cafe'), ('cafe '), ('caf'), ('')) AS texts (value);
SELECT caas_encrypt(:ada, 'cafe'::varchar(10)) = caas_encrypt(:ada, 'cafe') AS from_varchar,
       caas_encrypt(:ada, 'cafe'::char(10)::text) = caas_encrypt(:ada, 'cafe') AS from_char,
       caas_encrypt(:ada, 'cafe'::name::text) = caas_encrypt(:ada, 'cafe') AS from_name;

-- A bytea may hold any bytes.
SELECT count(DISTINCT caas_encrypt(:ada, value)) AS all_6_differ
FROM (VALUES ('\x'::bytea), ('\x00'), ('\x0000'), ('\xff'), ('\x00ff'), ('\xff00')) AS bytes (value);

-- Lengths around the block sizes of the algorithms, for users of every algorithm: text and bytea agree, and verify.
SELECT count(*) AS disagreements
FROM generate_series(1, 40) AS u, LATERAL (SELECT md5(u::text)::uuid AS id) AS ids, generate_series(0, 300) AS n,
     LATERAL (SELECT repeat('x', n) AS value) AS texts
WHERE caas_encrypt(id, value) <> encode(caas_encrypt(id, value::bytea), 'hex')
   OR NOT caas_verify(id, value, caas_encrypt(id, value));

-- A value has one digest, whether it is stored short, compressed or toasted, or is a constant.
CREATE TABLE stored_values (id uuid, compressed text, external text, bytes bytea);
ALTER TABLE stored_values ALTER external SET STORAGE EXTERNAL, ALTER bytes SET STORAGE EXTERNAL;
INSERT INTO stored_values
SELECT :ada, value, value, value::bytea FROM generate_series(1, 7) AS n, LATERAL (SELECT repeat('caas ', (10 ^ (n - 1))::integer) AS value) AS texts;
SELECT length(external), count(DISTINCT digest) AS digests
FROM stored_values, LATERAL (VALUES (caas_encrypt(id, compressed)), (caas_encrypt(id, external)), (encode(caas_encrypt(id, bytes), 'hex')),
                                    (caas_encrypt(id, repeat('caas ', length(external) / 5)))) AS digests (digest)
GROUP BY external ORDER BY length(external);
-- A stored digest may be toasted, too.
SELECT caas_verify(:ada, 'x', stored.compressed) AS long_text, caas_verify(:ada, 'x'::bytea, stored.bytes) AS long_bytea
FROM stored_values AS stored ORDER BY length(external) DESC LIMIT 1;
DROP TABLE stored_values;
