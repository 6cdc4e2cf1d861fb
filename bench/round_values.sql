-- One round of sealed values and blind indexes: 32 bytes each, pgcrypto's nearest beside them.
SET max_parallel_workers_per_gather = 0;

CALL bench.measure(:round, 'pgcrypto encrypt aes', 300000, 'SELECT count(encrypt(value, ''a secret of thirty-two bytes, no'', ''aes'')) FROM bench.encrypted');
CALL bench.measure(:round, 'caas_seal', 300000, 'SELECT count(caas_seal(id, value, ''bench.value'')) FROM bench.encrypted');
CALL bench.measure(:round, 'pgp_sym_encrypt', 30000,
    'SELECT count(pgp_sym_encrypt_bytea(value, ''a secret of thirty-two bytes, no'', ''s2k-mode=0'')) FROM bench.messages');
CALL bench.measure(:round, 'pgcrypto decrypt aes', 300000, 'SELECT count(decrypt(aes, ''a secret of thirty-two bytes, no'', ''aes'')) FROM bench.encrypted');
CALL bench.measure(:round, 'caas_open', 300000, 'SELECT count(caas_open_bytea(id, sealed, ''bench.value'')) FROM bench.encrypted');
CALL bench.measure(:round, 'pgp_sym_decrypt', 30000,
    'SELECT count(pgp_sym_decrypt_bytea(pgp, ''a secret of thirty-two bytes, no'')) FROM bench.messages');
CALL bench.measure(:round, 'pgcrypto hmac-sha256 raw', 300000, 'SELECT count(hmac(value, ''a secret of thirty-two bytes, no'', ''sha256'')) FROM bench.encrypted');
CALL bench.measure(:round, 'caas_blind_index', 300000, 'SELECT count(caas_blind_index(value, ''bench.value'')) FROM bench.encrypted');

-- The pages of the table are in the backend's memory map before its own memory is counted.
SELECT count(sealed) FROM bench.sealed \g /dev/null
SELECT bench.private_kb() AS before \gset
CALL bench.measure(:round, 'caas_reseal', 1000000, 'SELECT count(caas_reseal(id, sealed, ''bench.value'')) FROM bench.sealed');
INSERT INTO bench.sample VALUES (:round, 'kB of 1,000,000 reseals', bench.private_kb() - :before);
