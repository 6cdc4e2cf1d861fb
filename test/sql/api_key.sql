-- The gate: a session shows its API key by SET, and loses it as any setting; the key itself is never shown.
\set call 'caas_verify(''4dbcbcfe-4800-40a8-badf-c26b73af230c'', ''x'', ''y'')'
SELECT :call;
SET caas.api_key = 'wrong';
SELECT :call;
SET caas.api_key = 'Regress key, no secret';
SELECT :call;
SET caas.api_key = 'regress key, no secret';
SELECT :call;

-- masked everywhere
SHOW caas.api_key;
SELECT current_setting('caas.api_key');
SELECT setting, reset_val, boot_val, context, source FROM pg_settings WHERE name = 'caas.api_key';
SELECT set_config('caas.api_key', 'regress key, no secret', false);
RESET caas.api_key;
SHOW caas.api_key;

-- as any setting: SET LOCAL, set_config(.., true), savepoints, rollback, RESET, DISCARD
\set VERBOSITY sqlstate
BEGIN;
SET LOCAL caas.api_key = 'regress key, no secret';
SELECT :call;
COMMIT;
SELECT :call;
BEGIN;
SELECT set_config('caas.api_key', 'regress key, no secret', true);
SELECT :call;
SAVEPOINT s;
SET LOCAL caas.api_key = 'wrong';
SELECT :call;
ROLLBACK TO s;
SELECT :call;
ROLLBACK;
SELECT :call;
BEGIN;
SET caas.api_key = 'regress key, no secret';
ROLLBACK;
SELECT :call;
SET caas.api_key = 'regress key, no secret';
SELECT :call;
RESET caas.api_key;
SELECT :call;
SET caas.api_key = 'regress key, no secret';
DISCARD ALL;
SELECT :call;
SET caas.api_key = '';
SELECT :call;

-- a folded constant does not outlive the key in a prepared statement or in a function's plan
SET caas.api_key = 'regress key, no secret';
SET plan_cache_mode = force_generic_plan;
PREPARE folded AS SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NOT NULL AS digest;
EXECUTE folded;
CREATE FUNCTION folded() RETURNS boolean LANGUAGE plpgsql AS
$$BEGIN RETURN caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NOT NULL; END$$;
SELECT folded();
RESET caas.api_key;
EXECUTE folded;
SELECT folded();
SET caas.api_key = 'regress key, no secret';
EXECUTE folded;
SELECT folded();
RESET caas.api_key;
RESET plan_cache_mode;
DROP FUNCTION folded;

-- it cannot be stored where others read it
CREATE ROLE caas_regress_stored;
ALTER ROLE caas_regress_stored SET caas.api_key = 'regress key, no secret';
ALTER DATABASE :"DBNAME" SET caas.api_key = 'regress key, no secret';
ALTER SYSTEM SET caas.api_key = 'regress key, no secret';
CREATE FUNCTION stored() RETURNS integer LANGUAGE sql SET caas.api_key = 'regress key, no secret' AS 'SELECT 1';
SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text ~ 'caas.api_key';
ALTER ROLE caas_regress_stored SET caas.api_key = '';
\set VERBOSITY default
ALTER ROLE caas_regress_stored SET caas.api_key = 'regress key, no secret';
DROP ROLE caas_regress_stored;
