-- Properties of each function that the planner uses, and comments.
\i test/needs_key.sql
SET client_min_messages = error; -- these tables have no guards, of which CREATE TRIGGER would warn
SELECT objid::regprocedure AS function, provolatile AS volatile, proparallel AS parallel, proisstrict AS strict, procost AS cost,
       lanname AS language, proleakproof AS leakproof, prosecdef AS definer
FROM pg_depend JOIN pg_proc ON pg_proc.oid = objid JOIN pg_language ON pg_language.oid = prolang
WHERE refclassid = 'pg_extension'::regclass AND classid = 'pg_proc'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'caas')
ORDER BY objid::regprocedure::text COLLATE "C";
SELECT objid::regprocedure AS without_comment
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND classid = 'pg_proc'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'caas')
  AND coalesce(obj_description(objid, 'pg_proc'), '') = '';

-- The extension holds functions, domains and an event trigger, and can be moved to another schema.
SELECT DISTINCT classid::regclass AS kinds FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'caas') ORDER BY 1;
SELECT extrelocatable AS relocatable FROM pg_extension WHERE extname = 'caas';
CREATE SCHEMA caas_elsewhere;
ALTER EXTENSION caas SET SCHEMA caas_elsewhere;
RESET caas.api_key;
SELECT caas_elsewhere.caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NOT NULL AS moved;
SET search_path = '';
SELECT caas_elsewhere.caas_verify('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', 'y') AS empty_path;
RESET search_path;
ALTER EXTENSION caas SET SCHEMA public;
DROP SCHEMA caas_elsewhere;

-- A call with constants is folded by the planner, so it is computed once.
EXPLAIN (COSTS OFF) SELECT caas_verify(i::text::uuid, 'x', 'y') FROM generate_series(1, 2) AS i WHERE caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x') IS NOT NULL;
EXPLAIN (COSTS OFF) SELECT i FROM generate_series(1, 2) AS i WHERE caas_verify('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x', i::text);
