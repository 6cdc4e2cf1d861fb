-- caas_blind_index and caas_blind_candidates of normalised texts. The published vectors are in test/t/002_vectors.pl.
\i test/needs_key.sql

-- The index of a text is that of its normalised text.
SELECT number, normalization, caas_blind_index(text, 'c', 16, normalization) = caas_blind_index(normalized, 'c') AS same
FROM (VALUES (1, '  Ada@EXAMPLE.com ', 'casefold', 'ada@example.com'), (2, 'Straße', 'casefold', 'strasse'), (3, 'ŞİŞLİ', 'casefold', U&'\015Fi\0307\015Fli\0307'),
             (4, '+90 (555) 000-00-00', 'digits', '905550000000'), (5, ' Ada ', 'none', ' Ada ')) AS texts (number, text, normalization, normalized)
ORDER BY number;
SELECT count(DISTINCT caas_blind_index(text, 'c', 16, 'casefold')) AS casefold, count(DISTINCT caas_blind_index(text, 'c', 16, 'none')) AS none,
       count(DISTINCT caas_blind_index(text, 'c')) AS plain
FROM (VALUES ('ada'), ('Ada'), ('ADA '), ('ＡＤＡ'), (U&'A\00ADda'), (U&'\3000ada')) AS texts (text);
-- It is no language's folding: these are three, and the i of ASCII is the I of ASCII.
SELECT count(DISTINCT caas_blind_index(text, 'c', 16, 'casefold')) AS of_3 FROM (VALUES ('I'), ('İ'), ('ı'), ('i')) AS texts (text);
SELECT caas_blind_index('0090 555', 'c', 16, 'digits') = caas_blind_index('+90 555', 'c', 16, 'digits') AS two_ways_of_writing,
       caas_blind_index('٠١٢', 'c', 16, 'digits') = caas_blind_index('012', 'c', 16, 'digits') AS digits_of_unicode;

-- A text of which nothing remains has no index.
SELECT number, normalization, caas_blind_index(text, 'c', 16, normalization) IS NULL AS no_index, caas_blind_candidates(text, 'c', 16, normalization) AS candidates
FROM (VALUES (1, 'n/a', 'digits'), (2, '', 'digits'), (3, '', 'casefold'), (4, E' \t', 'casefold'), (5, U&'\200B', 'casefold')) AS texts (number, text, normalization)
ORDER BY number;
SELECT caas_blind_index('', 'c', 16, 'none') = caas_blind_index('', 'c') AS empty_text;
SELECT num_nulls(caas_blind_index(NULL, 'c', 16, 'none'), caas_blind_index('x', NULL, 16, 'none'), caas_blind_index('x', 'c', NULL, 'none'),
                 caas_blind_index('x', 'c', 16, NULL), caas_blind_candidates('x', 'c', 16, NULL)) AS of_5;

-- The normalization has to be known, and the value a text.
SELECT caas_blind_index('x', 'c', 16, 'lower');
\set VERBOSITY sqlstate
SELECT caas_blind_candidates('x', 'c', 16, 'Casefold');
SELECT caas_blind_index('x', 'c', 16, '');
SELECT caas_blind_index('x', 'c', 3, 'casefold');
SELECT caas_blind_index('x'::bytea, 'c', 16, 'casefold');
SELECT caas_blind_index('x', 'c', normalization => 'casefold');
\set VERBOSITY default

-- Candidates are those of the normalised text, as many as for the text itself.
SELECT caas_blind_candidates(' X', 'c', 20, 'casefold') = caas_blind_candidates('x', 'c', 20) AS same,
       caas_blind_index('X', 'c', 20, 'casefold') = ANY (caas_blind_candidates('x ', 'c', 20, 'casefold')) AS found,
       octet_length(caas_blind_index('X', 'c', length => 8, normalization => 'casefold')) AS length;

-- Texts that grow when they are folded, and long ones.
SELECT caas_blind_index(repeat('ﷺ', 1000), 'c', 16, 'casefold') = caas_blind_index(repeat('صلى الله عليه وسلم', 1000), 'c') AS grows,
       caas_blind_index(repeat('Xş', 500000), 'c', 16, 'casefold') = caas_blind_index(repeat('xş', 500000), 'c') AS one_mb,
       caas_blind_index(repeat('X', 1000000), 'c', 16, 'casefold') = caas_blind_index(repeat('x', 1000000), 'c') AS one_mb_of_ascii;

-- Uniqueness and search without case, over a generated column and over an index on an expression.
CREATE TABLE generated (email text, email_index bytea GENERATED ALWAYS AS (caas_blind_index(email, 'generated.email', 16, 'casefold')) STORED UNIQUE);
INSERT INTO generated VALUES ('Ada@example.com'), (''), (' ');
\set VERBOSITY sqlstate
INSERT INTO generated VALUES (' ada@EXAMPLE.com ');
\set VERBOSITY default
SELECT email FROM generated WHERE email_index = ANY (caas_blind_candidates('ADA@EXAMPLE.COM', 'generated.email', 16, 'casefold'));
SELECT count(*) FROM generated WHERE email_index = ANY (caas_blind_candidates(' ', 'generated.email', 16, 'casefold'));
DROP TABLE generated;
EXPLAIN (COSTS OFF) SELECT 1 FROM generate_series(1, 2) WHERE caas_blind_index('X', 'c', 16, 'casefold') IS NOT NULL;
EXPLAIN (COSTS OFF) SELECT 1 FROM generate_series(1, 2) WHERE caas_blind_index(' ', 'c', 16, 'casefold') IS NULL;

-- It needs the key, and refuses before it looks at its arguments.
SET caas.api_key = '';
\set VERBOSITY sqlstate
SELECT caas_blind_index('x', 'c', 16, 'lower');
SELECT caas_blind_candidates('n/a', 'c', 16, 'digits');
