-- caas_version, caas_status, caas_profile and caas_keyring. The values differ from server to server, so the test prints their shapes.
\i test/needs_key.sql
SELECT caas_version() = extversion AS library_is_extension FROM pg_extension WHERE extname = 'caas';

-- caas_status raises no error. It tells whether the API key of this session is accepted, and why not.
SELECT extension_version = library_version AS one_version, library_version = caas_version() AS library, openssl_version ~ '^OpenSSL 3|^OpenSSL [4-9]' AS openssl,
       keyring_loaded, keyring_problem, active_generation BETWEEN 1 AND 65535 AS active_generation, check_value ~ '^[0-9a-f]{16}$' AS check_value,
       api_key_accepted, secrets_locked IS NOT NULL AS locked_or_not, stored_api_keys, api_key_problem
FROM caas_status();
SET caas.api_key = 'wrong';
SELECT api_key_accepted, api_key_problem, api_key_name FROM caas_status();
SET caas.api_key = '';
SELECT api_key_accepted, api_key_problem, api_key_name FROM caas_status();

-- The keyring and profiles need no API key.
SELECT count(*) FILTER (WHERE state = 'active') AS active,
       count(*) FILTER (WHERE state NOT IN ('active', 'retired') OR created = 'infinity' OR check_value !~ '^[0-9a-f]{16}$') AS wrong,
       bool_and(digests ~ '^[a-z0-9,-]+$' AND ciphers ~ '^[a-z0-9,-]+$' AND passwords ~ '^[a-z0-9,-]+$') AS pools
FROM caas_keyring();
SELECT count(*) = count(DISTINCT check_value) AS check_values_differ, max(check_value) FILTER (WHERE state = 'active') = (SELECT check_value FROM caas_status()) AS as_in_status,
       max(generation) FILTER (WHERE state = 'active') = (SELECT active_generation FROM caas_status()) AS active_as_in_status
FROM caas_keyring();
SELECT generation = :active AS active, algorithm = ANY (string_to_array((SELECT digests FROM caas_keyring() WHERE state = 'active'), ',')) AS in_pool,
       salt_length IN (8, 16, 32, 64) AS salt
FROM caas_profile('4dbcbcfe-4800-40a8-badf-c26b73af230c');
SELECT caas_profile(NULL) IS NULL AS strict;
SELECT count(*), count(DISTINCT caas_profile(md5(i::text)::uuid))
                 = 4 * (SELECT cardinality(string_to_array(digests, ',')) FROM caas_keyring() WHERE state = 'active') AS every_profile
FROM generate_series(1, 3000) AS i;

-- No column holds 32 bytes, as base64 or as hex.
SELECT count(*) >= 7 AS columns, count(*) FILTER (WHERE value ~ '[A-Za-z0-9+/]{43}=|[0-9a-f]{64}') AS with_a_secret
FROM caas_keyring() AS listed, json_each_text(row_to_json(listed));
