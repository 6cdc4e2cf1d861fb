-- The samples that both benches of SQL take, and their targets.
SET search_path = bench, public;

-- Nanoseconds a row, unless the name says otherwise; one value a round.
CREATE TABLE sample (round int, name text, value float8);

-- Processor time of this backend, which other processes of the machine do not lengthen. The kernel brings its account
-- up to date when the process gives the processor away.
CREATE FUNCTION processor_ns() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.0001);
    RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);
END $$;

-- One sample of a round.
CREATE FUNCTION s(samples jsonb, name text) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT (samples ->> name)::float8';

CREATE VIEW rounds AS SELECT round, jsonb_object_agg(name, value) AS v FROM sample GROUP BY round;

-- The relation is '<=', '>=', or 'from' with both ends.
CREATE TABLE target (place int, what text, relation text, target float8, upto float8);
