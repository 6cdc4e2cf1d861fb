# Sealed values on a hot standby, which opens them, and on a logical subscriber, which needs neither key nor keyring to store them.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @keyring = (generation(1, 'active', random_secret()));
my $table = q{CREATE TABLE accounts (id uuid PRIMARY KEY, email bytea, email_index bytea UNIQUE, password text);
	CREATE INDEX accounts_generation ON accounts (caas_generation(email));};
my $insert =
	q{INSERT INTO accounts SELECT id, caas_seal(id, email, 'accounts.email'), caas_blind_index(email, 'accounts.email'), caas_hash_password(id, email)
	FROM (SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(%d, %d) AS n) AS users (id, email)};
my $opened =
	q{SELECT count(*), count(*) FILTER (WHERE id = md5(substr(split_part(plain, '@', 1), 5))::uuid AND caas_verify_password(id, plain, password))
	FROM accounts, caas_open(id, email, 'accounts.email') AS plain};
my $found =
	q{SELECT caas_open(id, email, 'accounts.email') FROM accounts WHERE email_index = ANY (caas_blind_candidates('user7@example.com', 'accounts.email'))};
my $rows = 'SELECT md5(string_agg(accounts::text, $$,$$ ORDER BY id)) FROM accounts';
my $cheap = "caas.scrypt_ln = 10\ncaas.scrypt_p = 1";

my $primary = caas_node('primary', keyring => \@keyring, extra => { allows_streaming => 'logical' });
$primary->append_conf('postgresql.conf', $cheap);
$primary->start;

sub publish
{
	my ($sql) = @_;
	local $ENV{PGOPTIONS} = with_key();
	return $primary->safe_psql('postgres', $sql);
}
publish("CREATE EXTENSION caas; $table CREATE PUBLICATION accounts FOR TABLE accounts; " . sprintf($insert, 1, 100));

# The standby.
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
CaasTest::configure($standby, keyring => \@keyring);
$standby->start;
publish(sprintf($insert, 101, 120));
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
like(($standby->psql('postgres', $opened))[2], qr/no accepted API key/, 'the standby asks for the key');
{
	local $ENV{PGOPTIONS} = with_key();
	is(
		$standby->safe_psql('postgres', "SELECT pg_is_in_recovery(); $opened; $found"),
		"t\n120|120\nuser7\@example.com",
		'with it it opens, verifies and finds'
	);
	is(
		$standby->safe_psql(
			'postgres',
			q{SELECT caas_open('4dbcbcfe-4800-40a8-badf-c26b73af230c', caas_seal('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x')),
		caas_password_outdated(caas_hash_password('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x'))}
		),
		'x|f',
		'it can seal and hash too, as long as it stores nothing'
	);
	like(
		$standby->safe_psql(
			'postgres',
			'SET enable_seqscan = off; SET enable_bitmapscan = off; EXPLAIN SELECT FROM accounts WHERE caas_generation(email) < 1'
		),
		qr/Index Scan using accounts_generation/,
		'by the index of the primary'
	);
	# Nonces are drawn by the process that seals: those of the two servers are not alike.
	my $nonces =
		q{SELECT substr(caas_seal('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x'), 4, 16) FROM generate_series(1, 1000)};
	my %seen;
	$seen{$_}++ for map { split /\n/, $_->safe_psql('postgres', $nonces) } $primary, $standby;
	is(scalar(keys %seen), 2000, 'with nonces of its own');
}
$standby->stop;

# The subscriber has the extension, since the index calls it, but no keyring.
my $subscriber = caas_node('subscriber', extra => { allows_streaming => 'logical' });
$subscriber->append_conf('postgresql.conf',
	"wal_retrieve_retry_interval = 100ms\ncaas.keyring_file = ''\ncaas.api_key_digests = ''\n$cheap");
$subscriber->start;
$subscriber->safe_psql('postgres', "CREATE EXTENSION caas; $table");
is(
	$subscriber->safe_psql('postgres', 'SELECT keyring_loaded, keyring_problem FROM caas_status()'),
	'f|no keyring is configured',
	'the subscriber has no keyring'
);
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION accounts CONNECTION '" . $primary->connstr . " dbname=postgres' PUBLICATION accounts");
$subscriber->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_subscription_rel WHERE srsubstate IN ('r', 's')})
	or die 'no synchronisation';
my $equal = sub {
	$primary->wait_for_catchup('accounts');
	return is($subscriber->safe_psql('postgres', $rows), $primary->safe_psql('postgres', $rows), $_[0]);
};
$equal->('the initial copy is equal');
publish(sprintf($insert, 121, 140));
publish(
	q{UPDATE accounts SET email = caas_seal(id, 'user1@example.com', 'accounts.email') WHERE id = md5('1')::uuid; DELETE FROM accounts WHERE id = md5('2')::uuid}
);
$equal->('so are changes');
like(
	$subscriber->safe_psql(
		'postgres',
		'SET enable_seqscan = off; SET enable_bitmapscan = off; EXPLAIN SELECT FROM accounts WHERE caas_generation(email) < 1'
	),
	qr/accounts_generation/,
	'its index is kept up'
);
is($subscriber->safe_psql('postgres', 'SELECT caas_generation(email), count(*) FROM accounts GROUP BY 1'),
	'1|139', 'and tells generations without a key');

# A rotation on the publisher reaches it as changed rows.
write_keyring($primary, $keyring[0] =~ s/active/retired/r, my $new = generation(2, 'active', random_secret()));
$primary->reload;
$primary->poll_query_until('postgres', 'SELECT active_generation = 2 FROM caas_status()') or die 'not reloaded';
publish(
	q{UPDATE accounts SET email = caas_reseal(id, email, 'accounts.email'), email_index = caas_blind_index(caas_open(id, email, 'accounts.email'), 'accounts.email')}
);
$equal->('a rotation is replicated');
is($subscriber->safe_psql('postgres', 'SELECT caas_generation(email), count(*) FROM accounts GROUP BY 1'),
	'2|139', 'with the new generation');
unlike(slurp_file($subscriber->logfile), qr/ERROR/, 'without an error');

# With the keyring, it opens what it has.
CaasTest::configure($subscriber, keyring => [ $keyring[0] =~ s/active/retired/r, $new ]);
$subscriber->restart;
{
	local $ENV{PGOPTIONS} = with_key();
	is($subscriber->safe_psql('postgres', "$opened; $found"),
		"139|139\nuser7\@example.com", 'given the keyring, it opens and finds');
}
$_->stop for $subscriber, $primary;
unlike(slurp_file($_->logfile), qr/user\d+\@example/, $_->name . ': no plaintext in the log')
	for $primary, $standby, $subscriber;

done_testing();
