-- caas_hash_password, caas_verify_password, caas_password_outdated and the settings of their costs. Salts are random, so nothing prints a hash.
-- The active generation must hash this user's password with scrypt, as it does by default.
\i test/needs_key.sql
\set ada '''4dbcbcfe-4800-40a8-badf-c26b73af230c'''
\set bob '''65b4583e-d78b-5256-aa5a-851cf2f367b9'''
SELECT 'g=' || :active AS g, 'g=' || :unused AS unknown_g \gset
SELECT name, setting, unit, context, min_val, max_val FROM pg_settings
WHERE name ~ '^caas\.(scrypt|argon2|pbkdf2|max)_' ORDER BY name COLLATE "C";

-- The default costs, in the form of docs/spec.md, section 8; then lower ones, so that the rest is quick.
SELECT caas_hash_password(:ada, 'x') ~ ('^\$caas-scrypt\$v=1\$' || :'g' || ',ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$') AS phc;
SET caas.scrypt_ln = 10;
SET caas.scrypt_p = 1;
SELECT caas_hash_password(:ada, 'x') ~ ('^\$caas-scrypt\$v=1\$' || :'g' || ',ln=10,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$') AS phc;
SELECT count(DISTINCT caas_hash_password(:ada, 'x')) AS hashes FROM generate_series(1, 20);

-- Only the same password of the same user verifies.
SELECT caas_hash_password(:ada, 'correct horse battery staple') AS stored \gset
SELECT caas_verify_password(:ada, 'correct horse battery staple', :'stored') AS right,
       caas_verify_password(:ada, 'Correct horse battery staple', :'stored') AS other_case,
       caas_verify_password(:ada, 'correct horse battery staple ', :'stored') AS blank_more,
       caas_verify_password(:ada, '', :'stored') AS empty,
       caas_verify_password(:bob, 'correct horse battery staple', :'stored') AS other_user;
SELECT kind, caas_verify_password(:ada, password, hash) AS right, caas_verify_password(:ada, password || 'x', hash) AS wrong
FROM (VALUES (1, 'empty', ''), (2, 'Unicode', 'Şifre ☂ 𝄞'), (3, 'long', repeat('correct horse ', 100000))) AS passwords (number, kind, password),
     LATERAL caas_hash_password(:ada, password) AS hash
ORDER BY number;
SELECT num_nulls(caas_hash_password(NULL, 'x'), caas_hash_password(:ada, NULL), caas_verify_password(NULL, 'x', :'stored'),
                 caas_verify_password(:ada, NULL, :'stored'), caas_verify_password(:ada, 'x', NULL), caas_password_outdated(NULL)) AS of_6;

-- A hash is outdated when a new one would have another generation, another algorithm or a higher cost.
SELECT caas_password_outdated(:'stored') AS fresh,
       caas_password_outdated(replace(:'stored', :'g', :'unknown_g')) AS unknown_generation,
       caas_password_outdated(regexp_replace(:'stored', 'scrypt(.*),ln=10,r=8,p=1', 'pbkdf2-sha512\1,i=220000')) AS other_algorithm;
SET caas.scrypt_p = 2;
SELECT caas_password_outdated(:'stored') AS higher_p, caas_verify_password(:ada, 'correct horse battery staple', :'stored') AS still_right;
SET caas.scrypt_ln = 11;
SELECT caas_password_outdated(caas_hash_password(:ada, 'x')) AS as_set, caas_hash_password(:ada, 'x') ~ ',ln=11,r=8,p=2\$' AS in_the_hash;
SELECT caas_hash_password(:ada, 'x') AS costly \gset
SET caas.scrypt_p = 1;
SET caas.scrypt_ln = 10;
SELECT caas_password_outdated(:'costly') AS lower, caas_password_outdated(:'stored') AS equal_again;

-- A text of another shape is not equal, and outdated. Costs beyond the caps of docs/spec.md are refused without any work.
SELECT kind, caas_verify_password(:ada, 'correct horse battery staple', text) AS verifies, caas_password_outdated(text) AS outdated
FROM (VALUES (1, 'as made', :'stored'), (2, 'empty', ''), (3, 'the password', 'correct horse battery staple'), (4, 'another system''s', '$2b$12$abcdefghijklmnopqrstuv'),
             (5, 'blank in front', ' ' || :'stored'), (6, 'blank behind', :'stored' || ' '), (7, 'line behind', :'stored' || E'\n'), (8, 'one less', left(:'stored', -1)),
             (9, 'one more', :'stored' || 'A'), (10, 'padded', :'stored' || '='), (11, 'upper case', upper(:'stored')), (12, 'leading zero', replace(:'stored', 'ln=10', 'ln=010')),
             (13, 'sign', replace(:'stored', 'ln=10', 'ln=+10')), (14, 'ln 9', replace(:'stored', 'ln=10', 'ln=9')), (15, 'ln 19', replace(:'stored', 'ln=10', 'ln=19')),
             (16, 'ln 30', replace(:'stored', 'ln=10', 'ln=30')), (17, 'ln 2^32 + 10', replace(:'stored', 'ln=10', 'ln=4294967306')), (18, 'r 9', replace(:'stored', 'r=8', 'r=9')),
             (19, 'p 0', replace(:'stored', 'p=1', 'p=0')), (20, 'p 17', replace(:'stored', 'p=1', 'p=17')), (21, 'p * 2^ln', replace(:'stored', 'ln=10,r=8,p=1', 'ln=18,r=8,p=3')),
             (22, 'other order', replace(:'stored', 'ln=10,r=8', 'r=8,ln=10')), (23, 'generation 0', replace(:'stored', :'g', 'g=0')),
             (24, 'generation 65536', replace(:'stored', :'g', 'g=65536')), (25, 'version 2', replace(:'stored', 'v=1', 'v=2')),
             (26, 'unknown algorithm', replace(:'stored', 'scrypt', 'bcrypt')), (27, 'no hash', regexp_replace(:'stored', '\$[^$]*$', '$')),
             (28, 'other salt', regexp_replace(:'stored', '\$[^$]*(\$[^$]*)$', '$AAECAwQFBgcICQoLDA0ODw\1')),
             (29, 'an algorithm the user has not', regexp_replace(:'stored', 'scrypt(.*),ln=10,r=8,p=1', 'pbkdf2-sha512\1,i=10000000')),
             (30, 'long', repeat(:'stored', 10000)), (31, 'not ASCII', 'ş' || :'stored')) AS texts (number, kind, text)
ORDER BY number;
SELECT caas_verify_password(:ada, 'x', replace(:'stored', :'g', :'unknown_g'));

-- Each cost has limits, and so have costs together. A superuser may set them; the number of hashes at a time is set in the configuration.
SET caas.scrypt_ln = 18;
SET caas.scrypt_p = 3;
SELECT caas_hash_password(:ada, 'x');
RESET caas.scrypt_ln;
RESET caas.scrypt_p;
SET caas.argon2_memory = 15;
SET caas.argon2_parallelism = 2;
SELECT caas_hash_password(:ada, 'x');
RESET caas.argon2_memory;
RESET caas.argon2_parallelism;
\set VERBOSITY sqlstate
SET caas.scrypt_ln = 9;
SET caas.scrypt_ln = 19;
SET caas.scrypt_p = 0;
SET caas.scrypt_p = 17;
SET caas.argon2_memory = 7;
SET caas.argon2_memory = '257MB';
SET caas.argon2_iterations = 17;
SET caas.argon2_parallelism = 17;
SET caas.pbkdf2_iterations = 9999;
SET caas.pbkdf2_iterations = 10000001;
SET caas.max_password_hashes = 1;
CREATE ROLE caas_regress_nobody;
SET ROLE caas_regress_nobody;
SET caas.scrypt_ln = 10;
SET caas.pbkdf2_iterations = 10000;
SET caas.max_password_hashes = 1;
SHOW caas.scrypt_ln;
RESET ROLE;
DROP ROLE caas_regress_nobody;

-- Without an API key every function refuses.
SET caas.api_key = '';
SELECT caas_hash_password(:ada, 'x');
SELECT caas_verify_password(:ada, 'x', :'stored');
SELECT caas_verify_password(:ada, 'x', 'y');
SELECT caas_password_outdated(:'stored');
