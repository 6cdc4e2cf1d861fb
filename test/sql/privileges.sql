-- Privileges. Everybody may execute caas_version, caas_status, and the functions that read the head of a sealed value: an index over
-- them needs EXECUTE of every writer.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
CREATE ROLE caas_regress_nobody;
CREATE ROLE caas_regress_app;
CREATE ROLE caas_regress_auditor;
SELECT objid::regprocedure AS function, has_function_privilege('caas_regress_nobody', objid, 'EXECUTE') AS everybody_may
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND classid = 'pg_proc'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'caas')
ORDER BY objid::regprocedure::text COLLATE "C";
GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text), caas_verify(uuid, text, text) TO caas_regress_app;
GRANT EXECUTE ON FUNCTION caas_profile(uuid), caas_keyring() TO caas_regress_auditor;

-- A call needs both EXECUTE and the API key.
\set VERBOSITY sqlstate
RESET caas.api_key;
SET ROLE caas_regress_nobody;
SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
SELECT caas_verified_by('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', 'y');
SELECT * FROM caas_keyring();
SELECT * FROM caas_profile('4dbcbcfe-4800-40a8-badf-c26b73af230c');
SELECT caas_version() IS NOT NULL AS version, keyring_loaded, api_key_accepted FROM caas_status();
SET ROLE caas_regress_app;
SELECT caas_verify('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x'));
SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x'::bytea);
SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', 1);
SET caas.api_key = '';
SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
-- Sealing, opening and searching are separate privileges.
RESET caas.api_key;
RESET ROLE;
SELECT caas_seal('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') AS sealed \gset
GRANT EXECUTE ON FUNCTION caas_seal(uuid, text, text), caas_blind_index(text, text, integer) TO caas_regress_app;
SET ROLE caas_regress_app;
SELECT caas_generation(caas_seal('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x')) = :active AS generation, octet_length(caas_blind_index('x', 'c'));
SELECT caas_seal('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x'::bytea);
SELECT caas_open('4dbcbcfe-4800-40a8-badf-c26b73af230c', :'sealed');
SELECT caas_reseal('4dbcbcfe-4800-40a8-badf-c26b73af230c', :'sealed');
SELECT caas_blind_candidates('x', 'c');
SET ROLE caas_regress_nobody;
SELECT caas_seal('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
SELECT caas_open('4dbcbcfe-4800-40a8-badf-c26b73af230c', :'sealed');
SELECT caas_open_bytea('4dbcbcfe-4800-40a8-badf-c26b73af230c', :'sealed');
SELECT caas_try_open('4dbcbcfe-4800-40a8-badf-c26b73af230c', :'sealed');
SELECT caas_try_open_bytea('4dbcbcfe-4800-40a8-badf-c26b73af230c', :'sealed');
SELECT caas_blind_index('x', 'c');
SELECT caas_blind_index('x'::bytea, 'c');
SELECT caas_hash_password('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
SELECT caas_verify_password('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', 'y');
SELECT caas_password_outdated('y');
SET caas.api_key = '';
SELECT caas_generation(:'sealed') = :active AS generation, format, data_length FROM caas_sealed_info(:'sealed');

-- caas_keyring and caas_profile need no API key.
SET ROLE caas_regress_auditor;
SELECT count(*) > 0 AS generations FROM caas_keyring();
SELECT generation = :active AS active FROM caas_profile('4dbcbcfe-4800-40a8-badf-c26b73af230c');

-- Settings of the configuration file are not shown to others, and nobody changes them in a session or for a role.
SHOW caas.keyring_file;
SHOW caas.api_key_digests;
SELECT count(*) FROM pg_settings WHERE name IN ('caas.keyring_file', 'caas.api_key_digests');
SHOW caas.require_api_key;
SHOW caas.exempt_workers;
SET caas.require_api_key = off;
RESET ROLE;
SET caas.keyring_file = '/elsewhere';
SET caas.api_key_digests = '';
SET caas.require_api_key = off;
SET caas.exempt_workers = on;
ALTER DATABASE :"DBNAME" SET caas.require_api_key = off;
ALTER ROLE caas_regress_app SET caas.exempt_workers = on;
GRANT pg_read_all_settings TO caas_regress_auditor;
SET ROLE caas_regress_auditor;
SELECT count(*) FROM pg_settings WHERE name IN ('caas.keyring_file', 'caas.api_key_digests');
RESET ROLE;

-- A generated column needs EXECUTE of every writer. Functions in a view are checked against the reader of the view.
RESET caas.api_key;
CREATE TABLE owned (id uuid, value text, digest text GENERATED ALWAYS AS (caas_encrypt(id, value)) STORED);
CREATE VIEW digests AS SELECT caas_encrypt(id, value) AS digest FROM owned;
GRANT SELECT, INSERT ON owned, digests TO caas_regress_nobody, caas_regress_app;
SET ROLE caas_regress_nobody;
INSERT INTO owned VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
SET ROLE caas_regress_app;
INSERT INTO owned VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
SELECT caas_verify(id, value, digest) FROM owned;
SELECT count(digest) FROM digests;
SET ROLE caas_regress_nobody;
SELECT count(digest) FROM digests;
RESET ROLE;
DROP VIEW digests;
DROP TABLE owned;
DROP OWNED BY caas_regress_app, caas_regress_auditor;
DROP ROLE caas_regress_nobody, caas_regress_app, caas_regress_auditor;
