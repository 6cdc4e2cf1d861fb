# The key and its hash are never shown, and the server's secrets only to those who may see its settings.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use Digest::SHA qw(sha256_hex);
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my $secrets = join '|', $key, sha256_hex($key);
my $show = q{
	SHOW caas.api_key;
	SELECT current_setting('caas.api_key');
	SELECT setting, reset_val, boot_val, source FROM pg_settings WHERE name = 'caas.api_key'};
my $look_around = q{
	SHOW ALL;
	SELECT line FROM (SELECT pg_settings::text FROM pg_settings) AS settings (line) WHERE line ~ 'caas';
	EXPLAIN (SETTINGS, VERBOSE, ANALYZE) SELECT caas_encrypt('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'x');
	SELECT * FROM pg_db_role_setting;
	SELECT proconfig FROM pg_proc WHERE proconfig IS NOT NULL;
	SELECT * FROM caas_status();
	SELECT * FROM caas_keyring()};

my $node = caas_node('visibility', preload => 'none');
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE ROLE ordinary LOGIN;
	CREATE ROLE auditor LOGIN IN ROLE pg_read_all_settings;
	GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text), caas_keyring() TO ordinary}
);

for my $preload ('none', 'session', 'shared')
{
	restart_with_preload($node, $preload);
	my $load = $preload eq 'none' ? 'SELECT caas_version() IS NULL;' : '';
	my $loaded = $preload eq 'none' ? "f\n" : '';

	my $out = $node->safe_psql('postgres', "$load SET caas.api_key = '$key'; $show; RESET caas.api_key; $show");
	is($out, "$loaded********\n********\n********|||session\n\n\n|||default", "$preload: SET is masked");
	$out = $node->safe_psql('postgres',
		"$load SELECT set_config('caas.api_key', '$key', false); BEGIN; SET LOCAL caas.api_key = '${key}x'; $show; COMMIT; $show"
	);
	is(
		$out,
		join("\n", "$loaded********", ("********\n********\n********|||session") x 2),
		"$preload: set_config and SET LOCAL"
	);

	my ($code, $error);
	{
		local $ENV{PGOPTIONS} = with_key();
		$out = $node->safe_psql('postgres', "$load $show; SET caas.api_key = 'other'; RESET caas.api_key; $show");
		is(
			$out,
			$loaded . join("\n", ("********\n********\n********|********||client") x 2),
			"$preload: PGOPTIONS is masked"
		);
		($code, $out, $error) = $node->psql('postgres', "$load $look_around", extra_params => [ '-U', 'ordinary' ]);
		is($code, 0, "$preload: an ordinary role looks around");
		ok($out =~ /^caas\.api_key\|\*{8}\|.*^\(caas\.api_key,\*{8},/ms, "$preload: it sees the mask");
		ok("$out$error" !~ /$secrets/, "$preload: neither key nor hash");
		ok($out !~ /^\(?caas\.(api_key_digests|keyring_file|parallel_state)|\Q$node->{caas_keyring}\E/m,
			"$preload: nor what only administrators see");
	}
	# A superuser sees the server's list, as any setting of the server, but not which key was shown.
	$out = $node->safe_psql('postgres', "$load SET caas.api_key = '$key'; $look_around");
	ok($out !~ /$key/, "$preload: a superuser does not see the key");
	ok($out =~ /^caas\.api_key_digests\|test:@{[sha256_hex($key)]}\|/m, "$preload: a superuser sees the list");
}

# By name, with the library preloaded.
restart_with_preload($node, 'session');
my %setting = (
	'caas.keyring_file' => $node->{caas_keyring},
	'caas.api_key_digests' => 'test:' . sha256_hex($key),
	'caas.parallel_state' => undef
);
for my $name (sort keys %setting)
{
	for my $read (
		"SHOW $name",
		"SELECT current_setting('$name')",
		"SELECT current_setting('$name', true)",
		"SELECT set_config('$name', 'x', true)"
		)
	{
		my $session = open_session($node, extra_params => [ '-U', 'ordinary' ]);
		my ($out, $error) = answer($session, $read);
		$session->quit;
		like($error, qr/ERROR:  (42501|55P02):/, "an ordinary role, $read");
		is($out, '', 'and sees nothing');
	}
	next unless defined $setting{$name};
	is(
		$node->safe_psql(
			'postgres',
			"SELECT setting FROM pg_settings WHERE name = '$name'",
			extra_params => [ '-U', $_ ]
		),
		$setting{$name},
		"$name in pg_settings for $_"
	) for 'auditor', scalar getpwuid($<);
	is($node->safe_psql('postgres', "SHOW $name", extra_params => [ '-U', 'auditor' ]),
		$setting{$name}, "SHOW $name for auditor");
}
is(
	$node->safe_psql(
		'postgres',
		'SHOW caas.require_api_key; SHOW caas.exempt_workers',
		extra_params => [ '-U', 'ordinary' ]
	),
	"on\noff",
	'what is no secret is for everyone'
);
$node->stop;

done_testing();
