-- Errors of the functions have an SQLSTATE, a message and a hint, and show neither statement nor value.
\i test/needs_key.sql
\set ada '''4dbcbcfe-4800-40a8-badf-c26b73af230c'''
SELECT caas_encrypt(:ada, 'x', :unused);
SELECT caas_encrypt(:ada, 'x'::bytea, :unused);
\set VERBOSITY sqlstate
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (0)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (-1)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (65536)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (65537)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (-2147483648)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (2147483647)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x'::bytea, 0);

-- The server itself refuses a text that is no uuid, and types that no function takes.
SELECT caas_encrypt('not a uuid', 'x');
SELECT caas_encrypt(:ada, 1);
SELECT caas_verify(:ada, 'x'::bytea, 'y'::text);

-- An error has no effect on later calls: the transaction continues after a savepoint, and the next result is right.
BEGIN;
SAVEPOINT s;
SELECT caas_encrypt(:ada, 'x', :unused);
ROLLBACK TO s;
SELECT caas_verified_by(:ada, 'x', caas_encrypt(:ada, 'x', :active)) = :active AS active;
COMMIT;
SELECT caas_encrypt(:ada, 'x', :unused);
SELECT caas_verified_by(:ada, 'x', caas_encrypt(:ada, 'x')) = :active AS active;

-- PL/pgSQL catches the errors by the names of their conditions.
\set VERBOSITY terse
DO $$
BEGIN
    PERFORM caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', 65536);
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE NOTICE 'unknown generation';
END$$;
DO $$
DECLARE
    message text;
    hint text;
BEGIN
    PERFORM set_config('caas.api_key', 'wrong', true);
    PERFORM caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
EXCEPTION WHEN invalid_authorization_specification THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '%; %', message, hint;
END$$;
