-- What a node of bench/scale.sh has: rows :first to :last, sealed under a generation that is retired afterwards, and the functions and views that the
-- coordinator reaches. postgres_fdw sends neither caas_verify nor caas_reseal, so what they compute is behind a view here; PL/Proxy calls the functions.
-- Sessions of postgres_fdw have search_path = pg_catalog, so functions in PL/pgSQL name the schema.
CREATE EXTENSION caas;
CREATE SCHEMA bench;
SET search_path = bench, public;

CREATE TABLE origin AS
    SELECT n, id, email, caas_encrypt(id, email) AS digest, caas_seal(id, email, 'bench.email') AS sealed
    FROM (SELECT n, md5('user ' || n)::uuid AS id, substr(md5(n::text), 1, 6 + n % 6) || '.' || n || '@mail.example' AS email
          FROM generate_series(:first, :last) AS n) AS users;
VACUUM (FREEZE, ANALYZE) origin;

-- The named table anew, with so many rows of a generation that is retired. A rotation finds the column by its declaration.
CREATE PROCEDURE restore(name text, row_count bigint) LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL client_min_messages = error; -- of a table that is not there
    EXECUTE format('DROP TABLE IF EXISTS bench.%I', name);
    EXECUTE format('CREATE TABLE bench.%I AS SELECT id, email, digest, NULL::text AS plain, sealed FROM bench.origin LIMIT %s', name, row_count);
    EXECUTE format('ALTER TABLE bench.%I ADD PRIMARY KEY (id), ADD CHECK (plain IS NULL)', name);
    EXECUTE format('CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON bench.%I
        FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger(''id'', ''plain=sealed@bench.email'')', name);
    EXECUTE format('ANALYZE bench.%I', name);
END $$;

-- How many rows of the named table verify; or how many were sealed again, in one UPDATE, by the call that names the generation.
CREATE FUNCTION verify(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    verified bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM bench.%I WHERE public.caas_verify(id, email, digest)', name) INTO verified;
    RETURN verified;
END $$;
CREATE FUNCTION reseal(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    EXECUTE format('UPDATE bench.%I SET sealed = public.caas_reseal(id, sealed, ''bench.email'', 2) WHERE public.caas_generation(sealed) < 2', name);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;
-- Work that has nothing to do with caas: what the machine gives to two processes.
CREATE FUNCTION plain(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    counted bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM bench.%I WHERE sha512(sha512(sha512(convert_to(email, ''UTF8'')))) IS NOT NULL', name) INTO counted;
    RETURN counted;
END $$;

-- Each of them for the whole of the rows, for a half, and for few, so that connections are there when the time is taken.
DO $$
DECLARE
    work text;
    name text;
BEGIN
    FOREACH work IN ARRAY '{verify,reseal,plain}'::text[] LOOP
        FOREACH name IN ARRAY '{whole,half,few}'::text[] LOOP
            EXECUTE format('CREATE VIEW bench.%1$s_%2$s AS SELECT bench.%1$I(%2$L) AS n', work, name);
        END LOOP;
    END LOOP;
END $$;
