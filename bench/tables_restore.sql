-- The starting state of a measurement: people, with the columns that :state selects, the first :rows of them.
SET synchronize_seqscans = off;
SET client_min_messages = error; -- of a missing constraint
DROP TABLE IF EXISTS bench.people, bench.visits CASCADE;
CREATE TABLE bench.people AS SELECT id, 0 AS visits, :state FROM bench.origin LIMIT :rows;
ALTER TABLE bench.people ADD PRIMARY KEY (id);
:more
VACUUM (FREEZE, ANALYZE) bench.people;
CHECKPOINT;
