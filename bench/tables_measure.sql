-- Runs a statement that commits by itself, in a backend of its own: processor time and time by the clock a row, WAL, and
-- how many times as large the table with its indexes is afterwards.
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SELECT pg_total_relation_size('bench.people') AS size \gset
SELECT bench.processor_ns() AS processor, pg_current_wal_insert_lsn() AS wal, extract(epoch FROM clock_timestamp()) AS begin_at \gset
:statement \g /dev/null
SELECT extract(epoch FROM clock_timestamp()) AS end_at \gset
INSERT INTO bench.sample VALUES
    (:round, :'name', (bench.processor_ns() - :processor)::float8 / :rows),
    (:round, 'WAL ' || :'name', pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'wal')::float8 / :rows),
    (:round, 'size ' || :'name', pg_total_relation_size('bench.people')::float8 / :size),
    (:round, 'wall ' || :'name', 1e9 * (:end_at::float8 - :begin_at::float8) / :rows);
INSERT INTO bench.span VALUES (:round, :'name', :begin_at, :end_at);
