-- WAL of a rotation, with the whole pages that come after a checkpoint; and of logins that renew a digest each, in random order.
SET client_min_messages = warning;
VACUUM (FREEZE, ANALYZE) bench.sealed;
VACUUM (FREEZE, ANALYZE) bench.digests;
CHECKPOINT;
SELECT pg_current_wal_insert_lsn() AS wal \gset
CALL caas_rotate('bench.sealed');
INSERT INTO bench.size (what, figure)
    SELECT 'WAL of caas_rotate, a row', round(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'wal') / :rows, 1) || ' bytes';
SELECT bench.note_bytes('table of sealed values after caas_rotate', 'bench.sealed', :rows) \g /dev/null

CREATE TABLE bench.login AS SELECT id, email FROM bench.plain ORDER BY random() LIMIT 2000;
CHECKPOINT;
SELECT pg_current_wal_insert_lsn() AS wal \gset
DO $$
DECLARE
    person record;
BEGIN
    FOR person IN SELECT id, email FROM bench.login LOOP
        UPDATE bench.digests SET email = person.email WHERE id = person.id;
        COMMIT;
    END LOOP;
END $$;
INSERT INTO bench.size (what, figure)
    SELECT 'WAL of a login that renews a digest, of a page not written since the checkpoint', round(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'wal') / 2000, 1) || ' bytes';
SELECT pg_current_wal_insert_lsn() AS wal \gset
DO $$
DECLARE
    person record;
BEGIN
    FOR person IN SELECT id, email FROM bench.login LOOP
        UPDATE bench.digests SET email = person.email WHERE id = person.id;
        COMMIT;
    END LOOP;
END $$;
INSERT INTO bench.size (what, figure)
    SELECT 'WAL of a login that renews a digest, of a page written since', round(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), :'wal') / 2000, 1) || ' bytes';
