-- From samples to the table: a figure is computed in each round, so that what slows a whole round cancels out, and then
-- the median of the rounds is taken.
SET search_path = bench, public;

INSERT INTO target VALUES
    (1, 'caas_encrypt against pgcrypto encode(hmac-sha256)', '<=', 0.90),
    (2, 'caas_encrypt against a PL/pgSQL function doing the same over pgcrypto', '<=', 0.17),
    (3, 'caas_encrypt against pgcrypto hmac-sha256, values of 1 KiB', '<=', 1.5),
    (4, 'caas_encrypt in the server, without the scan, against the core alone', '<=', 1.15),
    (5, 'core against the compressions and AES blocks that it needs', '<=', 1.6),
    (6, 'INSERT, generated column against one with pgcrypto hmac-sha256', '<=', 1.1),
    (7, 'INSERT, trigger against generated column', '<=', 1.15),
    (8, 'speed of two parallel workers against one', '>=', 1.8),
    (9, 'private memory of a backend that uses caas, above one that does not', '<=', 1),
    (10, 'first call of a backend, library preloaded', '<=', 2),
    (11, 'caas_seal of 32 bytes against pgcrypto encrypt(.., ''aes''), unauthenticated', '<=', 1.6),
    (12, 'caas_seal of 32 bytes against pgp_sym_encrypt, s2k-mode=0', '<=', 0.35),
    (13, 'caas_open of 32 bytes against pgcrypto decrypt(.., ''aes'')', '<=', 1.6),
    (14, 'caas_open of 32 bytes against pgp_sym_decrypt', '<=', 0.35),
    (15, 'caas_blind_index against pgcrypto hmac-sha256', '<=', 0.6),
    (16, 'private memory that 1,000,000 calls of caas_reseal add', '<=', 1),
    (17, 'INSERT, seal trigger with index against calls of caas_seal and caas_blind_index', '<=', 1.25),
    (18, 'upsert of a source against calls of caas_encrypt beside a trigger that does nothing', '<=', 1.2);

CREATE VIEW figure AS
    SELECT place, unit, value FROM rounds, LATERAL (VALUES
        (1, 'x', s(v, 'caas_encrypt') / s(v, 'pgcrypto hmac-sha256')),
        (2, 'x', s(v, 'caas_encrypt') / s(v, 'PL/pgSQL')),
        (3, 'x', s(v, 'caas_encrypt, 1 KiB') / s(v, 'pgcrypto hmac-sha256, 1 KiB')),
        (4, 'x', (s(v, 'caas_encrypt') - s(v, 'scan')) / s(v, 'core')),
        (5, 'x', s(v, 'core') / s(v, 'floor')),
        (6, 'x', s(v, 'insert generated') / s(v, 'insert generated_pgcrypto')),
        (7, 'x', s(v, 'insert triggered') / s(v, 'insert generated')),
        (8, 'x', s(v, 'wall caas_encrypt, workers: 1') / s(v, 'wall caas_encrypt, workers: 2')),
        (9, ' MB', (s(v, 'kB caas') - s(v, 'kB none')) / 1024),
        (10, ' ms', s(v, 'ms first call')),
        (11, 'x', s(v, 'caas_seal') / s(v, 'pgcrypto encrypt aes')),
        (12, 'x', s(v, 'caas_seal') / s(v, 'pgp_sym_encrypt')),
        (13, 'x', s(v, 'caas_open') / s(v, 'pgcrypto decrypt aes')),
        (14, 'x', s(v, 'caas_open') / s(v, 'pgp_sym_decrypt')),
        (15, 'x', s(v, 'caas_blind_index') / s(v, 'pgcrypto hmac-sha256 raw')),
        (16, ' MB', s(v, 'kB of 1,000,000 reseals') / 1024),
        (17, 'x', s(v, 'insert sealed_by_trigger') / s(v, 'insert sealed_by_calls')),
        (18, 'x', s(v, 'upsert upserted') / s(v, 'upsert upserted_by_calls'))) AS f(place, unit, value);

CREATE VIEW note AS
    SELECT place, what, unit, value FROM rounds, LATERAL (VALUES
        (1, 'caas_encrypt against a PL/pgSQL function that does less', 'x', s(v, 'caas_encrypt') / s(v, 'PL/pgSQL with less')),
        (2, 'INSERT, trigger in place against generated column', 'x',
            s(v, 'insert triggered_in_place') / s(v, 'insert generated')),
        (3, 'INSERT, generated column against no digest at all', 'x', s(v, 'insert generated') / s(v, 'insert plain')),
        (4, 'speed of two parallel workers against one, pgcrypto: what the machine gave', 'x',
            s(v, 'wall pgcrypto hmac-sha256, workers: 1') / s(v, 'wall pgcrypto hmac-sha256, workers: 2')),
        (5, 'load average when the workers were measured', '', s(v, 'load average')),
        (6, 'wall clock for processor time of caas_encrypt, 1 on a quiet machine', 'x',
            s(v, 'wall caas_encrypt') / s(v, 'caas_encrypt')),
        (7, 'private memory of a backend that uses pgcrypto, above one that does not', ' MB',
            (s(v, 'kB pgcrypto') - s(v, 'kB none')) / 1024),
        (8, 'first statement of a backend, with planning and catalogs', ' ms', s(v, 'ms first statement')),
        (9, 'COST of caas_encrypt, int4pl being 1', '',
            10 * (s(v, 'caas_encrypt') - s(v, 'scan')) / (s(v, 'ten additions') - s(v, 'scan n'))),
        (10, 'COST of caas_encrypt, length(text) being 1', '',
            (s(v, 'caas_encrypt') - s(v, 'scan')) / (s(v, 'length') - s(v, 'scan'))),
        (11, 'COST of caas_encrypt, a scanned and counted row being 5', '',
            5 * (s(v, 'caas_encrypt') - s(v, 'scan')) / s(v, 'scan n')),
        (12, 'COST of caas_verify, a scanned and counted row being 5', '',
            5 * (s(v, 'caas_verify') - s(v, 'scan digested')) / s(v, 'scan n')),
        (13, 'caas_reseal, rows a second', '', 1e9 / s(v, 'caas_reseal'))) AS n(place, what, unit, value)
    UNION ALL
    SELECT 100, CASE WHEN name ~ '^(core|floor)' THEN name ELSE 'server: ' || name END, ' ns', value
    FROM sample WHERE name !~ '^(kB|ms|load|wall)' AND name !~ 'workers';
