# A worker's error, raised again by its leader, reaches the log without the statement that holds plaintext.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $marker = 'plaintext of Ada';

for my $preload ('none', 'session', 'shared')
{
	my $node = caas_node("errors_$preload", preload => $preload);
	force_parallel($node);
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION caas;
		CREATE TABLE users AS SELECT md5(n::text)::uuid AS id, 'stored digest' AS digest FROM generate_series(1, 5000) n;
		ANALYZE users});

	# 28000 by the gate, 22023 by the core; one worker's error ends the other worker, which logs that.
	my %refusals = (
		'' => ["caas_verify(id, '$marker', digest)", qr/no accepted API key/],
		with_key() => ["caas_encrypt(id, '$marker', 77) = digest", qr/the keyring has no such generation/]);
	for my $options (sort keys %refusals)
	{
		my ($condition, $message) = @{ $refusals{$options} };
		local $ENV{PGOPTIONS} = $options;
		my ($code, $out, $error) = $node->psql('postgres', "SELECT count(*) FROM users WHERE $condition");
		is($code, 3, "$preload: refused");
		like($error, qr/$message.*^CONTEXT:  parallel worker/ms, "$preload: the worker's error reaches the client");
	}

	# What is not of caas is logged as ever.
	my ($code, $out, $error) = $node->psql('postgres', 'SELECT count(*) FROM users WHERE 1 / (length(digest) - 13) = 1');
	like($error, qr/division by zero/, "$preload: another error in a worker");
	$node->stop;
	my $log = slurp_file($node->logfile);
	like($log, qr/no accepted API key.*the keyring has no such generation/s, "$preload: both errors are in the log");
	unlike($log, qr/$marker/, "$preload: the plaintext is not");
	like($log, qr/STATEMENT:.*1 \/ \(length/, "$preload: the statement of another error is");
}

done_testing();
