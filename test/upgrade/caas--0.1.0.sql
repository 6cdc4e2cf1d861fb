\echo Use "CREATE EXTENSION caas" to load this file. \quit

-- ---- Digests: docs/spec.md, section 5 ----

CREATE FUNCTION caas_encrypt(uuid, text) RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_encrypt(uuid, text) IS
'keyed one-way digest of a text under the algorithm, key and salt that the user''s UUID selects in the active generation: lower-case hex. Errors: 28000 no accepted API key, 22021 not UTF-8, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_encrypt(uuid, bytea) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_encrypt(uuid, bytea) IS
'the same digest of raw bytes, as raw bytes. Errors: 28000 no accepted API key, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_encrypt(uuid, text, generation integer) RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_encrypt(uuid, text, integer) IS
'caas_encrypt(uuid, text) under a named generation of the keyring, whatever is active. Errors: those of the two-argument form, 22023 unknown generation';

CREATE FUNCTION caas_encrypt(uuid, bytea, generation integer) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_encrypt(uuid, bytea, integer) IS
'caas_encrypt(uuid, bytea) under a named generation of the keyring. Errors: those of the two-argument form, 22023 unknown generation';

CREATE FUNCTION caas_verify(uuid, text, text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_verify_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_verify(uuid, text, text) IS
'whether the third argument is the digest of the text for this user, as hex of either case, under any generation: the active one first, then the retired, newest first. Anything else is false. Errors: those of caas_encrypt';

CREATE FUNCTION caas_verify(uuid, bytea, bytea) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_verify_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_verify(uuid, bytea, bytea) IS
'whether the third argument is the raw digest of the raw bytes for this user, under any generation. Errors: those of caas_encrypt';

CREATE FUNCTION caas_verified_by(uuid, text, text) RETURNS integer
    AS 'MODULE_PATHNAME', 'caas_sql_verified_by_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_verified_by(uuid, text, text) IS
'the generation under which caas_verify(uuid, text, text) is true, or NULL: an older one than the active says that the digest can be renewed now. Errors: those of caas_encrypt';

CREATE FUNCTION caas_verified_by(uuid, bytea, bytea) RETURNS integer
    AS 'MODULE_PATHNAME', 'caas_sql_verified_by_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_verified_by(uuid, bytea, bytea) IS
'the generation under which caas_verify(uuid, bytea, bytea) is true, or NULL. Errors: those of caas_encrypt';

REVOKE ALL ON FUNCTION
    caas_encrypt(uuid, text), caas_encrypt(uuid, bytea),
    caas_encrypt(uuid, text, integer), caas_encrypt(uuid, bytea, integer),
    caas_verify(uuid, text, text), caas_verify(uuid, bytea, bytea),
    caas_verified_by(uuid, text, text), caas_verified_by(uuid, bytea, bytea)
    FROM PUBLIC;

-- ---- Administration ----

CREATE FUNCTION caas_version() RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_version' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION caas_version() IS
'version of the caas library; calling it loads the library into the session. For everyone';

CREATE FUNCTION caas_status(
    OUT extension_version text, OUT library_version text, OUT openssl_version text,
    OUT keyring_loaded boolean, OUT keyring_problem text, OUT active_generation integer, OUT check_value text,
    OUT api_key_accepted boolean, OUT secrets_locked boolean, OUT stored_api_keys text[])
    AS 'MODULE_PATHNAME', 'caas_sql_status' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION caas_status() IS
'state of caas in this session, without an error: versions, the keyring or why it cannot be used, the active generation and its check value (equal values mean equal results), whether this session''s API key is accepted, whether secrets are in locked memory, and where an API key is stored that others can read. For everyone; paths only for pg_read_all_settings';

CREATE FUNCTION caas_profile(uuid, OUT generation integer, OUT algorithm text, OUT salt_length integer)
    AS 'MODULE_PATHNAME', 'caas_sql_profile' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_profile(uuid) IS
'what a UUID selects in the active generation: digest algorithm and salt length in bytes, never the key or the salt. Needs no API key. Errors: 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_keyring(
    OUT generation integer, OUT state text, OUT created timestamptz, OUT check_value text,
    OUT digests text, OUT ciphers text, OUT passwords text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_keyring' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 4;
COMMENT ON FUNCTION caas_keyring() IS
'the generations of the keyring, highest number first: state, creation time, check value and pools, never the secret. Needs no API key. Errors: 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION caas_profile(uuid), caas_keyring() FROM PUBLIC;

-- ---- Trigger ----

CREATE FUNCTION caas_encrypt_trigger() RETURNS trigger
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_trigger' LANGUAGE C PARALLEL SAFE;
COMMENT ON FUNCTION caas_encrypt_trigger() IS
'BEFORE INSERT OR UPDATE row trigger that replaces values by their digests before a row is stored. Arguments: the uuid column, then one or more columns to protect, each ''column'' (replaced in place) or ''source=target'' (target gets the digest, source becomes null). Only its creator needs EXECUTE. Errors: 28000 no accepted API key, 22004 value without a uuid, 27000 the uuid changed but the digest did not, 22001 varchar(n) too short for a digest, 22021 not UTF-8, 39P01, 42703 and 42804 wrong trigger, column or type, 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION caas_encrypt_trigger() FROM PUBLIC;
