# Autovacuum analyses a table with an expression index over caas only where caas.exempt_workers lets it in.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('autovacuum');
$node->append_conf('postgresql.conf', "autovacuum_naptime = 1s\ntrack_counts = on");
$node->start;
my $fill = 'SELECT md5(n::text)::uuid, n % 10, $$user$$ || n || $$@example.com$$ FROM generate_series(1, 200) n';
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', qq{
		CREATE EXTENSION caas;
		CREATE TABLE users (id uuid, n int, email text)
			WITH (autovacuum_analyze_threshold = 50, autovacuum_vacuum_threshold = 50, autovacuum_analyze_scale_factor = 0);
		CREATE TABLE bystander (LIKE users) WITH (autovacuum_analyze_threshold = 50, autovacuum_analyze_scale_factor = 0);
		CREATE INDEX users_digest ON users (caas_encrypt(id, email));
		CREATE STATISTICS users_extended ON n, caas_encrypt(id, email, 1) FROM users;
		INSERT INTO users $fill; INSERT INTO bystander $fill}
	);
}
my $index = q{SELECT count(*) FROM pg_stats WHERE tablename = 'users_digest'};
my $extended = q{SELECT count(*) FROM pg_stats_ext_exprs WHERE statistics_name = 'users_extended'};

sub wait_for
{
	my ($condition, $relation) = @_;
	$node->poll_query_until('postgres', "SELECT $condition FROM pg_stat_user_tables WHERE relname = '$relation'")
		or die "$relation: $condition does not come";
	return;
}

# Off: refused each time, with the hint and the table's name; other tables are not affected.
my $end = wait_for_log($node,
	qr/ERROR:  no accepted API key\n.*HINT:  Autovacuum .*caas\.exempt_workers = on lets them in.*\n.*CONTEXT:  automatic analyze of table "postgres\.public\.users"/
);
wait_for('autoanalyze_count > 0', 'bystander');
wait_for_log($node, qr/ERROR:  no accepted API key/, $end);
is($node->safe_psql('postgres', q{SELECT autoanalyze_count FROM pg_stat_user_tables WHERE relname = 'users'}),
	'0', 'off: the table is never analysed');
is($node->safe_psql('postgres', $index), '0', 'off: no statistics of the index');

# A vacuum computes nothing.
$node->safe_psql('postgres',
	'DELETE FROM users WHERE n = 1; DELETE FROM users WHERE n = 2; DELETE FROM users WHERE n > 6');
wait_for('autovacuum_count > 0', 'users');
pass('off: autovacuum vacuums the table');

# The setting that the hint of the error names.
$node->append_conf('postgresql.conf', 'caas.exempt_workers = on');
$node->reload;
wait_for('autoanalyze_count > 0', 'users');
cmp_ok($node->safe_psql('postgres', $index), '>', 0, 'on: analysed, with statistics of the index');
is($node->safe_psql('postgres', $extended), '1', 'on: and of the expression');

# The exemption is for workers alone.
my ($code, $out, $error) = $node->psql('postgres', 'ANALYZE users');
like($error, qr/no accepted API key/, 'on: a client still needs the key');
unlike($error, qr/exempt_workers/, 'on: and is not told of workers');

$node->stop;
unlike(slurp_file($node->logfile), qr/user\d+\@example/, 'no plaintext in the log');

done_testing();
