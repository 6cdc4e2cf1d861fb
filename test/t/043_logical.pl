# Logical replication: the subscriber computes generated columns, where caas.exempt_workers lets its workers in.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $refusal =
	qr/ERROR:  no accepted API key\n.*HINT:  Autovacuum and logical replication workers .*caas\.exempt_workers = on/;
my @keyring = (generation(1, 'active', random_secret()));
my %tables = (
	generated => q{CREATE TABLE users (id uuid PRIMARY KEY, email text,
		digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED)},
	trigger => q{CREATE TABLE people (id uuid PRIMARY KEY, email text, phone text, phone_digest text);
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON people FOR EACH ROW
			EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone=phone_digest')}
);

my ($publisher, $subscriber) = map {
	my $node = caas_node($_, keyring => \@keyring, extra => { allows_streaming => 'logical' });
	$node->append_conf('postgresql.conf', 'wal_retrieve_retry_interval = 100ms');
	$node->start;
	$node->safe_psql('postgres', "CREATE EXTENSION caas; $tables{generated}; $tables{trigger}");
	$node;
} qw(publisher subscriber);
my $connection = $publisher->connstr . ' dbname=postgres';

sub publish
{
	my ($sql) = @_;
	local $ENV{PGOPTIONS} = with_key();
	$publisher->safe_psql('postgres', $sql);
	return;
}

sub exempt
{
	my ($value) = @_;
	$subscriber->append_conf('postgresql.conf', "caas.exempt_workers = $value");
	$subscriber->reload;
	$subscriber->poll_query_until('postgres', "SELECT current_setting('caas.exempt_workers') = '$value'")
		or die 'not reloaded';
	return;
}

sub rows_that_verify
{
	local $ENV{PGOPTIONS} = with_key();
	return $subscriber->safe_psql('postgres', 'SELECT count(*) FROM users WHERE caas_verify(id, email, digest)');
}

publish(
	q{
	CREATE PUBLICATION all_tables FOR TABLE users, people;
	INSERT INTO users SELECT md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 10) n;
	INSERT INTO people SELECT md5(n::text)::uuid, 'user' || n || '@example.com', '555-' || n FROM generate_series(1, 10) n}
);

# The initial copy.
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '$connection' PUBLICATION all_tables");
my $end = wait_for_log($subscriber, $refusal);
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM users'),
	'0', 'the table synchronisation is refused, its log has the hint');
exempt('on');
$subscriber->poll_query_until('postgres',
	q{SELECT count(*) = 2 FROM pg_subscription_rel WHERE srsubstate IN ('r', 's')})
	or die 'no synchronisation';
is(rows_that_verify(), '10', 'exempt, it computes the digests');

# Changes afterwards.
publish(q{INSERT INTO users VALUES (md5('11')::uuid, 'user11@example.com');
	UPDATE users SET email = 'other@example.com' WHERE id = md5('1')::uuid});
$publisher->wait_for_catchup('everything');
is(rows_that_verify(), '11', 'exempt, apply computes them too');
my $digest = q{SELECT digest FROM users WHERE id = md5('1')::uuid};
is($subscriber->safe_psql('postgres', $digest), $publisher->safe_psql('postgres', $digest), 'as the publisher does');

exempt('off');
$end = -s $subscriber->logfile;
publish(q{INSERT INTO users VALUES (md5('12')::uuid, 'user12@example.com')});
wait_for_log($subscriber, $refusal, $end);
is(rows_that_verify(), '11', 'no longer exempt, apply is refused');
exempt('on');
$publisher->wait_for_catchup('everything');
is(rows_that_verify(), '12', 'and goes on where it was when exempt again');

# The publisher's trigger wrote the value; it is replicated unchanged, because the subscriber's trigger does not fire.
exempt('off');
publish(q{INSERT INTO people VALUES (md5('11')::uuid, 'user11@example.com', '555-11');
	UPDATE people SET phone = '555-1b' WHERE id = md5('1')::uuid});
$publisher->wait_for_catchup('everything');
my $people = 'SELECT * FROM people ORDER BY id';
is(
	$subscriber->safe_psql('postgres', $people),
	$publisher->safe_psql('postgres', $people),
	'triggered columns are equal'
);
{
	local $ENV{PGOPTIONS} = with_key();
	is(
		$subscriber->safe_psql(
			'postgres', q{SELECT count(*) FROM people WHERE phone IS NULL
		AND id = ANY (SELECT md5(n::text)::uuid FROM generate_series(1, 11) n WHERE caas_verify(md5(n::text)::uuid,
			'user' || n || '@example.com', email)
		AND caas_verify(md5(n::text)::uuid, CASE n WHEN 1 THEN '555-1b' ELSE '555-' || n END, phone_digest))}
		),
		'11',
		'and hold the digests of their values'
	);
}

$subscriber->stop;
$publisher->stop;
unlike(slurp_file($_->logfile), qr/user\d+\@example|555-\d/, $_->name . ': no plaintext in the log')
	for $publisher, $subscriber;

done_testing();
