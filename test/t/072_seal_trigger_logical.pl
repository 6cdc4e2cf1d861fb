# Logical replication with the trigger ENABLE ALWAYS on the subscriber: a value that opens is stored unchanged, plaintext is
# sealed, a foreign value stops the apply worker. The worker needs caas.exempt_workers or require_api_key = off.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @keyring = (generation(1, 'active', random_secret()));
my $trigger = q{CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW
	EXECUTE FUNCTION caas_seal_trigger('id', 'email=email_sealed:email_index@public.users.email')};

my ($publisher, $subscriber) = map {
	my $node = caas_node($_, keyring => \@keyring, extra => { allows_streaming => 'logical' });
	$node->append_conf('postgresql.conf', 'wal_retrieve_retry_interval = 100ms');
	$node->start;
	$node->safe_psql(
		'postgres', qq{CREATE EXTENSION caas;
		CREATE TABLE users (n int PRIMARY KEY, id uuid, note text, email text, email_sealed bytea, email_index bytea); $trigger}
	);
	$node;
} qw(publisher subscriber);
my $connection = $publisher->connstr . ' dbname=postgres';
my $rows = 'TABLE users ORDER BY n';

sub publish
{
	my ($sql) = @_;
	local $ENV{PGOPTIONS} = with_key();
	$publisher->safe_psql('postgres', $sql);
	return;
}

sub set_on_subscriber
{
	my ($name, $value) = @_;
	$subscriber->append_conf('postgresql.conf', "$name = $value");
	$subscriber->reload;
	$subscriber->poll_query_until('postgres', "SELECT current_setting('$name') = '$value'") or die 'not reloaded';
	return;
}

sub equal
{
	my ($name) = @_;
	$publisher->wait_for_catchup('users');
	is($subscriber->safe_psql('postgres', $rows), $publisher->safe_psql('postgres', $rows), $name);
	return;
}

sub opened_on_subscriber
{
	my ($n) = @_;
	local $ENV{PGOPTIONS} = with_key();
	return $subscriber->safe_psql(
		'postgres', qq{SELECT email, caas_open(id, email_sealed, 'public.users.email'),
		email_index = caas_blind_index('user$n\@example.com', 'public.users.email') FROM users WHERE n = $n}
	);
}

$subscriber->safe_psql('postgres', 'ALTER TABLE users ENABLE ALWAYS TRIGGER protect');
publish(
	q{CREATE PUBLICATION users FOR TABLE users;
	INSERT INTO users (n, id, email) SELECT n, md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 20) n}
);

# The initial copy and later inserts and updates need caas.exempt_workers.
my $refusal =
	qr/ERROR:  no accepted API key\n.*HINT:  Autovacuum and logical replication workers .*caas\.exempt_workers = on/;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION users CONNECTION '$connection' PUBLICATION users");
wait_for_log($subscriber, $refusal);
set_on_subscriber('caas.exempt_workers', 'on');
$subscriber->wait_for_subscription_sync($publisher, 'users');
equal('the initial copy, byte for byte');
publish(q{INSERT INTO users (n, id, email) VALUES (21, md5('21')::uuid, 'user21@example.com');
	UPDATE users SET email = 'user1@example.org' WHERE n = 1;
	UPDATE users SET id = md5('new')::uuid, email = 'user2@example.com' WHERE n = 2;
	UPDATE users SET email_sealed = NULL WHERE n = 3;
	UPDATE users SET n = 104 WHERE n = 4;
	INSERT INTO users (n, id, email) VALUES (1, md5('1')::uuid, 'user1@example.net')
		ON CONFLICT (n) DO UPDATE SET email_sealed = EXCLUDED.email_sealed, email_index = EXCLUDED.email_index});
equal('inserts and updates');

# A change of another column needs no exemption.
my $end = -s $subscriber->logfile;
set_on_subscriber('caas.exempt_workers', 'off');
publish(q{UPDATE users SET note = 'changed'; DELETE FROM users WHERE n = 20});
equal('a row whose sealed value stays is replicated without an exemption');
publish(q{INSERT INTO users (n, id, email) VALUES (22, md5('22')::uuid, 'user22@example.com')});
wait_for_log($subscriber, $refusal, $end);
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM users WHERE n = 22'),
	'0', 'a new row is not replicated without an exemption');
set_on_subscriber('caas.require_api_key', 'off');
equal('with require_api_key = off it is');

# The subscriber seals plaintext from a publisher without the trigger.
publish(q{ALTER TABLE users DISABLE TRIGGER protect;
	INSERT INTO users (n, id, email) VALUES (23, md5('23')::uuid, 'user23@example.com')});
$publisher->wait_for_catchup('users');
is(opened_on_subscriber(23), '|user23@example.com|t', 'plaintext is sealed by the subscriber');

# A foreign value stops the apply worker. Its error shows neither row nor statement.
$end = -s $subscriber->logfile;
publish(
	q{INSERT INTO users (n, id, note, email_sealed) SELECT 24, md5('24')::uuid, 'user24@example.com', email_sealed FROM users WHERE n = 22}
);
wait_for_log($subscriber, qr/ERROR:  cannot open\n.*HINT:  Column "email_sealed" of relation "users" takes/, $end);
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM users WHERE n = 24'), '0',
	'a foreign value is not applied');
$subscriber->safe_psql('postgres', 'ALTER TABLE users ENABLE TRIGGER protect');
$publisher->wait_for_catchup('users');
is($subscriber->safe_psql('postgres', 'SELECT note FROM users WHERE n = 24'),
	'user24@example.com', 'without ENABLE ALWAYS the trigger does not check replicated rows');

$subscriber->stop;
$publisher->stop;
unlike(slurp_file($_->logfile), qr/user\d+\@example/, $_->name . ': the log has no plaintext')
	for $publisher, $subscriber;

done_testing();
