-- The table is made of the samples as in report.sql.
SET search_path = bench, public;

INSERT INTO target
    SELECT place, format('speed of two nodes against one: %s', what), '>=', 1.6
    FROM (VALUES (1, 'fdw verify', 'caas_verify, views behind postgres_fdw'), (2, 'fdw reseal', 'caas_reseal in an UPDATE, views behind postgres_fdw'),
                 (3, 'plproxy verify', 'caas_verify, functions behind PL/Proxy'),
                 (4, 'plproxy reseal', 'caas_reseal in an UPDATE, functions behind PL/Proxy'),
                 (5, 'rotate', 'caas_rotate, a session at each'),
                 (6, 'citus verify', 'caas_verify, shards of Citus'), (7, 'citus reseal', 'caas_reseal in an UPDATE, shards of Citus')) AS t(place, name, what)
    WHERE EXISTS (SELECT FROM sample AS s WHERE s.name = t.name || ', two');
INSERT INTO target
    SELECT place, format('caas_%s, time of a row of %s against that of %s rows', work, size, :small), 'from', 0.8, 1.25
    FROM (VALUES (8, 'verify', :middle), (9, 'reseal', :middle), (10, 'verify', :large), (11, 'reseal', :large)) AS t(place, work, size) WHERE size > 0;

CREATE VIEW figure AS
    SELECT place, 'x' AS unit, value FROM rounds, LATERAL (VALUES
        (1, s(v, 'fdw verify, one') / s(v, 'fdw verify, two')),
        (2, s(v, 'fdw reseal, one') / s(v, 'fdw reseal, two')),
        (3, s(v, 'plproxy verify, one') / s(v, 'plproxy verify, two')),
        (4, s(v, 'plproxy reseal, one') / s(v, 'plproxy reseal, two')),
        (5, s(v, 'rotate, one') / s(v, 'rotate, two')),
        (6, s(v, 'citus verify, one') / s(v, 'citus verify, two')),
        (7, s(v, 'citus reseal, one') / s(v, 'citus reseal, two')),
        (8, s(v, 'verify, ' || :middle) / s(v, 'verify, ' || :small)),
        (9, s(v, 'reseal, ' || :middle) / s(v, 'reseal, ' || :small)),
        (10, s(v, 'verify, ' || :large) / s(v, 'verify, ' || :small)),
        (11, s(v, 'reseal, ' || :large) / s(v, 'reseal, ' || :small))) AS f(place, value)
    WHERE value IS NOT NULL;

CREATE VIEW note AS
    SELECT 1 AS place, 'speed of two nodes against one: plain hashing, which is what the machine gave' AS what, 'x' AS unit,
           s(v, 'fdw plain, one') / s(v, 'fdw plain, two') AS value FROM rounds
    UNION ALL
    SELECT 2, 'rows a second: ' || regexp_replace(regexp_replace(name, ', one$', ', one node'), ', two$', ', two nodes'), '', 1e9 / value
    FROM sample WHERE name ~ ', (one|two)$' AND name !~ 'plain'
    UNION ALL
    SELECT 3, 'processor time of a row: ' || name || ' rows', ' ns', value FROM sample WHERE name ~ '^(verify|reseal), [0-9]+$'
    UNION ALL
    SELECT 4, 'load average', '', value FROM sample WHERE name = 'load average';
