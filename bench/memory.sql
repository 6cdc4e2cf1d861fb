-- In a fresh backend: private memory after 1000 calls.
SELECT bench.private_kb() AS warm \gset
SELECT count(:call) AS calls FROM (SELECT id, email FROM bench.users LIMIT 1000) AS few \gset
SELECT bench.private_kb() AS kilobytes \gset
INSERT INTO bench.sample VALUES (:round, 'kB ' || :'name', :kilobytes);
