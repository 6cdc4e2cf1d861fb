\echo Use "ALTER EXTENSION caas UPDATE TO '0.4.0'" to load this file. \quit

-- ALTER EXTENSION UPDATE keeps the comment that an older caas.control set.
COMMENT ON EXTENSION caas IS
'per-user digests, sealed values, blind indexes and password hashes, keyed from outside the database';

-- The nonce is derived from the old value, so equal arguments give equal results under one keyring.
ALTER FUNCTION caas_reseal(uuid, bytea, text) STABLE;

COMMENT ON FUNCTION caas_reseal(uuid, bytea, text) IS
'Returns the sealed value unchanged when its generation has the number of the active one or a higher one; otherwise opens it and seals it again under the active generation, in one step. Equal arguments give equal results while the active generation is the same. Errors: those of caas_open';

CREATE FUNCTION caas_reseal(uuid, bytea, context text, generation integer) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_reseal' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 250;

COMMENT ON FUNCTION caas_reseal(uuid, bytea, text, integer) IS
'Returns the result of caas_reseal(uuid, bytea, text) when the given generation is the active one, else raises an error: for an UPDATE that several nodes run. Errors: those of caas_open, 22023 not the active generation';

CREATE FUNCTION caas_uuid(namespace text, id bigint) RETURNS uuid
    AS 'MODULE_PATHNAME', 'caas_sql_uuid_bigint' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

COMMENT ON FUNCTION caas_uuid(text, bigint) IS
'Returns the UUID of a user whose id is an integer: the same as of its decimal text. The namespace, such as ''users'', names the kind of id and has 1 to 1024 bytes. Uses no key and can be indexed. For everyone. Errors: 22023 namespace, 22021 not UTF-8';

CREATE FUNCTION caas_uuid(namespace text, id text) RETURNS uuid
    AS 'MODULE_PATHNAME', 'caas_sql_uuid_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

COMMENT ON FUNCTION caas_uuid(text, text) IS
'Returns the UUID of a user whose id is a text of 1 to 1024 bytes, taken byte for byte in UTF-8: name-based, version 5 of RFC 9562. Uses no key and can be indexed. For everyone. Errors: 22023 namespace or id, 22021 not UTF-8';

CREATE FUNCTION caas_blind_index(value text, context text, length integer, normalization text) RETURNS bytea
    AS 'MODULE_PATHNAME', 'caas_sql_blind_index_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;

COMMENT ON FUNCTION caas_blind_index(text, text, integer, text) IS
'Returns the keyed index of a normalised text, or NULL when nothing remains of the text. The normalization is ''casefold'' (names and e-mail addresses without case, variants of form and blanks at the ends), ''digits'' (telephone numbers: the decimal digits alone) or ''none''. Errors: those of caas_blind_index(text, text, integer), 22023 unknown normalization';

CREATE FUNCTION caas_blind_candidates(value text, context text, length integer, normalization text) RETURNS bytea[]
    AS 'MODULE_PATHNAME', 'caas_sql_blind_candidates_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 200;

COMMENT ON FUNCTION caas_blind_candidates(text, text, integer, text) IS
'Returns the blind index of a normalised text under every generation, newest first; an empty array when nothing remains of the text. Errors: those of caas_blind_index(text, text, integer, text)';

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

COMMENT ON FUNCTION caas_encrypt_trigger() IS
'BEFORE INSERT OR UPDATE row trigger that replaces values by their digests before a row is stored. Arguments: the id column, as ''id'' (a uuid) or ''id@namespace'' (an integer or text), then one or more columns to protect, each ''source=target'' (target gets the digest, source becomes NULL), ''source=target:generation'' (an integer column gets the generation) or ''column'' (replaced in place), with options behind a blank: keep, digests=keep, digests=plaintext. Only the creator of the trigger needs EXECUTE. Errors: 28000 no accepted API key, 22004 value without an id, 27000 the id changed but the digest did not, a value in place that has the shape of a digest, a value in the target that has not, or a use of EXCLUDED that would lose the value, 22001 varchar(n) too short for a digest, 22021 not UTF-8, 39P01, 42703 and 42804 wrong trigger, column or type, 55000 or F0000 no usable keyring';

COMMENT ON FUNCTION caas_seal_trigger() IS
'BEFORE INSERT OR UPDATE row trigger that seals values before a row is stored, and accepts in their columns only sealed values of the row''s user. Arguments: the id column, as ''id'' (a uuid) or ''id@namespace'' (an integer or text), then one or more ''source=sealed@context'' or ''source=sealed:index@context'', with options behind a blank: keep. The bytea column gets the sealed value, the index column its blind index of 16 bytes, source becomes NULL. Only the creator of the trigger needs EXECUTE. Errors: 28000 no accepted API key, 22004 value without an id, 22P03, 39000 and 22023 a sealed value that does not open for this user and context, 27000 a use of EXCLUDED that would lose the value, 22021 not UTF-8, 39P01, 42703 and 42804 wrong trigger, column or type, 55000 or F0000 no usable keyring';

CREATE FUNCTION caas_check_triggers() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'caas_sql_check_triggers' LANGUAGE C;

COMMENT ON FUNCTION caas_check_triggers() IS
'Checks the triggers of caas when they are created, and when their table is altered: refuses what cannot work, warns of a missing CHECK constraint and of a disabled trigger. Called by the event trigger caas_check_triggers. Errors: 39P01, 42703 and 42804 wrong trigger, column or type, 2BP01 a trigger names the column';

REVOKE ALL ON FUNCTION
    caas_reseal(uuid, bytea, text, integer),
    caas_blind_index(text, text, integer, text),
    caas_blind_candidates(text, text, integer, text),
    caas_check_triggers()
    FROM PUBLIC;

CREATE EVENT TRIGGER caas_check_triggers ON ddl_command_end WHEN TAG IN ('CREATE TRIGGER', 'ALTER TABLE', 'CREATE SCHEMA')
    EXECUTE FUNCTION caas_check_triggers();

COMMENT ON EVENT TRIGGER caas_check_triggers IS 'checks the triggers of caas that a command creates or affects';
