-- How evenly users spread over what their UUID selects, and over 3200 shards on 100 nodes: ids of version 4, and caas_uuid of ids in a row.
CREATE TEMP TABLE spread AS
    SELECT kind, algorithm, salt_length, uuid_hash_extended(id, 0) & 4294967295 AS hash
    FROM (SELECT 'random UUIDs' AS kind, gen_random_uuid() AS id FROM generate_series(1, :users)
          UNION ALL SELECT 'caas_uuid of ids in a row', caas_uuid('users', n) FROM generate_series(1, :users / 10) AS n) AS users,
         LATERAL caas_profile(id);

-- The largest distance from an equal share in parts of the share, and chi-square over its degrees of freedom, which is near 1 for chance.
CREATE FUNCTION pg_temp.note_evenness(what text, parts int, counts bigint[]) RETURNS void LANGUAGE sql AS $$
    WITH c AS (SELECT count, (SELECT sum(x) FROM unnest(counts) AS x) / parts AS share FROM unnest(counts) AS count)
    INSERT INTO bench.size (what, figure) SELECT 'users of one of ' || what || ', farthest from the equal share', round(100 * max(abs(count - share)) / max(share), 2) || ' %' FROM c
    UNION ALL SELECT 'chi-square of ' || what || ' a degree of freedom', round(sum((count - share) ^ 2 / share) / (parts - 1), 2)::text FROM c $$;

SELECT pg_temp.note_evenness('8 algorithms, ' || kind, 8, array_agg(n)) FROM (SELECT kind, count(*) AS n FROM spread GROUP BY kind, algorithm) AS c GROUP BY kind \g /dev/null
SELECT pg_temp.note_evenness('32 profiles, ' || kind, 32, array_agg(n)) FROM (SELECT kind, count(*) AS n FROM spread GROUP BY kind, algorithm, salt_length) AS c GROUP BY kind \g /dev/null
SELECT pg_temp.note_evenness('100 nodes, ' || kind, 100, array_agg(n)) FROM (SELECT kind, count(*) AS n FROM spread GROUP BY kind, (hash * 3200 / 4294967296) % 100) AS c GROUP BY kind \g /dev/null
SELECT pg_temp.note_evenness('3200 shards, ' || kind, 3200, array_agg(n)) FROM (SELECT kind, count(*) AS n FROM spread GROUP BY kind, hash * 3200 / 4294967296) AS c GROUP BY kind \g /dev/null
