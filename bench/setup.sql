-- What the bench measures with: rows, the functions compared with, and where the samples go.
CREATE EXTENSION pgcrypto;
SET search_path = bench, public;

CREATE PROCEDURE measure(this_round int, what text, row_count int, statement text) LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz;
    processor bigint := bench.processor_ns();
BEGIN
    start := clock_timestamp();
    EXECUTE statement;
    INSERT INTO bench.sample
        VALUES (this_round, 'wall ' || what, 1e9 * extract(epoch FROM clock_timestamp() - start) / row_count);
    INSERT INTO bench.sample VALUES (this_round, what, (bench.processor_ns() - processor)::float8 / row_count);
END $$;

-- Values are 20 to 28 bytes, 24 on average.
CREATE TABLE users AS
    SELECT md5('user ' || n)::uuid AS id, substr(md5(n::text), 1, 6 + n % 9) || '@mail1.example' AS email, n
    FROM generate_series(1, 300000) AS n;
CREATE TABLE documents AS
    SELECT md5('user ' || n)::uuid AS id, repeat(md5(n::text), 32) AS body FROM generate_series(1, 50000) AS n;
CREATE TABLE many_users AS
    SELECT md5('user ' || n)::uuid AS id, substr(md5(n::text), 1, 6 + n % 9) || '@mail1.example' AS email
    FROM generate_series(1, 1000000) AS n;
CREATE TABLE digested AS SELECT id, email, caas_encrypt(id, email) AS digest FROM users;
VACUUM (FREEZE, ANALYZE) users, documents, many_users, digested;

-- Takes the place of caas_encrypt where there is only pgcrypto: a key, an algorithm and a salt for every user. The
-- secret comes from a setting, the fastest place that is not the statement itself.
CREATE FUNCTION plpgsql_digest(id uuid, value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    secret bytea := decode(current_setting('bench.secret'), 'hex');
    profile bytea := hmac(uuid_send(id), secret, 'sha512');
    salt bytea := hmac('\x01'::bytea || uuid_send(id), secret, 'sha512');
    algorithm text := (ARRAY['sha224', 'sha256', 'sha384', 'sha512'])[1 + get_byte(profile, 32) % 4];
BEGIN
    salt := substring(salt FOR 8 << get_byte(profile, 33) % 4);
    RETURN encode(hmac(salt || convert_to(value, 'UTF8'), substring(profile FOR 32), algorithm), 'hex');
END $$;

-- The same with less: one salt length, and the secret in the statement, where a log would show it.
CREATE FUNCTION plpgsql_lean_digest(id uuid, value text, secret bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    profile bytea := hmac(uuid_send(id), secret, 'sha512');
    algorithm text := (ARRAY['sha224', 'sha256', 'sha384', 'sha512'])[1 + get_byte(profile, 32) % 4];
BEGIN
    RETURN encode(hmac(substring(profile FROM 33 FOR 16) || convert_to(value, 'UTF8'), substring(profile FOR 32), algorithm),
                  'hex');
END $$;

CREATE TABLE encrypted AS
    SELECT id, value, sealed, encrypt(value, 'a secret of thirty-two bytes, no', 'aes') AS aes FROM sealed LIMIT 300000;
CREATE TABLE messages AS
    SELECT value, pgp_sym_encrypt_bytea(value, 'a secret of thirty-two bytes, no', 's2k-mode=0') AS pgp
    FROM sealed LIMIT 30000;
VACUUM (FREEZE, ANALYZE) encrypted, messages;

CREATE TABLE plain (id uuid, email text);
CREATE TABLE generated_pgcrypto (id uuid, email text, digest text
    GENERATED ALWAYS AS (encode(hmac(email, 'a secret of thirty-two bytes, no', 'sha256'), 'hex')) STORED);
CREATE TABLE generated (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
CREATE TABLE triggered (id uuid, email text, digest text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON triggered
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TABLE triggered_in_place (id uuid, email text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON triggered_in_place
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');

CREATE TABLE sealed_by_trigger (id uuid, email text, sealed bytea, index bytea);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON sealed_by_trigger
    FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=sealed:index@bench.email');
CREATE TABLE sealed_by_calls (id uuid, email text, sealed bytea, index bytea);
CREATE TABLE upserted (id uuid PRIMARY KEY, email text, digest text);
CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON upserted
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
CREATE TABLE upserted_by_calls (id uuid PRIMARY KEY, email text, digest text);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER nothing BEFORE INSERT OR UPDATE ON upserted_by_calls FOR EACH ROW EXECUTE FUNCTION nothing();

-- Runs the statement twice on an empty table: the second time every row is in conflict, and is measured.
CREATE PROCEDURE measure_upsert(this_round int, target text, statement text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('TRUNCATE bench.%I', target);
    EXECUTE statement;
    COMMIT;
    CALL bench.measure(this_round, 'upsert ' || target, 100000, statement);
END $$;

CREATE PROCEDURE measure_insert(this_round int, target text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('TRUNCATE bench.%I', target);
    COMMIT;
    CALL bench.measure(this_round, 'insert ' || target, 300000,
                    format('INSERT INTO bench.%I (id, email) SELECT id, email FROM bench.users', target));
END $$;

-- Also proves that as many workers ran as the figure claims.
CREATE PROCEDURE measure_workers(this_round int, what text, call text, workers int) LANGUAGE plpgsql AS $$
DECLARE
    statement text := format('SELECT count(%s) FROM bench.many_users', call);
    line text;
    launched text;
BEGIN
    PERFORM set_config('max_parallel_workers_per_gather', workers::text, true);
    -- The planner sees no use in one worker, unless told so under the name that this version has for it.
    PERFORM set_config(name, CASE workers WHEN 1 THEN 'on' ELSE 'off' END, true)
        FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off) ' || statement LOOP
        launched := coalesce(substring(line FROM 'Workers Launched: (\d+)'), launched);
    END LOOP;
    IF launched IS DISTINCT FROM workers::text THEN
        RAISE EXCEPTION '% workers ran instead of %', coalesce(launched, 'no'), workers;
    END IF;
    CALL bench.measure(this_round, format('%s, workers: %s', what, workers), 1000000, statement);
END $$;

CREATE FUNCTION private_kb() RETURNS int LANGUAGE sql AS
    $$SELECT substring(pg_read_file('/proc/self/smaps_rollup') FROM 'Private_Dirty: +(\d+)')::int$$;
