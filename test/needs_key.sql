\set ECHO none
-- Each regression test begins with this file. It ends the test with one sentence where the server has no keyring or the
-- session no API key, and sets :active to the number of the active generation, :unused to a number that no generation has.
\set ON_ERROR_STOP on
DO $$
DECLARE
    problem text := (SELECT coalesce(keyring_problem, api_key_problem) FROM caas_status());
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'this test needs a keyring and an accepted API key, but %', problem
            USING HINT = 'Set up the server as README.md says, and run: PGOPTIONS="-c caas.api_key=..." make installcheck';
    END IF;
END$$;
SELECT active_generation AS active,
       (SELECT max(n) FROM generate_series(1, 65535) AS n WHERE n NOT IN (SELECT generation FROM caas_keyring())) AS unused
FROM caas_status() \gset
\set ON_ERROR_STOP off
\set ECHO all
