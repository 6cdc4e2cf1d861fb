\echo Use "ALTER EXTENSION caas UPDATE TO '0.6.0'" to load this file. \quit

-- ALTER EXTENSION UPDATE keeps the comment that an older caas.control set.
COMMENT ON EXTENSION caas IS
'per-user digests, sealed values, blind indexes and password hashes, keyed from outside the database';
