\echo Use "CREATE EXTENSION caas" to load this file. \quit

-- ---- Digests: docs/spec.md, section 5 ----

CREATE FUNCTION caas_encrypt(uuid, text) RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_encrypt(uuid, text) IS
'Returns the keyed one-way digest of a text as lower-case hex. The user''s UUID selects the algorithm, the key and the salt in the active generation. Errors: 28000 no accepted API key, 22021 not UTF-8, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_encrypt(uuid, bytea) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_encrypt(uuid, bytea) IS
'Returns the keyed one-way digest of raw bytes as raw bytes. Errors: 28000 no accepted API key, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_encrypt(uuid, text, generation integer) RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_encrypt(uuid, text, integer) IS
'Returns the digest of caas_encrypt(uuid, text) under the given generation of the keyring instead of the active one. Errors: those of the two-argument form, 22023 unknown generation';

CREATE FUNCTION caas_encrypt(uuid, bytea, generation integer) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_encrypt(uuid, bytea, integer) IS
'Returns the digest of caas_encrypt(uuid, bytea) under the given generation of the keyring instead of the active one. Errors: those of the two-argument form, 22023 unknown generation';

CREATE FUNCTION caas_verify(uuid, text, text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_verify_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_verify(uuid, text, text) IS
'Returns true when the third argument, hex of either case, is the digest of the text for this user under any generation, else false. The active generation is tried first, then the retired ones, newest first. Errors: those of caas_encrypt';

CREATE FUNCTION caas_verify(uuid, bytea, bytea) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_verify_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_verify(uuid, bytea, bytea) IS
'Returns true when the third argument is the raw digest of the raw bytes for this user under any generation, else false. Errors: those of caas_encrypt';

CREATE FUNCTION caas_verified_by(uuid, text, text) RETURNS integer
    AS 'MODULE_PATHNAME', 'caas_sql_verified_by_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_verified_by(uuid, text, text) IS
'Returns the number of the generation under which caas_verify(uuid, text, text) is true, or NULL. A generation older than the active one means that the digest can be renewed now. Errors: those of caas_encrypt';

CREATE FUNCTION caas_verified_by(uuid, bytea, bytea) RETURNS integer
    AS 'MODULE_PATHNAME', 'caas_sql_verified_by_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_verified_by(uuid, bytea, bytea) IS
'Returns the number of the generation under which caas_verify(uuid, bytea, bytea) is true, or NULL. Errors: those of caas_encrypt';

REVOKE ALL ON FUNCTION
    caas_encrypt(uuid, text), caas_encrypt(uuid, bytea),
    caas_encrypt(uuid, text, integer), caas_encrypt(uuid, bytea, integer),
    caas_verify(uuid, text, text), caas_verify(uuid, bytea, bytea),
    caas_verified_by(uuid, text, text), caas_verified_by(uuid, bytea, bytea)
    FROM PUBLIC;

-- ---- Sealed values: docs/spec.md, section 6 ----

CREATE FUNCTION caas_seal(uuid, text, context text DEFAULT '') RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_seal_text' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_seal(uuid, text, text) IS
'Returns a text encrypted for this user and context under the active generation: 51 bytes longer than its UTF-8, and different at each call. The context, such as ''users.ssn'', has at most 1024 bytes. Errors: 28000 no accepted API key, 22021 not UTF-8, 22023 context too long, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_seal(uuid, bytea, context text DEFAULT '') RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_seal_bytea' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_seal(uuid, bytea, text) IS
'Returns raw bytes encrypted for this user and context under the active generation. Errors: those of caas_seal(uuid, text, text)';

CREATE FUNCTION caas_open(uuid, bytea, context text DEFAULT '') RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_open_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_open(uuid, bytea, text) IS
'Returns the text that caas_seal sealed for the same user and context, under the generation named in the sealed value. Errors: 22P03 not a sealed value, 22023 unknown generation, 39000 cannot open (wrong user or context, or changed), 22021 or 22P05 not a text of this database''s encoding, 42501 in a security-restricted operation (ANALYZE, REINDEX, a materialized view), and those of caas_seal';

CREATE FUNCTION caas_open_bytea(uuid, bytea, context text DEFAULT '') RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_open_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_open_bytea(uuid, bytea, text) IS
'Returns the raw bytes that caas_seal sealed for the same user and context. Errors: those of caas_open';

CREATE FUNCTION caas_try_open(uuid, bytea, context text DEFAULT '') RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_try_open_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_try_open(uuid, bytea, text) IS
'Returns the result of caas_open, or NULL when the value cannot be opened or is not a text. For reports over damaged data. Errors: 28000, 42501 in a security-restricted operation, 22023 context too long, 55000, F0000';

CREATE FUNCTION caas_try_open_bytea(uuid, bytea, context text DEFAULT '') RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_try_open_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_try_open_bytea(uuid, bytea, text) IS
'Returns the result of caas_open_bytea, or NULL when the value cannot be opened. Errors: 28000, 42501 in a security-restricted operation, 22023 context too long, 55000, F0000';

CREATE FUNCTION caas_reseal(uuid, bytea, context text DEFAULT '') RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_reseal' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 250;
COMMENT ON FUNCTION caas_reseal(uuid, bytea, text) IS
'Returns the sealed value unchanged when its generation has the number of the active one or a higher one; otherwise opens it and seals it again under the active generation, in one step. Equal arguments give equal results while the active generation is the same. Errors: those of caas_open';

CREATE FUNCTION caas_reseal(uuid, bytea, context text, generation integer) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_reseal' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 250;
COMMENT ON FUNCTION caas_reseal(uuid, bytea, text, integer) IS
'Returns the result of caas_reseal(uuid, bytea, text) when the given generation is the active one, else raises an error: for an UPDATE that several nodes run. Errors: those of caas_open, 22023 not the active generation';

CREATE FUNCTION caas_generation(bytea) RETURNS integer
    AS 'MODULE_PATHNAME', 'caas_sql_generation' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION caas_generation(bytea) IS
'Returns the number of the generation under which a value was sealed. Uses no key and can be indexed. For everyone. Errors: 22P03 not a sealed value';

CREATE FUNCTION caas_sealed_info(bytea, OUT format integer, OUT generation integer, OUT data_length integer)
    AS 'MODULE_PATHNAME', 'caas_sql_sealed_info' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION caas_sealed_info(bytea) IS
'Returns the public fields of a sealed value: format, generation, and length of the plaintext in bytes. Uses no key. For everyone. Errors: 22P03 not a sealed value';

REVOKE ALL ON FUNCTION
    caas_seal(uuid, text, text), caas_seal(uuid, bytea, text),
    caas_open(uuid, bytea, text), caas_open_bytea(uuid, bytea, text),
    caas_try_open(uuid, bytea, text), caas_try_open_bytea(uuid, bytea, text),
    caas_reseal(uuid, bytea, text), caas_reseal(uuid, bytea, text, integer)
    FROM PUBLIC;

-- ---- Users whose ids are not UUIDs: docs/spec.md, section 12 ----

CREATE FUNCTION caas_uuid(namespace text, id bigint) RETURNS uuid
    AS 'MODULE_PATHNAME', 'caas_sql_uuid_bigint' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION caas_uuid(text, bigint) IS
'Returns the UUID of a user whose id is an integer: the same as of its decimal text. The namespace, such as ''users'', names the kind of id and has 1 to 1024 bytes. Uses no key and can be indexed. For everyone. Errors: 22023 namespace, 22021 not UTF-8';

CREATE FUNCTION caas_uuid(namespace text, id text) RETURNS uuid
    AS 'MODULE_PATHNAME', 'caas_sql_uuid_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION caas_uuid(text, text) IS
'Returns the UUID of a user whose id is a text of 1 to 1024 bytes, taken byte for byte in UTF-8: name-based, version 5 of RFC 9562. Uses no key and can be indexed. For everyone. Errors: 22023 namespace or id, 22021 not UTF-8';

-- ---- Blind indexes: docs/spec.md, section 7 ----

CREATE FUNCTION caas_blind_index(value text, context text, length integer DEFAULT 16) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_blind_index_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION caas_blind_index(text, text, integer) IS
'Returns the keyed index of a text in a context under the active generation, 4 to 32 bytes long. Equal texts have equal indexes for all users: for search by equality and for UNIQUE (16 bytes or more). Errors: 28000 no accepted API key, 22021 not UTF-8, 22023 length or context, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_blind_index(value text, context text, length integer, normalization text) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_blind_index_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION caas_blind_index(text, text, integer, text) IS
'Returns the keyed index of a normalised text, or NULL when nothing remains of the text. The normalization is ''casefold'' (names and e-mail addresses without case, variants of form and blanks at the ends), ''digits'' (telephone numbers: the decimal digits alone) or ''none''. Errors: those of caas_blind_index(text, text, integer), 22023 unknown normalization';

CREATE FUNCTION caas_blind_index(value bytea, context text, length integer DEFAULT 16) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_blind_index_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION caas_blind_index(bytea, text, integer) IS
'Returns the keyed index of raw bytes in a context under the active generation. Errors: those of caas_blind_index(text, text, integer)';

CREATE FUNCTION caas_blind_candidates(value text, context text, length integer DEFAULT 16) RETURNS bytea[]
    AS 'MODULE_PATHNAME', 'caas_sql_blind_candidates_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_blind_candidates(text, text, integer) IS
'Returns the blind index of a text under each distinct index key of the keyring: that of the active generation first, then newest first. Generations share the key that rotations carry on. column = ANY (caas_blind_candidates(..)) finds the value before, during and after a rotation. Errors: those of caas_blind_index';

CREATE FUNCTION caas_blind_candidates(value text, context text, length integer, normalization text) RETURNS bytea[]
    AS 'MODULE_PATHNAME', 'caas_sql_blind_candidates_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_blind_candidates(text, text, integer, text) IS
'Returns the blind index of a normalised text under each distinct index key, the active one first; an empty array when nothing remains of the text. Errors: those of caas_blind_index(text, text, integer, text)';

CREATE FUNCTION caas_blind_candidates(value bytea, context text, length integer DEFAULT 16) RETURNS bytea[]
    AS 'MODULE_PATHNAME', 'caas_sql_blind_candidates_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION caas_blind_candidates(bytea, text, integer) IS
'Returns the blind index of raw bytes under each distinct index key, the active one first. Errors: those of caas_blind_index';

REVOKE ALL ON FUNCTION
    caas_blind_index(text, text, integer), caas_blind_index(bytea, text, integer),
    caas_blind_index(text, text, integer, text),
    caas_blind_candidates(text, text, integer), caas_blind_candidates(bytea, text, integer),
    caas_blind_candidates(text, text, integer, text)
    FROM PUBLIC;

-- ---- Passwords: docs/spec.md, section 8 ----

CREATE FUNCTION caas_hash_password(uuid, text) RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_hash_password' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000000;
COMMENT ON FUNCTION caas_hash_password(uuid, text) IS
'Returns a slow salted hash of a password, peppered for this user, as a PHC string. The settings caas.scrypt_*, caas.argon2_* and caas.pbkdf2_iterations set its cost. Waits while caas.max_password_hashes hashes are being computed. Errors: 28000 no accepted API key, 22021 not UTF-8, 22023 costs, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_verify_password(uuid, text, hash text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_verify_password' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10000000;
COMMENT ON FUNCTION caas_verify_password(uuid, text, text) IS
'Returns true when the hash is that of this password for this user, else false; also false for a text that is not such a hash. Errors: those of caas_hash_password, 22023 unknown generation, 42501 in a security-restricted operation';

CREATE FUNCTION caas_password_outdated(hash text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_password_outdated' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION caas_password_outdated(text) IS
'Returns true when a new hash would be of another generation, another algorithm or a higher cost, so that the password should be hashed again at the next login. True for a text that is not such a hash. Errors: 28000, 55000, F0000';

REVOKE ALL ON FUNCTION
    caas_hash_password(uuid, text), caas_verify_password(uuid, text, text), caas_password_outdated(text)
    FROM PUBLIC;

-- ---- Administration ----

CREATE FUNCTION caas_version() RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_version' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION caas_version() IS
'Returns the version of the caas library. The call loads the library into the session. For everyone';

CREATE FUNCTION caas_status(
    OUT extension_version text, OUT library_version text, OUT openssl_version text,
    OUT keyring_loaded boolean, OUT keyring_problem text, OUT active_generation integer, OUT check_value text,
    OUT api_key_accepted boolean, OUT secrets_locked boolean, OUT stored_api_keys text[],
    OUT api_key_problem text, OUT api_key_name text)
    AS 'MODULE_PATHNAME', 'caas_sql_status' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION caas_status() IS
'Returns the state of caas in this session, without raising an error: versions; the keyring, or why it cannot be used; the active generation and its check value (equal values mean equal results); whether the session''s API key is accepted, else why not, and its name in caas.api_key_digests, or the entry of caas.trusted_nodes that lets it in without one; whether secrets are in locked memory; where an API key is stored that others can read. For everyone; paths only for pg_read_all_settings';

CREATE FUNCTION caas_profile(uuid, OUT generation integer, OUT algorithm text, OUT salt_length integer)
    AS 'MODULE_PATHNAME', 'caas_sql_profile' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION caas_profile(uuid) IS
'Returns what a UUID selects in the active generation: digest algorithm and length of the salt in bytes, never the key or the salt. Needs no API key. Errors: 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_keyring(
    OUT generation integer, OUT state text, OUT created timestamptz, OUT check_value text,
    OUT digests text, OUT ciphers text, OUT passwords text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_keyring' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 4;
COMMENT ON FUNCTION caas_keyring() IS
'Returns the generations of the keyring, highest number first: state, creation time, check value and pools, never the secret. Needs no API key. Errors: 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION caas_profile(uuid), caas_keyring() FROM PUBLIC;

-- ---- Shapes ----

CREATE FUNCTION caas_is_digest(text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_is_digest_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION caas_is_digest(text) IS
'Returns true when the text has the shape of a digest: as many hexadecimal digits of either case as an algorithm of the library makes. Uses no key. For everyone, for CHECK constraints';

CREATE FUNCTION caas_is_digest(bytea) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_is_digest_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION caas_is_digest(bytea) IS
'Returns true when the value is as long as the digests of an algorithm of the library. Uses no key. For everyone, for CHECK constraints';

CREATE FUNCTION caas_is_sealed(bytea) RETURNS boolean
    AS 'MODULE_PATHNAME', 'caas_sql_is_sealed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION caas_is_sealed(bytea) IS
'Returns true when the value has the shape of a sealed value: a head of a known format and at least 51 bytes. Uses no key and does not tell whether it opens. For everyone, for CHECK constraints';

CREATE DOMAIN caas_digest AS text CHECK (caas_is_digest(VALUE));
COMMENT ON DOMAIN caas_digest IS
'a digest of caas_encrypt as hexadecimal text; refuses a value of another shape (23514). For columns that a program or the target of a trigger fills';

CREATE DOMAIN caas_sealed AS bytea CHECK (caas_is_sealed(VALUE));
COMMENT ON DOMAIN caas_sealed IS
'a sealed value of caas_seal; refuses a value of another shape (23514). For columns that a program or the target of a trigger fills';

-- ---- Triggers ----

CREATE FUNCTION caas_encrypt_trigger() RETURNS trigger
    AS 'MODULE_PATHNAME', 'caas_sql_encrypt_trigger' LANGUAGE C PARALLEL SAFE;
COMMENT ON FUNCTION caas_encrypt_trigger() IS
'BEFORE INSERT OR UPDATE row trigger that replaces values by their digests before a row is stored. Arguments: the id column, as ''id'' (a uuid) or ''id@namespace'' (an integer or text), then one or more columns to protect, each ''source=target'' (target gets the digest, source becomes NULL), ''source=target:generation'' (an integer column gets the generation) or ''column'' (replaced in place), with options behind a blank: keep, digests=keep, digests=plaintext. Only the creator of the trigger needs EXECUTE. Errors: 28000 no accepted API key, 22004 value without an id, 27000 the id changed but the digest did not, a value in place that has the shape of a digest, a value in the target that has not, or a use of EXCLUDED that would lose the value, 22001 varchar(n) too short for a digest, 22021 not UTF-8, 39P01, 42703 and 42804 wrong trigger, column or type, 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION caas_encrypt_trigger() FROM PUBLIC;

CREATE FUNCTION caas_seal_trigger() RETURNS trigger
    AS 'MODULE_PATHNAME', 'caas_sql_seal_trigger' LANGUAGE C PARALLEL SAFE;
COMMENT ON FUNCTION caas_seal_trigger() IS
'BEFORE INSERT OR UPDATE row trigger that seals values before a row is stored, and accepts in their columns only sealed values of the row''s user. Arguments: the id column, as ''id'' (a uuid) or ''id@namespace'' (an integer or text), then one or more ''source=sealed@context'' or ''source=sealed:index@context'', with options behind a blank: keep. The bytea column gets the sealed value, the index column its blind index of 16 bytes, source becomes NULL. Only the creator of the trigger needs EXECUTE. Errors: 28000 no accepted API key, 22004 value without an id, 22P03, 39000 and 22023 a sealed value that does not open for this user and context, 27000 a use of EXCLUDED that would lose the value, 22021 not UTF-8, 39P01, 42703 and 42804 wrong trigger, column or type, 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION caas_seal_trigger() FROM PUBLIC;

CREATE FUNCTION caas_check_triggers() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'caas_sql_check_triggers' LANGUAGE C;
COMMENT ON FUNCTION caas_check_triggers() IS
'Checks the triggers of caas when they are created, and when their table is altered: refuses what cannot work, warns of a missing CHECK constraint and of a disabled trigger. Called by the event trigger caas_check_triggers. Errors: 39P01, 42703 and 42804 wrong trigger, column or type, 2BP01 a trigger names the column';

REVOKE ALL ON FUNCTION caas_check_triggers() FROM PUBLIC;

CREATE EVENT TRIGGER caas_check_triggers ON ddl_command_end WHEN TAG IN ('CREATE TRIGGER', 'ALTER TABLE', 'CREATE SCHEMA')
    EXECUTE FUNCTION caas_check_triggers();
COMMENT ON EVENT TRIGGER caas_check_triggers IS 'checks the triggers of caas that a command creates or affects';

-- ---- Tables: declarations ----

CREATE FUNCTION caas_table_columns(table_oid oid,
    OUT relation regclass, OUT kind text, OUT in_place boolean, OUT id_column name, OUT id_namespace text, OUT source_column name,
    OUT target_column name, OUT companion_column name, OUT context text, OUT normalization text, OUT options text[],
    OUT declared_by text, OUT trigger_name name, OUT enabled boolean, OUT problem text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_table_columns' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000 ROWS 2;
COMMENT ON FUNCTION caas_table_columns(oid) IS
'Returns one row a protected value of one table, as the view caas_columns has them; none for a relation that does not exist or is a temporary table of another session. What cannot be read is shown as a problem, and so is a table that another session has locked, for which it does not wait. Reads the catalogs alone. For everyone';

CREATE VIEW caas_columns AS
    WITH RECURSIVE labelled(relation) AS (
        SELECT l.objoid FROM pg_catalog.pg_seclabel l
        WHERE l.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND l.provider = 'caas'
        UNION SELECT i.inhrelid FROM labelled JOIN pg_catalog.pg_inherits i ON i.inhparent = labelled.relation)
    SELECT declared.*
    FROM pg_catalog.pg_class c, caas_table_columns(c.oid) declared
    WHERE c.relkind IN ('r', 'p', 'f')
      AND (EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                   WHERE t.tgrelid = c.oid AND p.prosrc IN ('caas_sql_encrypt_trigger', 'caas_sql_seal_trigger'))
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 's')
        OR c.oid IN (SELECT labelled.relation FROM labelled));
COMMENT ON VIEW caas_columns IS
'one row a protected value of a table: its columns, context, normalisation and options, whether a trigger, a generated column or a security label declares it, and what is wrong with it. A label of a partitioned table or of an inheritance parent counts for the tables below it. Of a table that another session has locked there is one row with a problem alone';
GRANT SELECT ON caas_columns TO PUBLIC;

-- ---- Tables: jobs ----

-- UNLOGGED: a publication FOR ALL TABLES must not send the state of jobs to subscribers, and it is a hint alone.
CREATE UNLOGGED TABLE caas_jobs (
    job text, relation oid, part integer, parts integer, PRIMARY KEY (job, relation, part, parts),
    filenode oid NOT NULL, role oid NOT NULL,
    pass integer NOT NULL DEFAULT 1, next_block bigint NOT NULL DEFAULT 0,
    first_block bigint NOT NULL DEFAULT 0, last_block bigint NOT NULL DEFAULT 0,
    rows_done bigint NOT NULL DEFAULT 0, conflicts bigint NOT NULL DEFAULT 0, finished boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    resumed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), resumed_rows bigint NOT NULL, resumed_block bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
COMMENT ON TABLE caas_jobs IS
'how far the jobs of caas_backfill, caas_rotate and caas_cutover are: a row a job, table and part. A job that was interrupted goes on from here; without its row, as after a crash of the server, it begins anew and passes by what was done. The view caas_progress shows it';

CREATE UNLOGGED TABLE caas_job_conflicts (
    job text, relation oid, part integer, parts integer, id text, sqlstate text, constraint_name name,
    noted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
COMMENT ON TABLE caas_job_conflicts IS 'the rows that a job could not change; the view caas_conflicts shows them';
CREATE INDEX caas_job_conflicts_job ON caas_job_conflicts (relation, job, part, parts);

CREATE PROCEDURE caas_backfill(relation regclass, part integer DEFAULT 1, parts integer DEFAULT 1, batch_ms integer DEFAULT 50,
    pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME', 'caas_sql_backfill' LANGUAGE C;
COMMENT ON PROCEDURE caas_backfill(regclass, integer, integer, integer, integer, integer, bigint) IS
'Protects what the triggers of a table would protect and that was there before them: rows in batches of about batch_ms milliseconds, each committed, with pause_ms between them, and not while a standby is more than max_lag_bytes behind. part of parts: one of several sessions side by side, after which a call without parts does what they left. Goes on where an interrupted call was. Rows that cannot be changed are in caas_conflicts. Needs UPDATE and SELECT. Errors: 25001 in a transaction block, 28000 no accepted API key, 55000 nothing declared or a disabled trigger, 55006 the job runs already, 55P03 a lock was not to be had within lock_timeout_ms, 42501 row-level security, 0A000 a table that Citus distributes';

CREATE PROCEDURE caas_rotate(relation regclass, part integer DEFAULT 1, parts integer DEFAULT 1, batch_ms integer DEFAULT 50,
    pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME', 'caas_sql_rotate' LANGUAGE C;
COMMENT ON PROCEDURE caas_rotate(regclass, integer, integer, integer, integer, integer, bigint) IS
'Brings the sealed values of a table, their blind indexes, and generated columns to the active generation, in the same way as caas_backfill. Other digests stay: they need their plaintext. Errors: those of caas_backfill';

CREATE PROCEDURE caas_cutover(relation regclass, source name, part integer DEFAULT 1, parts integer DEFAULT 1, batch_ms integer DEFAULT 50,
    pause_ms integer DEFAULT 0, lock_timeout_ms integer DEFAULT 10000, max_lag_bytes bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME', 'caas_sql_cutover' LANGUAGE C;
COMMENT ON PROCEDURE caas_cutover(regclass, name, integer, integer, integer, integer, integer, bigint) IS
'Ends the option keep for a source column: creates its trigger without the option, protects every row and sets the source to null in the way of caas_backfill, and adds a CHECK constraint that keeps it null, in a call without parts. Needs the ownership of the table and EXECUTE on the trigger function. Errors: those of caas_backfill';

REVOKE ALL ON PROCEDURE
    caas_backfill(regclass, integer, integer, integer, integer, integer, bigint),
    caas_rotate(regclass, integer, integer, integer, integer, integer, bigint),
    caas_cutover(regclass, name, integer, integer, integer, integer, integer, bigint)
    FROM PUBLIC;

CREATE VIEW caas_progress AS
    SELECT j.job, j.relation::pg_catalog.regclass AS relation, j.part, j.parts,
        CASE WHEN l.pid IS NOT NULL THEN 'running' WHEN j.finished THEN 'done' ELSE 'interrupted' END AS state,
        j.pass, j.next_block - j.first_block AS blocks_done, j.last_block - j.first_block AS blocks,
        j.rows_done, (greatest(c.reltuples, 0) / j.parts)::bigint AS rows_estimated,
        (j.rows_done - j.resumed_rows) / nullif(s.seconds, 0) AS rows_per_second,
        CASE WHEN l.pid IS NOT NULL THEN
            (j.last_block - j.next_block) * s.seconds / nullif(j.next_block - greatest(j.resumed_block, j.first_block), 0) END AS seconds_left,
        j.conflicts, pg_catalog.pg_get_userbyid(j.role) AS role, l.pid, j.started_at, j.updated_at
    FROM caas_jobs j
    JOIN pg_catalog.pg_class c ON c.oid = j.relation
    CROSS JOIN LATERAL (SELECT extract(epoch FROM j.updated_at - j.resumed_at)::double precision AS seconds) s
    LEFT JOIN LATERAL (
        SELECT pid FROM pg_catalog.pg_locks
        WHERE locktype = 'object' AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AND classid = 'caas_jobs'::pg_catalog.regclass AND objid = j.relation AND granted
          AND objsubid = CASE j.job WHEN 'backfill' THEN 0 WHEN 'rotate' THEN 2048 ELSE 4096 END + j.part
        LIMIT 1) l ON NOT j.finished;
COMMENT ON VIEW caas_progress IS
'the jobs of caas_backfill, caas_rotate and caas_cutover, a row a table and part: running, interrupted or done, blocks of the present pass, rows changed, their rate, and seconds left of the pass. Empty after a crash of the server; not for standbys';

CREATE VIEW caas_conflicts WITH (security_barrier) AS
    SELECT c.job, c.relation::pg_catalog.regclass AS relation, c.id, c.sqlstate, c.constraint_name, c.noted_at
    FROM caas_job_conflicts c
    WHERE pg_catalog.has_table_privilege(c.relation, 'SELECT') AND NOT pg_catalog.row_security_active(c.relation);
COMMENT ON VIEW caas_conflicts IS
'the rows that jobs could not change: the id and the error, for readers of all rows of the table. They are tried again in the next call';
GRANT SELECT ON caas_progress, caas_conflicts TO PUBLIC;

-- ---- Tables: check ----

CREATE FUNCTION caas_check_sealed(id uuid, sealed bytea, context text, has_index boolean, index bytea, normalization text) RETURNS text
    AS 'MODULE_PATHNAME', 'caas_sql_check_sealed' LANGUAGE C STABLE PARALLEL SAFE COST 250;
COMMENT ON FUNCTION caas_check_sealed(uuid, bytea, text, boolean, bytea, text) IS
'Returns what is wrong with a sealed value, without its plaintext: ''right'', ''wrong shape'', ''unopenable'' (for this user and context), ''wrong index'' (that of no generation, when has_index is true), or NULL when there is no value. caas_check uses it. Errors: 28000 no accepted API key, 22023 unknown normalization, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_check(checked_table regclass, sample_percent double precision DEFAULT 100,
    OUT relation regclass, OUT column_name name, OUT kind text, OUT rows bigint, OUT nulls bigint, OUT plaintext bigint, OUT unprotected bigint,
    OUT protected bigint, OUT unopenable bigint, OUT wrong_index bigint, OUT wrong_shape bigint, OUT generations jsonb, OUT exact boolean,
    OUT bad_share_at_most double precision) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_check' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 10;
COMMENT ON FUNCTION caas_check(regclass, double precision) IS
'Counts the rows of a table, of its partitions and children, by what each protected column holds: no value, plaintext in the source, plaintext that nothing protects, protected values, values that do not open or verify, blind indexes and shapes that are wrong, and values a generation. A sample of less than 100 per cent gives counts of the sample, and the share of bad rows that the table has at most, with 95 per cent confidence. Queries the table as its caller; the expression of a generated column that calls functions of others is not computed for a role without the privileges of the owner, nor for a superuser unless the owner is one: then the generation is not known. Needs SELECT. Errors: 0A000 a foreign table or one that Citus distributes, 28000 no accepted API key, 42501 privileges or row-level security, 42P01 no such table, 55000 a declaration that cannot be used or no usable keyring';

CREATE FUNCTION caas_generations(OUT generation integer, OUT state text, OUT relation regclass, OUT column_name name, OUT kind text,
    OUT "values" bigint, OUT conclusive boolean, OUT remark text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_generations' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION caas_generations() IS
'Counts the values of this database a generation and declared column. The generation is NULL where the table does not tell it, and remark says why. A count is conclusive when no session is left that began its transaction or statement before the server was reloaded, and the keyring was not changed since: it could still store a value of the generation that was active then. Tables that cannot be counted (locked by another session, a foreign table, one that Citus distributes, no SELECT, row-level security, a declaration that cannot be used) have a row that says so, without a count. Reads rows without a query, so that no function of a table''s owner runs. Needs no key. Errors: 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION
    caas_check_sealed(uuid, bytea, text, boolean, bytea, text), caas_check(regclass, double precision), caas_generations()
    FROM PUBLIC;
-- ---- Tables: protect ----

CREATE FUNCTION caas_protect_plan(relation regclass, id text, VARIADIC columns text[])
    RETURNS TABLE (step integer, kind text, statement text, detail text)
    AS 'MODULE_PATHNAME', 'caas_sql_protect_plan' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_protect_plan(regclass, text, text[]) IS
'Returns what caas_protect would do with the same arguments, and changes nothing: rows of the kind finding, statement (what it runs) and by hand (what a function cannot run, or what comes later), in their order. Errors: those of caas_protect but 25006';

CREATE FUNCTION caas_protect(relation regclass, id text, VARIADIC columns text[])
    RETURNS TABLE (step integer, kind text, statement text, detail text)
    AS 'MODULE_PATHNAME', 'caas_sql_protect' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_protect(regclass, text, text[]) IS
'Brings protection to a table that exists, and returns the rows of caas_protect_plan. Arguments: the table, the id column as ''id'' (a uuid) or ''id@namespace'' (an integer or text), then for each value ''source=target[:companion][@context] [option ..]'' as in docs/triggers.md; one with a context is sealed, one without is digested. Adds the target columns that are missing, indexes of blind indexes and constraints where the table is empty, and the triggers. Needs no API key. For the owner of the table with EXECUTE on the trigger functions. Holds the lock of ALTER TABLE until the end of the transaction. Errors: 39P01, 42703, 42804, 42809 and 22023 what cannot work, 42501 not the owner, 25006 read-only, 0A000 a table that Citus distributes';

REVOKE ALL ON FUNCTION caas_protect_plan(regclass, text, text[]), caas_protect(regclass, text, text[]) FROM PUBLIC;

-- ---- Tables: unprotect ----

CREATE FUNCTION caas_unprotect_plan(relation regclass, VARIADIC sources name[])
    RETURNS TABLE (step integer, kind text, statement text, detail text)
    AS 'MODULE_PATHNAME', 'caas_sql_unprotect_plan' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_unprotect_plan(regclass, name[]) IS
'Returns what caas_unprotect would do with the same arguments, and changes nothing: rows of the kind finding, statement and by hand. Opens no value and needs no API key. Errors: 0A000, 39P01, 42704 and 42809 as caas_unprotect';

CREATE FUNCTION caas_unprotect(relation regclass, VARIADIC sources name[])
    RETURNS TABLE (step integer, kind text, statement text, detail text)
    AS 'MODULE_PATHNAME', 'caas_sql_unprotect' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 10;
COMMENT ON FUNCTION caas_unprotect(regclass, name[]) IS
'Takes the protection of columns back, all the way to plaintext, and returns the rows of caas_unprotect_plan. Arguments: the table and the columns that statements write plaintext into. Drops their constraints, takes them out of their triggers and stores the opened values; leaves the sealed values, whose columns and indexes are dropped by hand. Fails as a whole where a value does not open. Locks the table against readers and writers until the end of the transaction. For the owner of the table with EXECUTE on caas_open. Errors: 28000 no accepted API key, 39000, 22P03 and 22023 a value that does not open, 27000 a value would be lost, 0A000 a digest has no plaintext or Citus distributes the table, 42704 not protected, 42809 a partition or a child, 42501 not the owner, 25006 read-only, 55000 or F0000 no usable keyring';

REVOKE ALL ON FUNCTION caas_unprotect_plan(regclass, name[]), caas_unprotect(regclass, name[]) FROM PUBLIC;

-- ---- Tables: residue ----

CREATE FUNCTION caas_residue(relation regclass)
    RETURNS TABLE (step integer, object text, what text, command text)
    AS 'MODULE_PATHNAME', 'caas_sql_residue' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 10;
COMMENT ON FUNCTION caas_residue(regclass) IS
'Returns where plaintext of a protected table may still be: in its rows, dead rows and free space, materialized views, indexes, statistics, publications, replication slots, WAL, logs and backups, one row each with the command that removes it, in the order in which to run them. There is no row about what is not there. Changes nothing and needs no API key. May read the whole table, for which the caller needs SELECT; sees of other sessions what pg_monitor lets it see. Errors: 42809 not a table, 42501 no SELECT, 0A000 a table that Citus distributes';

REVOKE ALL ON FUNCTION caas_residue(regclass) FROM PUBLIC;

-- ---- Tables: privileges ----

CREATE FUNCTION caas_grant(role regrole, privilege text) RETURNS SETOF text
    AS 'MODULE_PATHNAME', 'caas_sql_grant' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_grant(regrole, text) IS
'Grants a role EXECUTE on the functions of caas that a privilege stands for, and returns the statements that ran. The privileges: ''write'' (caas_encrypt, caas_seal, caas_blind_index, caas_hash_password; triggers need no EXECUTE), ''verify'' (caas_verify, caas_verified_by, caas_blind_candidates, caas_verify_password, caas_password_outdated), ''read'' (verify, and caas_open and its other forms), ''administer'' (protecting, moving and checking tables, and the trigger functions). The role gets no grant option. For the owner of the extension''s functions. Errors: 22023 no such privilege, 42501 not the owner, 42704 no such role, 25006 read-only';

CREATE FUNCTION caas_revoke(role regrole, privilege text) RETURNS SETOF text
    AS 'MODULE_PATHNAME', 'caas_sql_revoke' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_revoke(regrole, text) IS
'Revokes from a role EXECUTE on the functions that caas_grant grants with the same privilege, and returns the statements that ran; ''read'' takes verify along. What PUBLIC or another role of its has stays. For the owner of the extension''s functions. Errors: those of caas_grant';

REVOKE ALL ON FUNCTION caas_grant(regrole, text), caas_revoke(regrole, text) FROM PUBLIC;
-- ---- Tables: doctor ----

CREATE FUNCTION caas_doctor(OUT severity text, OUT object text, OUT finding text, OUT remedy text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'caas_sql_doctor' LANGUAGE C STRICT COST 10000 ROWS 10;
COMMENT ON FUNCTION caas_doctor() IS
'Returns what is wrong in this installation and this database, one row a finding, errors first: severity (error, warning or note), what it is about, one sentence, and the statement or command that puts it right. No row: nothing was found. Changes nothing, shows no value, needs no API key, and works on a standby. What the caller may not read is a note. For superusers and roles with EXECUTE. Errors: none of its own';

REVOKE ALL ON FUNCTION caas_doctor() FROM PUBLIC;
