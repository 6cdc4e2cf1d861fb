-- Sealed under a generation that is retired afterwards, so that opening and resealing have work to do.
CREATE EXTENSION caas;
CREATE SCHEMA bench;
CREATE TABLE bench.sealed AS
    SELECT md5('user ' || n)::uuid AS id, convert_to(md5(n::text), 'UTF8') AS value,
           caas_seal(md5('user ' || n)::uuid, convert_to(md5(n::text), 'UTF8'), 'bench.value') AS sealed
    FROM generate_series(1, 1000000) AS n;
VACUUM (FREEZE, ANALYZE) bench.sealed;
