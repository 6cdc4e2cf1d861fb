# A session without an accepted API key gets nothing; with one, the digest.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $user = '4dbcbcfe-4800-40a8-badf-c26b73af230c';

for my $preload ('none', 'session', 'shared')
{
	my $node = caas_node("gate_$preload", preload => $preload);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION caas');

	for my $set ('', "SET caas.api_key = 'wrong';")
	{
		my ($code, $out, $error) = $node->psql('postgres', "$set SELECT caas_encrypt('$user', 'plaintext')");
		is($code, 3, "$preload: refused");
		like($error, qr/no accepted API key/, "$preload: one message for absent and wrong");
	}
	my $key = api_key();
	like($node->safe_psql('postgres', "SET caas.api_key = '$key'; SELECT caas_encrypt('$user', 'plaintext')"),
		qr/^[0-9a-f]{64,128}$/, "$preload: a digest");
	like($node->safe_psql('postgres', "SET caas.api_key = '$key'; SELECT caas_version(); SHOW caas.api_key"),
		qr/^[0-9.]+\n\*{8}$/, "$preload: the key is not shown");
	$node->stop;
	my $log = slurp_file($node->logfile);
	unlike($log, qr/plaintext|$key/, "$preload: neither plaintext nor key in the log");
}

done_testing();
