\echo Use "ALTER EXTENSION caas UPDATE TO '0.3.0'" to load this file. \quit

-- The SQL of 0.3.0 is that of 0.2.0: what is new is the HTTP service of the program. An update leaves the comment as it was.

COMMENT ON EXTENSION caas IS
'per-user digests, sealed values, blind indexes and password hashes, keyed from outside the database';
