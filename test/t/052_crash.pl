# A backend killed while it inserts: after recovery no committed row is lost and every digest is right.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use File::Find;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('crash');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
my $key = api_key();
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE EXTENSION amcheck;
	CREATE TABLE generated (n int, id uuid, email text, digest text UNIQUE GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
	CREATE TABLE triggered (n int, id uuid, email text UNIQUE, phone text, phone_digest text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW
		EXECUTE FUNCTION caas_encrypt_trigger('id', 'email', 'phone=phone_digest');
	-- The plaintext is put together while it runs, so that no statement holds it.
	CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
	DECLARE
		n int := (SELECT count(*) FROM generated);
	BEGIN
		LOOP
			n := n + 1;
			INSERT INTO generated VALUES (n, md5(n::text)::uuid, 'user' || n || '@example.com');
			INSERT INTO triggered VALUES (n, md5(n::text)::uuid, 'mark' || 'er-' || n, 'tele' || 'phone-' || n);
			COMMIT;
		END LOOP;
	END $$}
);

my $rows = 0;
for my $round (1 .. 2)
{
	my $session = keyed_session($node);
	my $backend = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_until(qr/started/, "\\echo started\nCALL fill();\n");
	my $enough = $rows + 2000;
	$node->poll_query_until('postgres', "SELECT count(*) > $enough FROM triggered") or die 'no rows come';
	my $committed = $node->safe_psql('postgres', 'SELECT count(*) FROM triggered');
	my $end = -s $node->logfile;
	kill 'KILL', $backend or die "kill: $!";
	wait_for_log($node, qr/terminated by signal 9.*database system is ready to accept connections/s, $end);
	$session->{run}->finish;
	$node->poll_query_until('postgres', 'SELECT true') or die 'not up again';

	$rows = $node->safe_psql('postgres', 'SELECT count(*) FROM triggered');
	cmp_ok($rows, '>=', $committed, "round $round: no committed row is lost");
	is($node->safe_psql('postgres', 'SELECT count(*), max(n), count(DISTINCT n) FROM generated'),
		"$rows|$rows|$rows", "round $round: nor half of a transaction");
	my $wrong = $node->safe_psql(
		'postgres', "SET caas.api_key = '$key';" . q{
		SELECT count(*) FROM generated g FULL JOIN triggered t USING (n)
		WHERE (caas_verify(g.id, 'user' || n || '@example.com', g.digest) AND caas_verify(t.id, 'marker-' || n, t.email)
			AND t.phone IS NULL AND caas_verify(t.id, 'telephone-' || n, t.phone_digest)) IS NOT TRUE}
	);
	is($wrong, '0', "round $round: every digest is right");
	is(
		$node->safe_psql(
			'postgres', q{SELECT count(bt_index_check(i, true))
		FROM unnest(ARRAY['generated_digest_key', 'triggered_email_key']::regclass[]) i}
		),
		'2',
		"round $round: the indexes are whole"
	);
}

# The plaintext that the trigger replaced was never written to the table, the WAL or the log.
$node->stop;
my @found;
find({ no_chdir => 1, wanted => sub { push @found, $_ if -f $_ && slurp_file($_) =~ /marker-\d|telephone-\d/ } },
	$node->data_dir, $node->logfile);
is("@found", '', 'no file of the server holds what the trigger replaced');

done_testing();
