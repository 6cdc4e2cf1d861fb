\echo Use "ALTER EXTENSION caas UPDATE TO '0.6.0'" to load this file. \quit

-- ALTER EXTENSION UPDATE keeps the comment that an older caas.control set.
COMMENT ON EXTENSION caas IS
'per-user digests, sealed values, blind indexes and password hashes, keyed from outside the database';

COMMENT ON FUNCTION caas_status() IS
'Returns the state of caas in this session, without raising an error: versions; the keyring, or why it cannot be used; the active generation and its check value (equal values mean equal results); whether the session''s API key is accepted, else why not, and its name in caas.api_key_digests, or the entry of caas.trusted_nodes that lets it in without one; whether secrets are in locked memory; where an API key is stored that others can read. For everyone; paths only for pg_read_all_settings';
