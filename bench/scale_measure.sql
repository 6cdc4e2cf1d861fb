-- Runs a statement of the coordinator whose result is the number of rows that were done, and takes the time of a row by the clock. The statement before
-- it has made the connections.
:warm \g /dev/null
SELECT extract(epoch FROM clock_timestamp()) AS begin_at \gset
SELECT (:statement)::bigint AS done \gset
SELECT extract(epoch FROM clock_timestamp()) AS end_at \gset
INSERT INTO bench.sample VALUES (:round, :'name', 1e9 * (:end_at::float8 - :begin_at::float8) / :rows);
-- Rows that were passed over would be quick.
SELECT 1 / (:done = :rows)::int AS all_done \g /dev/null
