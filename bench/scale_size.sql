-- Prints the processor time of a row of bench.sized, in a backend of its own that has made its first call.
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.processor_ns() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.0001);
    RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);
END $$;
SELECT bench.verify('few') \g /dev/null
SELECT pg_temp.processor_ns() AS processor \gset
SELECT bench.:"work"('sized') AS done \gset
SELECT (pg_temp.processor_ns() - :processor)::float8 / (CASE WHEN :done = :rows THEN :rows END);
