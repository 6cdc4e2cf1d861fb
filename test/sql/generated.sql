-- Digests that the database keeps by itself: generated columns, expression indexes, constraints, views, COPY.
\i test/needs_key.sql

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text,
    email_digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED,
    phone bytea,
    phone_digest bytea GENERATED ALWAYS AS (caas_encrypt(id, phone, :active)) STORED,
    CHECK (email_digest ~ '^([0-9a-f]{2})+$'));
CREATE VIEW wrong_digests AS
SELECT id FROM users
WHERE NOT caas_verify(id, email, email_digest) OR email_digest IS DISTINCT FROM caas_encrypt(id, email)
   OR NOT caas_verify(id, phone, phone_digest) OR phone_digest IS DISTINCT FROM caas_encrypt(id, phone, :active);

INSERT INTO users VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'ada@example.com', DEFAULT, '\x0555000001');
INSERT INTO users (id, email) VALUES ('65b4583e-d78b-5256-aa5a-851cf2f367b9', 'bob@example.com'), ('00000000-0000-0000-0000-000000000000', NULL)
    RETURNING id, caas_verify(id, email, email_digest) AS verifies, phone_digest;
COPY users (id, email, phone) FROM stdin;
e2b1796c-afce-5be3-bec8-82ab22bb4727	carol@example.com	\\x0102
97a195b0-4a53-5870-b210-d3e83db4d38b	\N	\N
\.
INSERT INTO users (id, email, phone) SELECT md5(i::text)::uuid, i || '@example.com', int4send(i) FROM generate_series(1, 500) AS i;
SELECT count(*), count(email_digest) AS emails, count(phone_digest) AS phones FROM users;
SELECT * FROM wrong_digests;

-- A change of the value or of the uuid gives a new digest.
UPDATE users SET email = 'new@example.com' WHERE email = 'ada@example.com'
    RETURNING caas_verify(id, 'new@example.com', email_digest) AS new, caas_verify(id, 'ada@example.com', email_digest) AS old;
UPDATE users SET id = 'ffffffff-ffff-ffff-ffff-ffffffffffff' WHERE email = 'bob@example.com'
    RETURNING caas_verify(id, email, email_digest) AS new_user;
INSERT INTO users (id, email) VALUES ('ffffffff-ffff-ffff-ffff-ffffffffffff', 'upsert@example.com')
    ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email
    RETURNING caas_verify(id, 'upsert@example.com', email_digest) AS upserted;
SELECT * FROM wrong_digests;
INSERT INTO users (id, email_digest) VALUES ('00000000-0000-0000-0000-000000000001', 'mine');

-- An expression index finds the same rows as a scan.
CREATE INDEX ON users (caas_encrypt(id, email));
ANALYZE users;
SET enable_seqscan = off;
PREPARE by_email (uuid, text) AS SELECT email FROM users WHERE caas_encrypt(id, email) = caas_encrypt($1, $2);
EXECUTE by_email (md5('7')::uuid, '7@example.com');
EXECUTE by_email (md5('7')::uuid, '8@example.com');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_email (md5('7')::uuid, '7@example.com');
RESET plan_cache_mode;
RESET enable_seqscan;

-- A UNIQUE digest, a partitioned table, and a table made of a query.
CREATE TABLE votes (voter uuid, ballot text, receipt text GENERATED ALWAYS AS (caas_encrypt(voter, ballot)) STORED UNIQUE);
INSERT INTO votes VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'yes'), ('65b4583e-d78b-5256-aa5a-851cf2f367b9', 'yes');
\set VERBOSITY sqlstate
INSERT INTO votes VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'yes');
\set VERBOSITY default
CREATE TABLE parted (id uuid, n integer, value text, digest text GENERATED ALWAYS AS (caas_encrypt(id, value)) STORED) PARTITION BY RANGE (n);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted SELECT md5(i::text)::uuid, i, i::text FROM generate_series(0, 19) AS i;
UPDATE parted SET n = 19 - n;
SELECT tableoid::regclass, count(*), bool_and(caas_verify(id, value, digest)) AS verify FROM parted GROUP BY 1 ORDER BY 1;
CREATE TABLE copied AS SELECT id, caas_encrypt(id, email) AS digest, email FROM users WHERE email IS NOT NULL;
SELECT bool_and(caas_verify(id, email, digest)) AS verify FROM copied;

-- A generated column that is added to a filled table is computed for every row.
ALTER TABLE copied ADD COLUMN again text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED;
SELECT count(*) FILTER (WHERE again IS DISTINCT FROM digest) AS different FROM copied;
DROP VIEW wrong_digests;
DROP TABLE users, votes, parted, copied;
