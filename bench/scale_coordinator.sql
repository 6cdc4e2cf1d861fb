-- The two ways from the coordinator of bench/scale.sh to its nodes: foreign tables that are partitions, over views of the nodes, which postgres_fdw
-- asks at the same time; and functions of PL/Proxy, where it is. one: a node has all rows; two: two nodes have a half each. The services of libpq,
-- node1 and node2, have the API key, which no catalog holds.
CREATE EXTENSION caas;
CREATE EXTENSION postgres_fdw;
CREATE SCHEMA bench;
SET search_path = bench, public;

CREATE SERVER node1 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (service 'node1', async_capable 'true');
CREATE SERVER node2 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (service 'node2', async_capable 'true');
CREATE USER MAPPING FOR CURRENT_USER SERVER node1;
CREATE USER MAPPING FOR CURRENT_USER SERVER node2;

DO $$
DECLARE
    work text;
    node int;
    name text;
BEGIN
    FOREACH work IN ARRAY '{verify,reseal,plain}'::text[] LOOP
        EXECUTE format('CREATE FOREIGN TABLE bench.%1$s_one (n bigint) SERVER node1 OPTIONS (table_name ''%1$s_whole'')', work);
        FOREACH name IN ARRAY '{half,few}'::text[] LOOP
            EXECUTE format('CREATE TABLE bench.%s_%s (n bigint)', work, name);
            FOR node IN 1 .. 2 LOOP
                EXECUTE format('CREATE FOREIGN TABLE bench.%1$s_%2$s_%3$s () INHERITS (bench.%1$s_%2$s) SERVER node%3$s OPTIONS (table_name ''%1$s_%2$s'')',
                    work, name, node);
            END LOOP;
        END LOOP;
    END LOOP;
END $$;

\if :plproxy
CREATE EXTENSION plproxy;
CREATE SERVER one FOREIGN DATA WRAPPER plproxy OPTIONS (p0 'service=node1');
CREATE SERVER two FOREIGN DATA WRAPPER plproxy OPTIONS (p0 'service=node1', p1 'service=node2');
CREATE USER MAPPING FOR CURRENT_USER SERVER one;
CREATE USER MAPPING FOR CURRENT_USER SERVER two;
CREATE FUNCTION verify_on_one(name text) RETURNS SETOF bigint LANGUAGE plproxy AS $$CLUSTER 'one'; RUN ON ALL; TARGET bench.verify;$$;
CREATE FUNCTION verify_on_two(name text) RETURNS SETOF bigint LANGUAGE plproxy AS $$CLUSTER 'two'; RUN ON ALL; TARGET bench.verify;$$;
CREATE FUNCTION reseal_on_one(name text) RETURNS SETOF bigint LANGUAGE plproxy AS $$CLUSTER 'one'; RUN ON ALL; TARGET bench.reseal;$$;
CREATE FUNCTION reseal_on_two(name text) RETURNS SETOF bigint LANGUAGE plproxy AS $$CLUSTER 'two'; RUN ON ALL; TARGET bench.reseal;$$;
\endif
