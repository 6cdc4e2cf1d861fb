-- One round: everything that is compared runs within seconds of each other. Settings come from run.sh.
\set pgcrypto 'encode(hmac(%s, ''a secret of thirty-two bytes, no'', ''sha256''), ''hex'')'
SET max_parallel_workers_per_gather = 0;

CALL bench.measure(:round, 'scan', 300000, 'SELECT count(email) FROM bench.users');
CALL bench.measure(:round, 'pgcrypto hmac-sha256', 300000, format('SELECT count(' || :'pgcrypto' || ') FROM bench.users', 'email'));
CALL bench.measure(:round, 'caas_encrypt', 300000, 'SELECT count(caas_encrypt(id, email)) FROM bench.users');
\set core `:core_bench mix :keyring :rows`
INSERT INTO bench.sample SELECT :round, key, value::float8 FROM json_each_text(:'core');
CALL bench.measure(:round, 'PL/pgSQL', 300000, 'SELECT count(bench.plpgsql_digest(id, email)) FROM bench.users');
CALL bench.measure(:round, 'PL/pgSQL with less', 300000,
    'SELECT count(bench.plpgsql_lean_digest(id, email, ''a secret of thirty-two bytes, no'')) FROM bench.users');

CALL bench.measure(:round, 'pgcrypto hmac-sha256, 1 KiB', 50000,
    format('SELECT count(' || :'pgcrypto' || ') FROM bench.documents', 'body'));
CALL bench.measure(:round, 'caas_encrypt, 1 KiB', 50000, 'SELECT count(caas_encrypt(id, body)) FROM bench.documents');

CALL bench.measure_insert(:round, 'plain');
CALL bench.measure_insert(:round, 'generated_pgcrypto');
CALL bench.measure_insert(:round, 'generated');
CALL bench.measure_insert(:round, 'triggered');
CALL bench.measure_insert(:round, 'triggered_in_place');
CALL bench.measure_insert(:round, 'sealed_by_trigger');
TRUNCATE bench.sealed_by_calls;
CALL bench.measure(:round, 'insert sealed_by_calls', 300000, 'INSERT INTO bench.sealed_by_calls
    SELECT id, NULL, caas_seal(id, email, ''bench.email''), caas_blind_index(email, ''bench.email'') FROM bench.users');
CALL bench.measure_upsert(:round, 'upserted', 'INSERT INTO bench.upserted (id, email) SELECT id, email FROM bench.users WHERE n <= 100000
    ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email');
CALL bench.measure_upsert(:round, 'upserted_by_calls', 'INSERT INTO bench.upserted_by_calls (id, digest)
    SELECT id, caas_encrypt(id, email) FROM bench.users WHERE n <= 100000 ON CONFLICT (id) DO UPDATE SET digest = EXCLUDED.digest');

-- What COST stands for: a cheap function of the server has 1.
CALL bench.measure(:round, 'scan n', 300000, 'SELECT count(n) FROM bench.users');
CALL bench.measure(:round, 'ten additions', 300000, 'SELECT count(n + n + n + n + n + n + n + n + n + n + n) FROM bench.users');
CALL bench.measure(:round, 'length', 300000, 'SELECT count(length(email)) FROM bench.users');
CALL bench.measure(:round, 'scan digested', 300000, 'SELECT count(digest) FROM bench.digested');
CALL bench.measure(:round, 'caas_verify', 300000, 'SELECT count(caas_verify(id, email, digest)) FROM bench.digested');

\set details `:core_bench details :keyring :rows`
INSERT INTO bench.sample SELECT :round, key, value::float8 FROM json_each_text(:'details');

SET parallel_leader_participation = off;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
\set load `cut -d" " -f1 /proc/loadavg`
INSERT INTO bench.sample VALUES (:round, 'load average', :load);
CALL bench.measure_workers(:round, 'caas_encrypt', 'caas_encrypt(id, email)', 1);
CALL bench.measure_workers(:round, 'caas_encrypt', 'caas_encrypt(id, email)', 2);
CALL bench.measure_workers(:round, 'pgcrypto hmac-sha256', format(:'pgcrypto', 'email'), 1);
CALL bench.measure_workers(:round, 'pgcrypto hmac-sha256', format(:'pgcrypto', 'email'), 2);
