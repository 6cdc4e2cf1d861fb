\echo Use "ALTER EXTENSION caas UPDATE TO '0.3.1'" to load this file. \quit

-- ALTER EXTENSION UPDATE keeps the comment that an older caas.control set.
COMMENT ON EXTENSION caas IS
'per-user digests, sealed values, blind indexes and password hashes, keyed from outside the database';

COMMENT ON FUNCTION caas_open(uuid, bytea, text) IS
'the text that caas_seal sealed for the same user and context, under the generation that the value names. Errors: 22P03 not a sealed value, 22023 unknown generation, 39000 cannot open (wrong user or context, or changed), 22021 or 22P05 not a text of this database''s encoding, 42501 within a security-restricted operation (ANALYZE, REINDEX, a materialized view), and those of caas_seal';

COMMENT ON FUNCTION caas_try_open(uuid, bytea, text) IS
'caas_open, or NULL where the value cannot be opened or is no text: for reports over damaged data. Errors: 28000, 42501 within a security-restricted operation, 22023 context too long, 55000, F0000';

COMMENT ON FUNCTION caas_try_open_bytea(uuid, bytea, text) IS
'caas_open_bytea, or NULL where the value cannot be opened. Errors: 28000, 42501 within a security-restricted operation, 22023 context too long, 55000, F0000';

COMMENT ON FUNCTION caas_verify_password(uuid, text, text) IS
'true when the password is the one that caas_hash_password hashed for this user; false for a text of another shape. Errors: those of caas_hash_password, 22023 unknown generation, 42501 within a security-restricted operation';

COMMENT ON FUNCTION caas_verify(uuid, text, text) IS
'true when the third argument is the digest of the text for this user, as hex of either case, under any generation: the active one first, then the retired, newest first; else false. Errors: those of caas_encrypt';

COMMENT ON FUNCTION caas_verify(uuid, bytea, bytea) IS
'true when the third argument is the raw digest of the raw bytes for this user, under any generation. Errors: those of caas_encrypt';

COMMENT ON FUNCTION caas_password_outdated(text) IS
'true when a new hash would be of another generation, another algorithm or a higher cost: then hash the password again at the next login. True for a text of another shape. Errors: 28000, 55000, F0000';

-- The row type of a function cannot be changed in place.
DROP FUNCTION caas_status();
CREATE FUNCTION caas_status(
    OUT extension_version text, OUT library_version text, OUT openssl_version text,
    OUT keyring_loaded boolean, OUT keyring_problem text, OUT active_generation integer, OUT check_value text,
    OUT api_key_accepted boolean, OUT secrets_locked boolean, OUT stored_api_keys text[],
    OUT api_key_problem text, OUT api_key_name text)
    AS 'MODULE_PATHNAME', 'caas_sql_status' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION caas_status() IS
'state of caas in this session, without an error: versions; the keyring, or why it cannot be used; the active generation and its check value (equal values mean equal results); whether this session''s API key is accepted, else why not, and the name that caas.api_key_digests gives it; whether secrets are in locked memory; where an API key is stored that others can read. For everyone; paths only for pg_read_all_settings';
