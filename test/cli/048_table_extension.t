# caas table and caas report with the extension itself: from plaintext to a protected, checked and rotated table.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;

CaasServer::require_servers();
my ($script) = glob $ENV{CAAS_STAGE} . CaasServer::config('sharedir') . '/extension/caas--?.?.?.sql';
for my $needed (qw(caas_protect caas_backfill caas_check caas_generations caas_doctor caas_residue))
{
	plan skip_all => "the staged extension has no $needed" if read_file($script) !~ /\b$needed\(/;
}

my $server = CaasServer->of_initdb(q{session_preload_libraries = 'caas'});
my $keyring = write_keyring("$server->{folder}/keyring", generation(1, 'active'));
chown((getpwnam 'postgres')[ 2, 3 ], $keyring) == 1 or die "chown: $!";
my $key = 'caas_' . sha256_hex("$$ " . time . rand);
$server->settings_last("caas.keyring_file = '$keyring'", "caas.api_key_digests = '" . sha256_hex($key) . "'");
$server->stop;
$server->start;
is(
	$server->sql(
		q{CREATE EXTENSION caas; CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text, ssn text);
		INSERT INTO users (email, ssn) SELECT 'u' || i || '@example.com', 'n' || i FROM generate_series(1, 5000) i;
		CREATE TABLE parts (id uuid NOT NULL, email text, day int) PARTITION BY LIST (day);
		CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
		INSERT INTO parts SELECT gen_random_uuid(), 'p' || i, 1 + i % 2 FROM generate_series(1, 5000) i}
	),
	'',
	'tables of plaintext'
);
my %env = (
	CAAS_API_KEY => $key,
	PGUSER => 'postgres',
	PGDATABASE => 'postgres',
	PGHOST => $server->{socket},
	PGPORT => $server->{port}
);

# Runs the program, which has to end with this code.
sub ends
{
	my ($wanted, @words) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $out, $err) = caas({ env => \%env }, @words);
	is($code, $wanted, join ' ', @words) or diag("$out$err");
	return $out;
}

sub json { return JSON::PP->new->decode(ends(@_, '--json')); }

my $out = ends(0, qw(table protect users id email=email_digest ssn=ssn_sealed:ssn_index@users.ssn --yes));
like($out, qr/^CREATE INDEX CONCURRENTLY ON public\.users \(ssn_index\).*$/m, 'it makes the index');
like($out, qr/^public\.users is protected; this is left.*\n.*\nCALL public\.caas_backfill/m, 'and leaves the job');
is($server->sql(q{SELECT count(*) FROM pg_index WHERE indrelid = 'users'::regclass AND indisvalid}),
	2, 'the index is there');
my $rows = json(1, qw(table check users));
is_deeply([ map { $_->{unprotected} } @$rows ], [ 5000, 5000 ], 'plaintext');

like(ends(0, qw(table backfill users --jobs 3 --batch-ms 5)), qr/: done, 5,000 rows, 0 conflicts$/, 'three sessions');
$rows = json(0, qw(table check users));
is_deeply([ map { [ @$_{qw(protected plaintext)} ] } @$rows ], [ [ 5000, 0 ], [ 5000, 0 ] ], 'all is protected');
is($server->sql('SELECT count(*) FROM users WHERE email IS NOT NULL OR ssn IS NOT NULL'), 0, 'no plaintext is left');
is(@{ json(0, qw(table status))->{columns} }, 2, 'status');
my @events = map { json_line($_) } split /\n/, ends(0, qw(table backfill users --json));
is($events[-1]{rows_done}, 0, 'nothing is left to do');

sub json_line { return JSON::PP->new->decode($_[0]); }

ends(0, qw(table protect parts id email=email_digest --yes));
@events = map { json_line($_) } split /\n/, ends(0, qw(table backfill parts --jobs 2 --json));
is($events[-1]{rows_done}, 5000, 'a partitioned table');
is(@{ json(0, qw(table check parts)) }, 2, 'each partition is checked');

ok_caas('keyring', 'rotate', $keyring);
is($server->sql('SELECT pg_reload_conf()'), 't', 'a new generation');
my @remove = ('keyring', 'remove', $keyring, 1, '--yes', '--database', 'postgres');
my ($code, undef, $err) = caas({ env => \%env }, @remove);
is($code, 3, 'the old one cannot be removed');
like($err, qr/^database postgres: public\.users\.ssn_sealed has 5,000 values of it$/m, 'because of values');
ends(0, qw(table rotate users --jobs 2));
(undef, undef, $err) = caas({ env => \%env }, @remove);
unlike($err, qr/ssn_sealed has/, 'rotated values are of the new generation');
like($err, qr/email_digest: not conclusive/, 'digests do not tell theirs');

like(ends(0, qw(report --metrics)),
	qr/^caas_values\{.*column="ssn_sealed",generation="2".*state="active"\} 5000$/m, 'metrics');
like(ends(0, qw(report --html -)), qr/public\.users.*<rect width="1000"/s, 'the page');
ends(0, qw(table residue users));
my ($doctor) = caas({ env => \%env }, qw(table doctor));
ok($doctor == 0 || $doctor == 1, 'doctor');
unlike(read_file($server->{log}), qr/$key/, 'the log, with all statements, has no key');
done_testing();
