\echo Use "ALTER EXTENSION caas UPDATE TO '0.5.0'" to load this file. \quit
