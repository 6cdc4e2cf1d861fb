-- The API key of a session: it counts until the session loses it, as any setting, and is never shown. The client shows an accepted
-- key in its connection options, so RESET returns to it.
\i test/needs_key.sql
\set call 'caas_verify(''4dbcbcfe-4800-40a8-badf-c26b73af230c'', ''x'', ''y'')'
SELECT :call;
SET caas.api_key = 'wrong';
SELECT :call;
SET caas.api_key = '';
SELECT :call;
RESET caas.api_key;
SELECT :call;

-- The value is masked everywhere.
SHOW caas.api_key;
SELECT current_setting('caas.api_key');
SELECT setting, reset_val, boot_val, context FROM pg_settings WHERE name = 'caas.api_key';
SELECT set_config('caas.api_key', 'wrong', false);
SHOW caas.api_key;
SET caas.api_key = '';
SHOW caas.api_key;
RESET caas.api_key;

-- It behaves as any setting: SET LOCAL, set_config(.., true), savepoints, rollback, RESET, DISCARD.
\set VERBOSITY sqlstate
BEGIN;
SET LOCAL caas.api_key = 'wrong';
SELECT :call;
COMMIT;
SELECT :call;
BEGIN;
SELECT set_config('caas.api_key', 'wrong', true);
SELECT :call;
ROLLBACK;
SELECT :call;
BEGIN;
SAVEPOINT s;
SET LOCAL caas.api_key = '';
SELECT :call;
ROLLBACK TO s;
SELECT :call;
SET caas.api_key = 'wrong';
ROLLBACK;
SELECT :call;
SET caas.api_key = 'wrong';
SELECT :call;
RESET caas.api_key;
SELECT :call;
SET caas.api_key = 'wrong';
DISCARD ALL;
SELECT :call;

-- A folded constant does not outlive the key in a prepared statement or in a function's plan.
SET plan_cache_mode = force_generic_plan;
PREPARE folded AS SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NOT NULL AS digest;
EXECUTE folded;
CREATE FUNCTION folded() RETURNS boolean LANGUAGE plpgsql AS
$$BEGIN RETURN caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NOT NULL; END$$;
SELECT folded();
SET caas.api_key = '';
EXECUTE folded;
SELECT folded();
RESET caas.api_key;
EXECUTE folded;
SELECT folded();
RESET plan_cache_mode;
DROP FUNCTION folded;

-- It cannot be stored where others can read it.
CREATE ROLE caas_regress_stored;
ALTER ROLE caas_regress_stored SET caas.api_key = 'any key';
ALTER DATABASE :"DBNAME" SET caas.api_key = 'any key';
ALTER SYSTEM SET caas.api_key = 'any key';
CREATE FUNCTION stored() RETURNS integer LANGUAGE sql SET caas.api_key = 'any key' AS 'SELECT 1';
SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text ~ 'caas.api_key';
ALTER ROLE caas_regress_stored SET caas.api_key = '';
\set VERBOSITY default
ALTER ROLE caas_regress_stored SET caas.api_key = 'any key';
DROP ROLE caas_regress_stored;
