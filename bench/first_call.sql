-- In a fresh backend: the first call, and the whole first statement from its arrival at the server.
SELECT 1e3 * extract(epoch FROM after_call - before_call) AS call,
       1e3 * extract(epoch FROM after_call - statement_timestamp()) AS statement, length(digest) AS digits
FROM (SELECT clock_timestamp() AS before_call, caas_encrypt(id, email) AS digest, clock_timestamp() AS after_call
      FROM bench.users LIMIT 1) AS first_call \gset
INSERT INTO bench.sample VALUES (:round, 'ms first call', :call), (:round, 'ms first statement', :statement);
