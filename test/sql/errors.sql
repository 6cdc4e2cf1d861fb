-- Errors of the functions: SQLSTATE, message, hint; no statement, no value.
SET caas.api_key = 'regress key, no secret';
\set ada '''4dbcbcfe-4800-40a8-badf-c26b73af230c'''
SELECT caas_encrypt(:ada, 'x', 3);
SELECT caas_encrypt(:ada, 'x'::bytea, 3);
\set VERBOSITY sqlstate
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (0)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (-1)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (65536)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (65537)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (-2147483648)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x', generation) FROM (VALUES (2147483647)) AS wrong (generation);
SELECT caas_encrypt(:ada, 'x'::bytea, 0);

-- the server's own: no such uuid, no such function
SELECT caas_encrypt('not a uuid', 'x');
SELECT caas_encrypt(:ada, 1);
SELECT caas_verify(:ada, 'x'::bytea, 'y'::text);

-- an error leaves nothing behind: the transaction can go on after a savepoint, and the next call is right
BEGIN;
SAVEPOINT s;
SELECT caas_encrypt(:ada, 'x', 3);
ROLLBACK TO s;
SELECT caas_verified_by(:ada, 'x', caas_encrypt(:ada, 'x', 1));
COMMIT;
SELECT caas_encrypt(:ada, 'x', 3);
SELECT caas_verified_by(:ada, 'x', caas_encrypt(:ada, 'x'));

-- in PL/pgSQL, by condition name
\set VERBOSITY terse
DO $$
BEGIN
    PERFORM caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', 3);
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
