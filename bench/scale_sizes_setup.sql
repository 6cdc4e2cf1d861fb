CREATE EXTENSION caas;
CREATE SCHEMA bench;
CREATE TABLE bench.size (place serial, what text, figure text);
CREATE FUNCTION bench.processor_ns() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.0001);
    RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);
END $$;
-- Bytes of a relation for each of so many rows.
CREATE FUNCTION bench.note_bytes(what text, relation regclass, row_count bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO bench.size (what, figure) SELECT what || ', a row', round(pg_relation_size(relation)::numeric / row_count, 1) || ' bytes' $$;
