-- The table is made of the samples as in report.sql.
SET search_path = bench, public;

INSERT INTO target VALUES
    (1, 'caas_rotate against a plain UPDATE of the same size', '<=', 1.45),
    (2, 'caas_backfill of sealed values with index against a plain UPDATE', '<=', 1.35),
    (3, 'caas_backfill of digests against a plain UPDATE', '<=', 1.35),
    (4, 'speed of two sessions with parts => 2 against one', '>=', 1.8),
    (5, 'speed of caas_rotate against batches by key, written by hand', '>=', 2),
    (6, 'speed of caas_rotate against the recipe with an index on the generation', '>=', 2),
    (7, 'UPDATE of another column beside a backfill, 95th percentile, against before', '<=', 2),
    (8, 'INSERT into a referencing table beside a backfill, 95th percentile, against before', '<=', 2),
    (9, 'the longest such INSERT, also near the batch, above the longest before', '<=', 50),
    (10, 'private memory that caas_rotate adds after its first tenth', '<=', 1),
    (11, 'private memory that caas_backfill adds after its first tenth', '<=', 1),
    (12, 'caas_check of a sealed column with index against a scan with caas_open', '<=', 1.5);
INSERT INTO target VALUES
    (13, 'caas_check, time of a row of a large table against that of a small one', 'from', 0.8, 1.25),
    (14, 'caas_rotate, time of a row of a large table against that of a small one', 'from', 0.8, 1.25);

-- Two sessions, from the first to begin to the last to end.
CREATE VIEW together AS
    SELECT round, regexp_replace(name, ', part.*', '') AS name, 1e9 * (max(end_at) - min(begin_at)) AS ns
    FROM span WHERE name ~ ', part' GROUP BY 1, 2;

-- Milliseconds that the writers took, in the phases of a round: before the job, and beside it.
CREATE VIEW writers AS
    SELECT s.round, s.kind, s.us / 1000 AS ms, CASE WHEN s.at < j.begin_at THEN 'before' ELSE 'beside' END AS phase
    FROM statement AS s JOIN span AS j ON j.round = s.round AND j.name = 'backfill beside writers'
    WHERE s.at - s.us / 1e6 < j.end_at AND NOT (s.at > j.begin_at AND s.at - s.us / 1e6 < j.begin_at);

CREATE FUNCTION p95(this_round int, this_kind text, this_phase text) RETURNS float8 LANGUAGE sql STABLE AS
    $$SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) FROM bench.writers
      WHERE round = this_round AND kind = this_kind AND phase = this_phase$$;
CREATE FUNCTION longest_insert(this_round int, this_phase text) RETURNS float8 LANGUAGE sql STABLE AS
    $$SELECT max(ms) FROM bench.writers WHERE round = this_round AND kind <> 'update' AND phase = this_phase$$;

-- The memory that the backend of a job had at the end above that after the first tenth, in MB.
CREATE FUNCTION memory_added(this_round int, this_job text) RETURNS float8 LANGUAGE sql STABLE AS
    $$SELECT ((array_agg(kb ORDER BY at DESC))[1] - (array_agg(kb ORDER BY at))[1]) / 1024.0
      FROM bench.memory WHERE round = this_round AND job = this_job AND begun AND kb IS NOT NULL$$;

CREATE VIEW figure AS
    SELECT place, unit, value FROM rounds, LATERAL (VALUES
        (1, 'x', s(v, 'rotate') / s(v, 'plain rotate')),
        (2, 'x', s(v, 'backfill') / s(v, 'plain backfill')),
        (3, 'x', s(v, 'backfill digests') / s(v, 'plain digests')),
        (4, 'x', s(v, 'wall rotate') * :rows / (SELECT ns FROM together AS t WHERE t.round = rounds.round AND name = 'rotate')),
        (5, 'x', s(v, 'rotate by key') / s(v, 'rotate')),
        (6, 'x', s(v, 'rotate by recipe') / s(v, 'rotate')),
        (7, 'x', p95(round, 'update', 'beside') / p95(round, 'update', 'before')),
        (8, 'x', p95(round, 'insert', 'beside') / p95(round, 'insert', 'before')),
        (9, ' ms', longest_insert(round, 'beside') - longest_insert(round, 'before')),
        (10, ' MB', memory_added(round, 'rotate')),
        (11, ' MB', memory_added(round, 'backfill')),
        (12, 'x', s(v, 'check') / s(v, 'open')),
        (13, 'x', s(v, 'check') / s(v, 'check, small')),
        (14, 'x', s(v, 'rotate') / s(v, 'rotate, small'))) AS f(place, unit, value);

CREATE VIEW note AS
    SELECT place, what, unit, value FROM rounds, LATERAL (VALUES
        (1, 'caas_rotate against a plain UPDATE, by the clock', 'x', s(v, 'wall rotate') / s(v, 'wall plain rotate')),
        (2, 'caas_backfill of sealed values against a plain UPDATE, by the clock', 'x',
            s(v, 'wall backfill') / s(v, 'wall plain backfill')),
        (3, 'WAL of caas_rotate against a plain UPDATE', 'x', s(v, 'WAL rotate') / s(v, 'WAL plain rotate')),
        (3, 'size of table and indexes after caas_rotate', 'x', s(v, 'size rotate')),
        (3, 'size of table and indexes after a plain UPDATE', 'x', s(v, 'size plain rotate')),
        (3, 'size of table and indexes after batches by key', 'x', s(v, 'size rotate by key')),
        (4, 'speed of two plain loops against one: what the machine gave', 'x', s(v, 'wall plain rotate') * :rows
            / (SELECT ns FROM together AS t WHERE t.round = rounds.round AND name = 'plain rotate')),
        (5, 'caas_rotate, rows a second', '', 1e9 / s(v, 'wall rotate')),
        (6, 'caas_backfill of sealed values, rows a second', '', 1e9 / s(v, 'wall backfill')),
        (7, 'caas_backfill of digests, rows a second', '', 1e9 / s(v, 'wall backfill digests')),
        (8, 'caas_check, rows a second', '', 1e9 / s(v, 'wall check')),
        (9, 'UPDATE before the backfill, 95th percentile', ' ms', p95(round, 'update', 'before')),
        (10, 'INSERT before the backfill, 95th percentile', ' ms', p95(round, 'insert', 'before')),
        (11, 'the longest INSERT before the backfill', ' ms', longest_insert(round, 'before')),
        (12, 'load average', '', s(v, 'load average'))) AS n(place, what, unit, value)
    UNION ALL
    SELECT 100, CASE WHEN name ~ '^WAL' THEN name || ' a row' ELSE 'a row: ' || name END,
           CASE WHEN name ~ '^WAL' THEN ' bytes' ELSE ' ns' END, value
    FROM sample WHERE name !~ '^(wall|load|size)' AND name !~ ', part|beside';
