-- A stand-in for the extension in the tests of `caas table` and `caas report`: the same names, arguments and columns, and
-- answers that the tests put into tables. What the real functions answer is tested elsewhere.
CREATE TABLE stub_columns(relation regclass, kind text, in_place boolean, id_column name, id_namespace text, source_column name,
    target_column name, companion_column name, context text, normalization text, options text[], declared_by text,
    trigger_name name, enabled boolean, problem text);
CREATE VIEW caas_columns AS SELECT * FROM stub_columns;

CREATE TABLE stub_progress(job text, relation regclass, part integer, parts integer, state text, pass integer, blocks_done bigint,
    blocks bigint, rows_done bigint, rows_estimated bigint, rows_per_second double precision, seconds_left double precision,
    conflicts bigint, role name, pid integer, started_at timestamptz, updated_at timestamptz, PRIMARY KEY (job, relation, part, parts));
CREATE VIEW caas_progress AS SELECT * FROM stub_progress;

CREATE TABLE stub_generations(generation integer, state text, relation regclass, column_name name, kind text, "values" bigint,
    conclusive boolean, remark text);
CREATE FUNCTION caas_generations() RETURNS SETOF stub_generations LANGUAGE sql BEGIN ATOMIC SELECT * FROM stub_generations; END;

CREATE TABLE stub_doctor(severity text, object text, finding text, remedy text);
CREATE FUNCTION caas_doctor() RETURNS SETOF stub_doctor LANGUAGE sql BEGIN ATOMIC SELECT * FROM stub_doctor; END;

CREATE TABLE stub_residue(step integer, object text, what text, command text);
CREATE FUNCTION caas_residue(relation regclass) RETURNS SETOF stub_residue LANGUAGE sql BEGIN ATOMIC SELECT * FROM stub_residue; END;

CREATE TABLE stub_keyring(generation integer, check_value text, state text DEFAULT 'retired');
CREATE FUNCTION caas_keyring(OUT generation integer, OUT state text, OUT check_value text) RETURNS SETOF record LANGUAGE sql
BEGIN ATOMIC SELECT k.generation, k.state, k.check_value FROM stub_keyring k; END;

-- The key that is accepted.
CREATE FUNCTION caas_status(OUT keyring_loaded boolean, OUT keyring_problem text, OUT api_key_accepted boolean, OUT api_key_problem text)
    LANGUAGE plpgsql AS $$
DECLARE key text := coalesce(current_setting('caas.api_key', true), '');
BEGIN
    keyring_loaded := true;
    api_key_accepted := key = 'the key, with a blank \ and a backslash';
    api_key_problem := CASE WHEN api_key_accepted THEN NULL WHEN key = '' THEN 'the session has set no API key' ELSE
        'the server does not list the API key' END;
END $$;

CREATE TABLE stub_check(relation regclass, column_name name, kind text, rows bigint, nulls bigint, plaintext bigint, unprotected bigint,
    protected bigint, unopenable bigint, wrong_index bigint, wrong_shape bigint, generations jsonb, exact boolean, bad_share_at_most double precision);
CREATE FUNCTION caas_check(checked_table regclass, sample_percent double precision DEFAULT 100) RETURNS SETOF stub_check LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'sample %', sample_percent;
    RETURN QUERY SELECT * FROM stub_check c WHERE c.relation = checked_table;
END $$;

CREATE TABLE stub_plan(step integer, kind text, statement text, detail text);
CREATE FUNCTION caas_protect_plan(relation regclass, id text, VARIADIC columns text[]) RETURNS SETOF stub_plan LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'plan of % for % by %', relation, columns, id;
    RETURN QUERY SELECT * FROM stub_plan ORDER BY step;
END $$;
CREATE TABLE stub_protected(relation regclass, id text, columns text[]);
CREATE FUNCTION caas_protect(relation regclass, id text, VARIADIC columns text[]) RETURNS SETOF stub_plan LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stub_protected VALUES (relation, id, columns);
    RETURN QUERY SELECT * FROM stub_plan ORDER BY step;
END $$;

-- A job of batches that each take a hundredth of a second. What it does is in stub_orders: how many batches, and what
-- happens at the end.
CREATE TABLE stub_orders(batches integer, outcome text);
CREATE TABLE stub_calls(job text, relation regclass, source name, part integer, parts integer, batch_ms integer, pause_ms integer,
    lock_timeout_ms integer, max_lag_bytes bigint, path text);
CREATE PROCEDURE stub_job(job_ text, relation_ regclass, part_ integer, parts_ integer) LANGUAGE plpgsql AS $$
DECLARE wanted stub_orders;
BEGIN
    SELECT * INTO wanted FROM stub_orders;
    INSERT INTO stub_progress VALUES (job_, relation_, part_, parts_, 'running', 1, 0, wanted.batches, 0, wanted.batches * 10, 1000, 1, 0,
        current_user, pg_backend_pid(), now(), clock_timestamp())
    ON CONFLICT (job, relation, part, parts) DO UPDATE
    SET state = 'running', pid = pg_backend_pid(), blocks = wanted.batches, blocks_done = 0, updated_at = clock_timestamp();
    COMMIT;
    FOR batch IN 1 .. wanted.batches LOOP
        PERFORM pg_sleep(0.01);
        UPDATE stub_progress SET blocks_done = blocks_done + 1, rows_done = rows_done + 10, updated_at = clock_timestamp()
        WHERE job = job_ AND relation = relation_ AND part = part_ AND parts = parts_;
        COMMIT;
    END LOOP;
    IF wanted.outcome = 'violation' AND part_ = 1 THEN
        RAISE unique_violation USING MESSAGE = 'duplicate key', DETAIL = 'Key (email)=(ada@example.com) already exists.';
    END IF;
    UPDATE stub_progress SET state = 'done', pid = NULL, updated_at = clock_timestamp(),
        conflicts = CASE wanted.outcome WHEN 'conflicts' THEN 2 ELSE 0 END
    WHERE job = job_ AND relation = relation_ AND part = part_ AND parts = parts_;
    COMMIT;
    RAISE NOTICE E'caas_% of "%": % rows protected\x1b[31m', job_, relation_, wanted.batches * 10;
END $$;
CREATE PROCEDURE caas_backfill(relation regclass, part integer DEFAULT 1, parts integer DEFAULT 1, batch_ms integer DEFAULT 50,
    pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stub_calls VALUES ('backfill', relation, NULL, part, parts, batch_ms, pause_ms, lock_timeout_ms, max_lag_bytes,
        current_setting('search_path'));
    CALL stub_job('backfill', relation, part, parts);
END $$;
CREATE PROCEDURE caas_rotate(relation regclass, part integer DEFAULT 1, parts integer DEFAULT 1, batch_ms integer DEFAULT 50,
    pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stub_calls VALUES ('rotate', relation, NULL, part, parts, batch_ms, pause_ms, lock_timeout_ms, max_lag_bytes,
        current_setting('search_path'));
    CALL stub_job('rotate', relation, part, parts);
END $$;
CREATE PROCEDURE caas_cutover(relation regclass, source name, part integer DEFAULT 1, parts integer DEFAULT 1,
    batch_ms integer DEFAULT 50, pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL)
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stub_calls VALUES ('cutover', relation, source, part, parts, batch_ms, pause_ms, lock_timeout_ms, max_lag_bytes,
        current_setting('search_path'));
    CALL stub_job('cutover', relation, part, parts);
END $$;
CREATE VIEW caas_conflicts AS
SELECT 'backfill'::text AS job, NULL::regclass AS relation, 'x'::text AS id, NULL::name AS constraint_name, now() AS noted_at WHERE false;
