# The unit for systemd: systemd understands it, it is as shut as was measured, and it names options that there are.
use strict;
use warnings;
use lib 'test/cli', 'test/http';
use CaasCli qw(program options);
use File::Basename qw(dirname);
use HttpService;
use JSON::PP qw(decode_json);
use Test::More;

my $exposure = 11;    # in tenths, as systemd 252, 257 and 262 measure it
my ($version) = (`systemd-analyze --version 2>&1` // '') =~ /^systemd (\d+)/;
plan skip_all => 'systemd-analyze of systemd 250 or later is not installed' if ($version // 0) < 250;

my $source = read_file('src/http/caas.service');
my $dir = folder();

# The complaints of systemd-analyze about the unit with these drop-ins; '' without any.
sub complaints
{
	my (%drop_in) = @_;
	my $units = folder();
	write_file("$units/caas.service", $source =~ s{/usr/local/bin/caas}{program()}er);
	mkdir "$units/caas.service.d" or die "mkdir: $!";
	write_file("$units/caas.service.d/$_", $drop_in{$_}) for keys %drop_in;
	local $ENV{SYSTEMD_UNIT_PATH} = "$units:";
	my $said = `systemd-analyze verify --man=no '$units/caas.service' 2>&1`;
	return $? ? "exit status $?\n$said" : $said;
}

is(complaints(), '', 'the unit is well formed');
like(complaints('x.conf' => "[Service]\nNonsense=1\n"), qr/Nonsense/, 'what is wrong in a drop-in would be said');

write_file("$dir/caas.service", $source);
my $security = "systemd-analyze security --no-pager --offline=true '--threshold=%d' $dir/caas.service 2>&1";
my $report = sprintf $security, $exposure;
my $said = `$report`;
is($?, 0, "exposure is $exposure tenths at most") or diag($said);
$report = sprintf $security, 5;
`$report`;
isnt($?, 0, 'which a lower threshold would not let pass');

# Permitted remain: listening sockets and the system's file tree, both needed.
my @open =
	map { $_->{name} }
	grep { defined $_->{set} && !$_->{set} }
	@{ decode_json(`systemd-analyze security --no-pager --offline=true --json=short $dir/caas.service`) };
is_deeply(
	[ sort @open ],
	[
		'DeviceAllow=', 'IPAddressDeny=',
		'PrivateNetwork=', 'RestrictAddressFamilies=~AF_(INET|INET6)',
		'RestrictAddressFamilies=~AF_UNIX', 'RootDirectory=/RootImage='
	],
	'all else is shut'
);

my %option = map { $_ => 1 } options('serve');
my ($command) = $source =~ m{^ExecStart=/usr/local/bin/caas serve (.*)$}m;
my @named = ($command =~ /(--[a-z-]+)/g, map { '--' . tr/A-Z_/a-z-/r } $source =~ /\bCAAS_([A-Z_]+)=/g);
is_deeply([ sort @named ], [ '--api-keys', '--config', '--keyring' ], 'the options of the unit');
ok($option{$_}, "serve has $_") for @named;

like($source, qr/^MemoryMax=\d+M$/m, 'the unit bounds the memory of the service');

# The drop-ins that the documentation shows.
my @shown = grep { /\A# \w+\.conf/ } read_file('docs/http.md') =~ /^```ini\n(.*?)^```$/msg;
is(scalar @shown, 7, 'the documentation shows drop-ins');
for my $drop_in (@shown)
{
	my ($name) = $drop_in =~ /\A# (\w+\.conf)/;
SKIP:
	{
		skip "RefreshOnReload= is of systemd 260, here is $version", 1
			if $drop_in =~ /RefreshOnReload/ && $version < 260;
		is(complaints($name => $drop_in), '', "$name is well formed");
	}
	ok($option{ '--' . tr/A-Z_/a-z-/r }, "$name: CAAS_$_ is an option") for $drop_in =~ /\bCAAS_([A-Z_]+)=/g;
}

SKIP:
{
	my $prefix = dirname(dirname(program()));
	my $installed = "$prefix/lib/systemd/system/caas.service";
	skip 'the program is not an installed one', 2 unless -e $installed;
	is((stat $installed)[2] & 0777, 0644, 'the installed unit: its mode');
	is(read_file($installed) =~ s{^ExecStart=\K\S+}{/usr/local/bin/caas}mr, $source, 'the installed unit: its text');
}
done_testing();
