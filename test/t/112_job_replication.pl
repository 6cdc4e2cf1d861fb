# A backfill and a rotation on a publisher: the subscriber has the same protected values, and no plaintext.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @secret = (random_secret(), random_secret());
my @nodes = map {
	caas_node(
		$_,
		keyring => [ generation(1, 'active', $secret[0]), generation(2, 'retired', $secret[1]) ],
		extra => { allows_streaming => 'logical' }
	)
} 'publisher', 'subscriber';
my ($publisher, $subscriber) = @nodes;
$_->append_conf('postgresql.conf', 'wal_level = logical'), $_->start for @nodes;
$ENV{PGOPTIONS} = with_key();
my $table = q{
	CREATE EXTENSION caas;
	CREATE TABLE people (id bigint PRIMARY KEY, email text, digest text, ssn text, ssn_sealed bytea, ssn_index bytea);
	CREATE TABLE keyless (id bigint, email text, digest text);};
my $triggers = q{
	CREATE TRIGGER a BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id@people', 'email=digest');
	CREATE TRIGGER b BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id@people', 'ssn=ssn_sealed:ssn_index@people.ssn');
	CREATE TRIGGER a BEFORE INSERT OR UPDATE ON keyless FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id@people', 'email=digest');};
$publisher->safe_psql(
	'postgres', qq{$table
	INSERT INTO people SELECT n, 'e' || n, NULL, 's' || n FROM generate_series(1, 2000) n;
	INSERT INTO keyless VALUES (1, 'e1');
	$triggers
	CREATE PUBLICATION everything FOR ALL TABLES}
);
$subscriber->safe_psql('postgres', "$table $triggers");
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION everything CONNECTION '" . $publisher->connstr . " dbname=postgres' PUBLICATION everything");
$subscriber->poll_query_until('postgres', q{SELECT count(*) = 2000 FROM people}) or die 'no initial copy';
is($subscriber->safe_psql('postgres', 'SELECT count(email) FROM people'), '2000', 'the first copy has the plaintext');

$publisher->safe_psql('postgres', q{CALL caas_backfill('people', batch_ms => 5)});
$publisher->wait_for_catchup('everything');
my $right =
	q{SELECT count(*) FROM people, caas_uuid('people', id) u WHERE email IS NULL AND ssn IS NULL AND caas_verify(u, 'e' || id, digest)
	AND caas_open(u, ssn_sealed, 'people.ssn') = 's' || id AND ssn_index = caas_blind_index('s' || id, 'people.ssn')};
is($_->safe_psql('postgres', $right), '2000', 'protected on the ' . $_->name) for @nodes;

for my $node (@nodes)
{
	write_keyring($node, generation(1, 'retired', $secret[0]), generation(2, 'active', $secret[1]));
	$node->reload;
	$node->poll_query_until('postgres', q{SELECT active_generation = 2 FROM caas_status()}) or die;
}
$publisher->safe_psql('postgres', q{CALL caas_rotate('people')});
$publisher->wait_for_catchup('everything');
is($_->safe_psql('postgres', "$right AND caas_generation(ssn_sealed) = 2"), '2000', 'rotated on the ' . $_->name)
	for @nodes;
is(
	$subscriber->safe_psql(
		'postgres',
		'SELECT string_agg(DISTINCT encode(sha256(ssn_sealed), $$hex$$), $$,$$ ORDER BY encode(sha256(ssn_sealed), $$hex$$)) FROM people'
	),
	$publisher->safe_psql(
		'postgres',
		'SELECT string_agg(DISTINCT encode(sha256(ssn_sealed), $$hex$$), $$,$$ ORDER BY encode(sha256(ssn_sealed), $$hex$$)) FROM people'
	),
	'with the same bytes'
);

# A published table without a replica identity refuses the UPDATE, and so the job.
my ($code, $out, $error) = $publisher->psql('postgres', q{CALL caas_backfill('keyless')});
like($error, qr/does not have a replica identity/, 'a table without a replica identity');
is($publisher->safe_psql('postgres', 'SELECT count(email) FROM keyless'), '1', 'is left as it was');
$_->stop for reverse @nodes;
unlike(slurp_file($_->logfile), qr/'[es]\d+'/, 'no value in the log') for @nodes;
done_testing();
