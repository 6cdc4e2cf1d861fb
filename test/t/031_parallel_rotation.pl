# One parallel query never mixes generations: it is refused when the keyring changes under it.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep stat time);

my $rows = 2000;
my @old = (generation(1, 'active', random_secret()));
my @new = (generation(2, 'active', random_secret()), $old[0] =~ s/active/retired/r);
my $refusal = qr/ERROR:  55000: the keyring changed while a parallel query was starting/;

my $node = caas_node('rotation', preload => 'none', keyring => \@old);
force_parallel($node);
$node->start;
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION caas;
	CREATE TABLE users AS SELECT n, md5(n::text)::uuid AS id, 'user' || n || '\@example.com' AS email
		FROM generate_series(1, $rows) n;
	ANALYZE users;
	-- The worker that meets row 1 waits, so that the other one comes to the last row.
	CREATE FUNCTION digest_slowly(n integer, id uuid, email text) RETURNS text
	LANGUAGE plpgsql PARALLEL SAFE AS \$\$
	BEGIN
		IF n = $rows THEN
			PERFORM caas_encrypt(id, email);
			RAISE LOG 'the last row is digested';
		END IF;
		WHILE n = 1 AND (SELECT size FROM pg_stat_file('go_on', true)) IS NULL LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN caas_encrypt(id, email);
	END \$\$}
);

# The generations that made a query's digests; caas_verified_by runs outside, in the leader.
sub generations_of
{
	my ($call) = @_;
	return qq{SELECT string_agg(DISTINCT caas_verified_by(id, email, digest)::text, ',')
		FROM (SELECT id, email, $call AS digest FROM users OFFSET 0) digests};
}
# Refusals count from shortly before the statement, since a file's times come from a coarser clock.
sub settle
{
	sleep 0.01 while time < (stat $node->{caas_keyring})[10] + 0.1;
	return;
}

# In the leader alone.
my $call = q{SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'plaintext')};
my $query = generations_of('caas_encrypt(id, email)');
my $slow_query = generations_of('digest_slowly(n, id, email)');

for my $participation ('on', 'off')
{
	write_keyring($node, @old);
	settle();
	$node->reload;
	my $session = keyed_session($node);
	$session->query_safe("SET parallel_leader_participation = $participation");
	my ($out, $error) = answer($session, $call);
	like($out, qr/^[0-9a-f]{64}/, "participation $participation: the leader has the old keyring");
	write_keyring($node, @new);
	($out, $error) = answer($session, $query);
	# A leader that takes part may have done all of the work before its workers came.
	my $expected = $participation eq 'on' ? qr/^1$|$refusal/ : qr/^psql.*$refusal/;
	like($out . $error, $expected, "participation $participation: workers with the new keyring refuse");
	($out, $error) = answer($session, 'SELECT generation FROM caas_profile(gen_random_uuid())');
	is($out, '1', "participation $participation: the leader alone goes on with what it has");
	reload_sessions($node, $session);
	# A file that changed just before the statement is refused too.
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		($out, $error) = answer($session, $query);
		last if $error !~ $refusal;
		sleep 0.1;
	}
	is("$out$error", '2', "participation $participation: after the reload all use the new generation");
	$session->quit;
}

# The file changes between the first calls of two workers; the leader has the old keyring, or none yet.
for my $leader ('has not called', 'has called')
{
	write_keyring($node, @old);
	settle();
	$node->reload;
	my $session = keyed_session($node);
	$session->query_safe('SET parallel_leader_participation = off');
	$session->query_safe($call) if $leader eq 'has called';
	my $offset = -s $node->logfile;
	$session->query_until(qr/started/, "\\echo started\n$slow_query;\n");
	wait_for_log($node, qr/the last row is digested/, $offset);
	write_keyring($node, @new);
	append_to_file($node->data_dir . '/go_on', '');
	my ($out, $error) = answer($session, 'SELECT 1');
	like($error, $refusal, "leader $leader: the late worker refuses the other keyring");
	is($out, '1', "leader $leader: no result");
	unlink $node->data_dir . '/go_on' or die "unlink: $!";
	$session->quit;
}

# A query that starts after the change is served, also in a leader that has not called yet.
settle();
my $session = keyed_session($node);
my ($out, $error) = answer($session, $query);
is("$out$error", '2', 'a session that starts after the change uses the new generation');
$session->quit;
$node->stop;

done_testing();
