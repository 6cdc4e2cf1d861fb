\echo Use "ALTER EXTENSION caas UPDATE TO '0.3.1'" to load this file. \quit

-- ALTER EXTENSION UPDATE keeps the comment that an older caas.control set.
COMMENT ON EXTENSION caas IS
'per-user digests, sealed values, blind indexes and password hashes, keyed from outside the database';

-- The row type of a function cannot be changed in place.
DROP FUNCTION caas_status();
CREATE FUNCTION caas_status(
    OUT extension_version text, OUT library_version text, OUT openssl_version text,
    OUT keyring_loaded boolean, OUT keyring_problem text, OUT active_generation integer, OUT check_value text,
    OUT api_key_accepted boolean, OUT secrets_locked boolean, OUT stored_api_keys text[],
    OUT api_key_problem text, OUT api_key_name text)
    AS 'MODULE_PATHNAME', 'caas_sql_status' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000;

COMMENT ON FUNCTION caas_encrypt(uuid, text) IS
'Returns the keyed one-way digest of a text as lower-case hex. The user''s UUID selects the algorithm, the key and the salt in the active generation. Errors: 28000 no accepted API key, 22021 not UTF-8, 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_encrypt(uuid, bytea) IS
'Returns the keyed one-way digest of raw bytes as raw bytes. Errors: 28000 no accepted API key, 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_encrypt(uuid, text, integer) IS
'Returns the digest of caas_encrypt(uuid, text) under the given generation of the keyring instead of the active one. Errors: those of the two-argument form, 22023 unknown generation';

COMMENT ON FUNCTION caas_encrypt(uuid, bytea, integer) IS
'Returns the digest of caas_encrypt(uuid, bytea) under the given generation of the keyring instead of the active one. Errors: those of the two-argument form, 22023 unknown generation';

COMMENT ON FUNCTION caas_verify(uuid, text, text) IS
'Returns true when the third argument, hex of either case, is the digest of the text for this user under any generation, else false. The active generation is tried first, then the retired ones, newest first. Errors: those of caas_encrypt';

COMMENT ON FUNCTION caas_verify(uuid, bytea, bytea) IS
'Returns true when the third argument is the raw digest of the raw bytes for this user under any generation, else false. Errors: those of caas_encrypt';

COMMENT ON FUNCTION caas_verified_by(uuid, text, text) IS
'Returns the number of the generation under which caas_verify(uuid, text, text) is true, or NULL. A generation older than the active one means that the digest can be renewed now. Errors: those of caas_encrypt';

COMMENT ON FUNCTION caas_verified_by(uuid, bytea, bytea) IS
'Returns the number of the generation under which caas_verify(uuid, bytea, bytea) is true, or NULL. Errors: those of caas_encrypt';

COMMENT ON FUNCTION caas_seal(uuid, text, text) IS
'Returns a text encrypted for this user and context under the active generation: 51 bytes longer than its UTF-8, and different at each call. The context, such as ''users.ssn'', has at most 1024 bytes. Errors: 28000 no accepted API key, 22021 not UTF-8, 22023 context too long, 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_seal(uuid, bytea, text) IS
'Returns raw bytes encrypted for this user and context under the active generation. Errors: those of caas_seal(uuid, text, text)';

COMMENT ON FUNCTION caas_open(uuid, bytea, text) IS
'Returns the text that caas_seal sealed for the same user and context, under the generation named in the sealed value. Errors: 22P03 not a sealed value, 22023 unknown generation, 39000 cannot open (wrong user or context, or changed), 22021 or 22P05 not a text of this database''s encoding, 42501 in a security-restricted operation (ANALYZE, REINDEX, a materialized view), and those of caas_seal';

COMMENT ON FUNCTION caas_open_bytea(uuid, bytea, text) IS
'Returns the raw bytes that caas_seal sealed for the same user and context. Errors: those of caas_open';

COMMENT ON FUNCTION caas_try_open(uuid, bytea, text) IS
'Returns the result of caas_open, or NULL when the value cannot be opened or is not a text. For reports over damaged data. Errors: 28000, 42501 in a security-restricted operation, 22023 context too long, 55000, F0000';

COMMENT ON FUNCTION caas_try_open_bytea(uuid, bytea, text) IS
'Returns the result of caas_open_bytea, or NULL when the value cannot be opened. Errors: 28000, 42501 in a security-restricted operation, 22023 context too long, 55000, F0000';

COMMENT ON FUNCTION caas_reseal(uuid, bytea, text) IS
'Returns the sealed value unchanged when it is of the active generation; otherwise opens it and seals it again under the active generation, in one step. Errors: those of caas_open';

COMMENT ON FUNCTION caas_generation(bytea) IS
'Returns the number of the generation under which a value was sealed. Uses no key and can be indexed. For everyone. Errors: 22P03 not a sealed value';

COMMENT ON FUNCTION caas_sealed_info(bytea) IS
'Returns the public fields of a sealed value: format, generation, and length of the plaintext in bytes. Uses no key. For everyone. Errors: 22P03 not a sealed value';

COMMENT ON FUNCTION caas_blind_index(text, text, integer) IS
'Returns the keyed index of a text in a context under the active generation, 4 to 32 bytes long. Equal texts have equal indexes for all users: for search by equality and for UNIQUE (16 bytes or more). Errors: 28000 no accepted API key, 22021 not UTF-8, 22023 length or context, 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_blind_index(bytea, text, integer) IS
'Returns the keyed index of raw bytes in a context under the active generation. Errors: those of caas_blind_index(text, text, integer)';

COMMENT ON FUNCTION caas_blind_candidates(text, text, integer) IS
'Returns the blind index of a text under every generation, newest first. column = ANY (caas_blind_candidates(..)) finds the value before, during and after a rotation. Errors: those of caas_blind_index';

COMMENT ON FUNCTION caas_blind_candidates(bytea, text, integer) IS
'Returns the blind index of raw bytes under every generation, newest first. Errors: those of caas_blind_index';

COMMENT ON FUNCTION caas_hash_password(uuid, text) IS
'Returns a slow salted hash of a password, peppered for this user, as a PHC string. The settings caas.scrypt_*, caas.argon2_* and caas.pbkdf2_iterations set its cost. Waits while caas.max_password_hashes hashes are being computed. Errors: 28000 no accepted API key, 22021 not UTF-8, 22023 costs, 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_verify_password(uuid, text, text) IS
'Returns true when the hash is that of this password for this user, else false; also false for a text that is not such a hash. Errors: those of caas_hash_password, 22023 unknown generation, 42501 in a security-restricted operation';

COMMENT ON FUNCTION caas_password_outdated(text) IS
'Returns true when a new hash would be of another generation, another algorithm or a higher cost, so that the password should be hashed again at the next login. True for a text that is not such a hash. Errors: 28000, 55000, F0000';

COMMENT ON FUNCTION caas_version() IS
'Returns the version of the caas library. The call loads the library into the session. For everyone';

COMMENT ON FUNCTION caas_status() IS
'Returns the state of caas in this session, without raising an error: versions; the keyring, or why it cannot be used; the active generation and its check value (equal values mean equal results); whether the session''s API key is accepted, else why not, and its name in caas.api_key_digests; whether secrets are in locked memory; where an API key is stored that others can read. For everyone; paths only for pg_read_all_settings';

COMMENT ON FUNCTION caas_profile(uuid) IS
'Returns what a UUID selects in the active generation: digest algorithm and length of the salt in bytes, never the key or the salt. Needs no API key. Errors: 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_keyring() IS
'Returns the generations of the keyring, highest number first: state, creation time, check value and pools, never the secret. Needs no API key. Errors: 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_encrypt_trigger() IS
'BEFORE INSERT OR UPDATE row trigger that replaces values by their digests before a row is stored. Arguments: the uuid column, then one or more columns to protect, each ''column'' (replaced in place) or ''source=target'' (target gets the digest, source becomes NULL). Only the creator of the trigger needs EXECUTE. Errors: 28000 no accepted API key, 22004 value without a uuid, 27000 the uuid changed but the digest did not, 22001 varchar(n) too short for a digest, 22021 not UTF-8, 39P01, 42703 and 42804 wrong trigger, column or type, 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_seal_trigger() IS
'BEFORE INSERT OR UPDATE row trigger that seals values before a row is stored, and accepts in their columns only sealed values of the row''s user. Arguments: the uuid column, then one or more ''source=sealed'' or ''source=sealed:index'', each with ''@context'' at the end unless the default context schema.table.source is wanted. The bytea column gets the sealed value, the index column its blind index of 16 bytes, source becomes NULL. Only the creator of the trigger needs EXECUTE. Errors: 28000 no accepted API key, 22004 value without a uuid, 22P03, 39000 and 22023 a sealed value that does not open for this user and context, 22021 not UTF-8, 39P01, 42703 and 42804 wrong trigger, column or type, 55000 or F0000 no usable keyring';
