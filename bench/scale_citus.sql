-- What the Citus coordinator of bench/scale.sh has: tables of two shards each, both on worker 1, or one on each worker. Citus sends caas_verify in a
-- SELECT, and in an UPDATE the call of caas_reseal that names the generation.
SELECT citus_set_coordinator_host('127.0.0.1', :port) \g /dev/null
SELECT citus_add_node('127.0.0.1', :port + 1), citus_add_node('127.0.0.1', :port + 2) \g /dev/null
CREATE EXTENSION caas;
CREATE SCHEMA bench;
SET search_path = bench, public;

CREATE TABLE origin AS
    SELECT id, email, caas_encrypt(id, email) AS digest, caas_seal(id, email, 'bench.email') AS sealed
    FROM (SELECT md5('user ' || n)::uuid AS id, substr(md5(n::text), 1, 6 + n % 6) || '.' || n || '@mail.example' AS email
          FROM generate_series(1, :rows) AS n) AS users;
CREATE TABLE whole (id uuid PRIMARY KEY, email text, digest text, sealed bytea);
CREATE TABLE half (LIKE whole INCLUDING ALL);
CREATE TABLE few (LIKE whole INCLUDING ALL);
SELECT citus_set_node_property('127.0.0.1', :port + 2, 'shouldhaveshards', false) \g /dev/null
SELECT create_distributed_table('whole', 'id', shard_count => 2, colocate_with => 'none') \g /dev/null
SELECT citus_set_node_property('127.0.0.1', :port + 2, 'shouldhaveshards', true) \g /dev/null
SELECT create_distributed_table('half', 'id', shard_count => 2, colocate_with => 'none') \g /dev/null
SELECT create_distributed_table('few', 'id', colocate_with => 'half') \g /dev/null
INSERT INTO few SELECT * FROM origin LIMIT 10;

CREATE PROCEDURE restore() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE bench.whole, bench.half;
    INSERT INTO bench.whole SELECT * FROM bench.origin;
    INSERT INTO bench.half SELECT * FROM bench.origin;
END $$;
CREATE FUNCTION verify(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    verified bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM bench.%I WHERE caas_verify(id, email, digest)', name) INTO verified;
    RETURN verified;
END $$;
CREATE FUNCTION reseal(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    EXECUTE format('UPDATE bench.%I SET sealed = caas_reseal(id, sealed, ''bench.email'', 2) WHERE caas_generation(sealed) < 2', name);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
