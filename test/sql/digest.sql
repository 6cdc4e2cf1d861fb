-- caas_encrypt, caas_verify and caas_verified_by in all their forms. The keyring's secrets are random: nothing prints a digest.
\i test/needs_key.sql
\set ada '''4dbcbcfe-4800-40a8-badf-c26b73af230c'''
\set bob '''65b4583e-d78b-5256-aa5a-851cf2f367b9'''

-- The text form is the lower-case hex of the bytea form. The active generation is the default.
SELECT caas_encrypt(:ada, 'ada@example.com') ~ '^[0-9a-f]+$' AS lower_hex,
       caas_encrypt(:ada, 'ada@example.com') = encode(caas_encrypt(:ada, 'ada@example.com'::bytea), 'hex') AS same_bytes,
       caas_encrypt(:ada, 'ada@example.com') = caas_encrypt(:ada, 'ada@example.com') AS repeatable;
SELECT caas_encrypt(:ada, 'ada@example.com') = caas_encrypt(:ada, 'ada@example.com', :active) AS active,
       caas_encrypt(:ada, '\x00ff'::bytea) = caas_encrypt(:ada, '\x00ff'::bytea, generation => :active) AS active_bytea;

-- Verification is true for the value and the user alone, and tells the generation.
SELECT caas_verify(:ada, 'ada@example.com', caas_encrypt(:ada, 'ada@example.com')) AS active,
       caas_verify(:ada, 'bob@example.com', caas_encrypt(:ada, 'ada@example.com')) AS other_value,
       caas_verify(:bob, 'ada@example.com', caas_encrypt(:ada, 'ada@example.com')) AS other_user;
SELECT caas_verified_by(:ada, 'ada@example.com', caas_encrypt(:ada, 'ada@example.com')) = :active AS active,
       caas_verified_by(:ada, 'bob@example.com', caas_encrypt(:ada, 'ada@example.com')) AS other_value,
       caas_verified_by(:bob, 'ada@example.com', caas_encrypt(:ada, 'ada@example.com')) AS other_user;
SELECT caas_verify(:ada, '\x00ff'::bytea, caas_encrypt(:ada, '\x00ff'::bytea)) AS active,
       caas_verify(:ada, '\x00fe'::bytea, caas_encrypt(:ada, '\x00ff'::bytea)) AS other_value,
       caas_verify(:bob, '\x00ff'::bytea, caas_encrypt(:ada, '\x00ff'::bytea)) AS other_user;
SELECT caas_verified_by(:ada, '\x00ff'::bytea, caas_encrypt(:ada, '\x00ff'::bytea)) = :active AS active,
       caas_verified_by(:ada, '\x00fe'::bytea, caas_encrypt(:ada, '\x00ff'::bytea)) AS other_value,
       caas_verified_by(:bob, '\x00ff'::bytea, caas_encrypt(:ada, '\x00ff'::bytea)) AS other_user;

-- Hex of either case verifies. A text that is not hex of the right length is not equal, without an error.
SELECT form, caas_verify(:ada, 'x', stored)
FROM caas_encrypt(:ada, 'x') AS digest,
     LATERAL (VALUES (1, 'as made', digest), (2, 'upper case', upper(digest)), (3, 'first half upper case',
                      upper(left(digest, length(digest) / 2)) || right(digest, length(digest) / 2)),
                     (4, 'one digit less', left(digest, -1)), (5, 'one byte less', left(digest, -2)),
                     (6, 'one byte more', digest || '00'), (7, 'blank in front', ' ' || digest),
                     (8, 'blank behind', digest || ' '), (9, 'bytea notation', '\x' || digest),
                     (10, 'not hex', 'g' || right(digest, -1)), (11, 'empty', ''), (12, 'the value itself', 'x'),
                     (13, 'other hex', translate(digest, '0123456789abcdef', '123456789abcdef0')))
         AS forms (number, form, stored)
ORDER BY number;
SELECT caas_verify(:ada, 'x'::bytea, digest) AS as_made,
       caas_verify(:ada, 'x'::bytea, substr(digest, 2)) AS shorter,
       caas_verify(:ada, 'x'::bytea, digest || '\x00'::bytea) AS longer,
       caas_verify(:ada, 'x'::bytea, ''::bytea) AS empty,
       caas_verify(:ada, 'x'::bytea, convert_to(encode(digest, 'hex'), 'UTF8')) AS hex
FROM caas_encrypt(:ada, 'x'::bytea) AS digest;

-- A digest with one changed bit does not verify.
SELECT count(*) AS bits_not_seen
FROM caas_encrypt(:ada, 'x'::bytea) AS digest, generate_series(0, 8 * length(digest) - 1) AS bit
WHERE caas_verify(:ada, 'x'::bytea, set_bit(digest, bit, 1 - get_bit(digest, bit)));

-- The empty value has a digest, NULL has none.
SELECT caas_encrypt(:ada, '') = encode(caas_encrypt(:ada, ''::bytea), 'hex') AS same_bytes,
       caas_encrypt(:ada, '') <> caas_encrypt(:ada, ' ') AS not_blank,
       caas_verify(:ada, '', caas_encrypt(:ada, '')) AS verifies;
SELECT num_nulls(caas_encrypt(NULL, 'x'), caas_encrypt(:ada, NULL::text), caas_encrypt(NULL, 'x'::bytea),
                 caas_encrypt(:ada, NULL::bytea), caas_encrypt(:ada, 'x', NULL), caas_encrypt(:ada, 'x'::bytea, NULL),
                 caas_encrypt(NULL, 'x', 1), caas_encrypt(NULL, 'x'::bytea, 1)) AS of_8,
       num_nulls(caas_verify(NULL, 'x', 'x'), caas_verify(:ada, NULL, 'x'), caas_verify(:ada, 'x', NULL),
                 caas_verified_by(NULL, 'x', 'x'), caas_verified_by(:ada, NULL, 'x'),
                 caas_verified_by(:ada, 'x', NULL)) AS of_6,
       num_nulls(caas_verify(NULL, ''::bytea, ''), caas_verify(:ada, NULL::bytea, ''), caas_verify(:ada, ''::bytea, NULL),
                 caas_verified_by(NULL, ''::bytea, ''), caas_verified_by(:ada, NULL::bytea, ''),
                 caas_verified_by(:ada, ''::bytea, NULL)) AS of_6_bytea;

-- A uuid gives the same digest however it is written.
SELECT count(DISTINCT caas_encrypt(id::uuid, 'x'))
FROM (VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c'), ('4DBCBCFE480040A8BADFC26B73AF230C'),
             ('{4dbcbcfe-4800-40a8-badf-c26b73af230c}')) AS ids (id);

-- Users and values have different digests. A digest has the length of the algorithm that caas_profile names.
CREATE TEMP TABLE users AS SELECT md5(i::text)::uuid AS id, 'user' || i || '@example.com' AS email FROM generate_series(1, 2000) AS i;
SELECT count(DISTINCT caas_encrypt(id, 'x')) AS by_user, count(DISTINCT caas_encrypt(:ada, email)) AS by_value FROM users;
SELECT count(*) AS users, count(*) FILTER (WHERE length(caas_encrypt(id, email::bytea)) = bytes) AS of_right_length,
       count(*) FILTER (WHERE caas_verified_by(id, email, caas_encrypt(id, email)) = :active) AS verified
FROM users CROSS JOIN LATERAL caas_profile(id)
     LEFT JOIN (VALUES ('blake2b-512', 64), ('blake2s-256', 32), ('hmac-sha256', 32), ('hmac-sha384', 48), ('hmac-sha512', 64),
                       ('hmac-sha512-256', 32), ('kmac128', 32), ('kmac256', 64), ('hmac-md5', 16), ('hmac-sha1', 20), ('hmac-ripemd160', 20),
                       ('hmac-sha224', 28), ('hmac-sm3', 32), ('hmac-sha3-256', 32), ('hmac-sha3-384', 48), ('hmac-sha3-512', 64))
               AS lengths (algorithm, bytes) USING (algorithm);
SELECT DISTINCT salt_length FROM users CROSS JOIN LATERAL caas_profile(id) ORDER BY salt_length;

-- Another session computes the same digest.
SELECT caas_encrypt(:ada, 'ada@example.com') AS digest \gset
\connect
SELECT caas_verified_by(:ada, 'ada@example.com', :'digest') = :active AS active,
       caas_encrypt(:ada, 'ada@example.com') = :'digest' AS same;
