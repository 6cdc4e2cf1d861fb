-- Runs a statement of a coordinator whose result is the number of rows that were done, and prints the time of a row by the clock. The statement before
-- it has made the connections. Rows that were passed over would be quick, so there is no time unless all were done.
:warm \g /dev/null
SELECT extract(epoch FROM clock_timestamp()) AS begin_at \gset
SELECT (:statement)::bigint AS done \gset
SELECT 1e9 * (extract(epoch FROM clock_timestamp()) - :begin_at::float8) / (CASE WHEN :done = :rows THEN :rows END);
