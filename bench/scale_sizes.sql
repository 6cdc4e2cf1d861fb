-- Bytes of rows and indexes as they are when rows come one after the other in random order of ids and values.
CREATE TABLE bench.sealed (id uuid PRIMARY KEY, email text CHECK (email IS NULL), sealed bytea, index bytea);
CREATE UNIQUE INDEX sealed_index ON bench.sealed (index);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON bench.sealed
    FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=sealed:index@bench.email');
CREATE TABLE bench.digests (id uuid PRIMARY KEY, email text CHECK (email IS NULL), digest text, generation integer);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON bench.digests
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest:generation');
CREATE TABLE bench.plain (id uuid PRIMARY KEY, email text);
CREATE UNIQUE INDEX plain_email ON bench.plain (email);
SELECT setseed(0.5) \g /dev/null
INSERT INTO bench.plain SELECT md5('user ' || n)::uuid, substr(md5(n::text), 1, 6 + n % 6) || '.' || n || '@mail.example' FROM generate_series(1, :rows) AS n;
INSERT INTO bench.sealed (id, email) SELECT id, email FROM bench.plain;
INSERT INTO bench.digests (id, email) SELECT id, email FROM bench.plain;

SELECT bench.note_bytes(what, relation, :rows) FROM (VALUES
    ('table of id and plaintext', 'bench.plain'::regclass), ('unique index on the plaintext', 'bench.plain_email'),
    ('table of id, sealed value and blind index', 'bench.sealed'), ('unique index on the blind index', 'bench.sealed_index'),
    ('primary key', 'bench.sealed_pkey'), ('table of id, digest and generation', 'bench.digests')) AS t(what, relation) \g /dev/null
INSERT INTO bench.size (what, figure) SELECT 'digest as text', round(avg(length(digest)), 1) || ' bytes' FROM bench.digests;
INSERT INTO bench.size (what, figure) SELECT 'sealed value', round(avg(length(sealed)), 1) || ' bytes' FROM bench.sealed;
