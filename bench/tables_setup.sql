-- What bench/tables.sh measures with: the rows, sealed under a generation that is retired afterwards, and the loops that
-- jobs are compared with. The rows of every table lie in the order of n, so their ids are random in the order of the heap.
CREATE EXTENSION caas;
CREATE SCHEMA bench;
SET search_path = bench, public;

CREATE FUNCTION id_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$SELECT md5('user ' || n)::uuid$$;

-- Values are 24 bytes on average.
CREATE TABLE origin AS
    SELECT n, id, email, caas_seal(id, email, 'bench.email') AS sealed, caas_blind_index(email, 'bench.email') AS index
    FROM (SELECT n, id_of(n) AS id, substr(md5(n::text), 1, 6 + n % 6) || '.' || n || '@mail.example' AS email
          FROM generate_series(1, :rows) AS n) AS users;
VACUUM (FREEZE, ANALYZE) origin;

-- A loop that knows nothing of caas: the same batches of blocks, each committed.
CREATE PROCEDURE plain_update(sets text, part int DEFAULT 1, parts int DEFAULT 1) LANGUAGE plpgsql AS $$
DECLARE
    batch CONSTANT bigint := 128;
    blocks bigint := pg_relation_size('bench.people') / current_setting('block_size')::int;
    next bigint := blocks * (part - 1) / parts;
    last bigint := blocks * part / parts;
    statement text := format('UPDATE bench.people SET %s WHERE ctid >= $1 AND ctid < $2', sets);
BEGIN
    WHILE next < last LOOP
        EXECUTE statement USING format('(%s,0)', next)::tid, format('(%s,0)', least(next + batch, last))::tid;
        COMMIT;
        next := next + batch;
    END LOOP;
END $$;

-- The loop that one writes by hand: batches by the key.
CREATE PROCEDURE rotate_by_key() LANGUAGE plpgsql AS $$
DECLARE
    active int := (SELECT active_generation FROM caas_status());
    last uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    LOOP
        WITH batch AS (SELECT id FROM bench.people WHERE id > last ORDER BY id LIMIT 2000),
             changed AS (
                UPDATE bench.people AS p SET sealed = caas_reseal(p.id, p.sealed, 'bench.email'),
                    index = caas_blind_index(caas_open(p.id, p.sealed, 'bench.email'), 'bench.email')
                FROM batch WHERE p.id = batch.id AND caas_generation(p.sealed) < active)
        SELECT id INTO last FROM batch ORDER BY id DESC LIMIT 1;
        EXIT WHEN NOT FOUND;
        COMMIT;
    END LOOP;
END $$;

-- The recipe of docs/values.md for a table with a trigger; its index is part of it.
CREATE PROCEDURE rotate_by_recipe() LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    CREATE INDEX people_generation ON bench.people (caas_generation(sealed));
    COMMIT;
    LOOP
        UPDATE bench.people SET sealed = caas_reseal(id, sealed, 'bench.email')
        WHERE id IN (SELECT id FROM bench.people
                     WHERE caas_generation(sealed) < (SELECT active_generation FROM caas_status())
                     LIMIT 10000 FOR UPDATE SKIP LOCKED);
        GET DIAGNOSTICS changed = ROW_COUNT;
        EXIT WHEN changed = 0;
        COMMIT;
    END LOOP;
    DROP INDEX bench.people_generation;
END $$;

-- The memory of the backend that runs a job, without what it shares: once a call, so that no snapshot is held between
-- the calls. Raises when the job has ended.
CREATE TABLE memory (round int, job text, begun boolean, kb int, at timestamptz);
CREATE FUNCTION note_memory(this_round int, this_job text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    running record;
BEGIN
    SELECT pid, rows_done >= rows_estimated * 0.1 AS begun INTO running
    FROM caas_progress WHERE job = this_job AND relation = 'bench.people'::regclass AND state = 'running';
    IF FOUND THEN
        INSERT INTO bench.memory SELECT this_round, this_job, running.begun,
            substring(pg_read_file(format('/proc/%s/status', running.pid), 0, 8192, true) FROM 'RssAnon:\s+(\d+)')::int, clock_timestamp();
    ELSIF EXISTS (SELECT FROM bench.memory WHERE round = this_round AND job = this_job) THEN
        RAISE 'the job has ended';
    END IF;
END $$;

-- When something ran, by the clock; and the statements of the writers beside it.
CREATE TABLE span (round int, name text, begin_at float8, end_at float8);
CREATE TABLE statement (round int, kind text, us float8, at float8);

-- A row of the window that the running job is at. The table comes later.
SET check_function_bodies = off;
CREATE FUNCTION id_near_job(ahead int, row_count int) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT bench.id_of(least(row_count, ahead + (
        SELECT coalesce(max(j.next_block * c.reltuples / c.relpages), 0)
        FROM caas_jobs AS j JOIN pg_class AS c ON c.oid = j.relation WHERE c.oid = 'bench.people'::regclass AND NOT j.finished))::bigint)
$$;
