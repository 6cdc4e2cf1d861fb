-- caas_version, caas_status, caas_profile and caas_keyring: shapes, since the values differ from server to server.
SELECT caas_version() = extversion AS library_is_extension FROM pg_extension WHERE extname = 'caas';

-- status never fails; it says whether this session's key is accepted
SELECT extension_version = library_version AS one_version, library_version = caas_version() AS library, openssl_version ~ '^OpenSSL 3|^OpenSSL [4-9]' AS openssl,
       keyring_loaded, keyring_problem, active_generation, check_value ~ '^[0-9a-f]{16}$' AS check_value,
       api_key_accepted, secrets_locked IS NOT NULL AS locked_or_not, stored_api_keys
FROM caas_status();
SET caas.api_key = 'wrong';
SELECT api_key_accepted FROM caas_status();
SET caas.api_key = 'regress key, no secret';
SELECT api_key_accepted FROM caas_status();
RESET caas.api_key;

-- the keyring and profiles need no API key
SELECT api_key_accepted FROM caas_status();
SELECT generation, state, created AT TIME ZONE 'UTC' < 'infinity' AS created, check_value ~ '^[0-9a-f]{16}$' AS check_value, digests, ciphers, passwords
FROM caas_keyring();
SELECT count(DISTINCT check_value) AS check_values, max(check_value) FILTER (WHERE state = 'active') = (SELECT check_value FROM caas_status()) AS as_in_status
FROM caas_keyring();
SELECT generation, algorithm = ANY (string_to_array((SELECT digests FROM caas_keyring() WHERE state = 'active'), ',')) AS in_pool,
       salt_length IN (8, 16, 32, 64) AS salt
FROM caas_profile('4dbcbcfe-4800-40a8-badf-c26b73af230c');
SELECT caas_profile(NULL) IS NULL AS strict;
SELECT count(*), count(DISTINCT caas_profile(md5(i::text)::uuid)) AS profiles FROM generate_series(1, 3000) AS i;

-- no column holds 32 bytes, as base64 or as hex
SELECT count(*) AS columns, count(*) FILTER (WHERE value ~ '[A-Za-z0-9+/]{43}=|[0-9a-f]{64}') AS with_a_secret
FROM caas_keyring() AS listed, json_each_text(row_to_json(listed));
