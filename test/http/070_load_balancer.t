# Three services behind the proxy that docs/http.md configures, under load all the time: the keyring and the API keys are rotated, and each
# service is stopped and started, without one failed request. The wrong order fails, so the load would notice.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use LoadBalancer;
use Test::More;

haproxy_program() or plan skip_all => 'haproxy is not installed';
my @machines = qw(a b c);
my $balancer = new_balancer(@machines);
write_keyring($balancer->keyring('a'), generation(1, 'active'));
for my $name (@machines)
{
	$balancer->copy_keyring('a', $name) if $name ne 'a';
	$balancer->set_keys($name, 'first');
	$balancer->start($name);
}
$balancer->start_proxy;
my %expected;    # phases in which nothing may fail, and what has to be seen in each

# Counts from here on as a phase that has to be without failure, until the clients have been through it.
sub quiet_phase
{
	my ($name, $key, @seen) = @_;
	$expected{$name} = \@seen;
	$balancer->phase($name, $key);
	return;
}

# Values of this generation, made at one of these services and checked at another.
sub pairs
{
	my ($generation, $makers, @checkers) = @_;
	@checkers = @machines if !@checkers;
	return map {
		my $check = $_;
		map {
			my $maker = $_;
			map { "$check of generation $generation: $maker at $_" } @checkers
		} @$makers
	} '/verify', '/open';
}

# The digests that the services compute under a generation, all of them asked directly.
sub probe
{
	my ($generation) = @_;
	my $body = body_of('/encrypt', generation => $generation);
	return map { $balancer->ask_at($_, 'first', '/encrypt', $body)->{json}{encrypted_data} // 'refused' } @machines;
}

sub distinct
{
	my %seen = map { ($_ => 1) } @_;
	return scalar keys %seen;
}

sub active_at
{
	my ($name) = @_;
	return $balancer->service_of($name)->get('/health', connect => { $balancer->tls })->{json}{active_generation};
}

# ---- the keyring ----

$expected{'before'} = [ pairs(1, \@machines) ];
$balancer->start_load(3, 'before', 'first');
$balancer->under_load;

CaasCli::ok_caas('keyring', 'rotate', '--stage', $balancer->keyring('a'));
for my $name (@machines)
{
	quiet_phase("staged at $name", 'first', pairs(1, \@machines));
	$balancer->copy_keyring('a', $name) if $name ne 'a';
	$balancer->reload($name);
	$balancer->under_load;
}
is(distinct(map { CaasCli::ok_caas('keyring', 'list', $balancer->keyring($_)) } @machines),
	1, 'the files have the same generations and check values');
my @digests = probe(2);
ok(distinct(@digests) == 1 && $digests[0] ne 'refused', 'the services compute the same under the staged generation');
for my $place (0 .. $#machines)
{
	# Before the phase begins a service reads the file, so that the values of both generations come in it.
	my ($name, @behind) = @machines[ $place .. $#machines ];
	CaasCli::ok_caas('keyring', 'activate', $balancer->keyring($name), 2);
	$balancer->reload($name);
	is(active_at($name), 2, "$name has generation 2 active");
	quiet_phase("active at $name", 'first', pairs(2, [ @machines[ 0 .. $place ] ]), pairs(1, \@behind));
	$balancer->under_load;
}

# ---- the API keys ----

for my $name (@machines)
{
	quiet_phase("second key at $name", 'first');
	$balancer->set_keys($name, 'first', 'second');
	$balancer->reload($name);
	$balancer->under_load;
}
quiet_phase('moved', 'second', pairs(2, \@machines));
$balancer->under_load;
for my $name (@machines)
{
	quiet_phase("first key gone at $name", 'second');
	$balancer->set_keys($name, 'second');
	$balancer->reload($name);
	$balancer->under_load;
	refused($balancer->ask_at($name, 'first', '/encrypt', body_of('/encrypt')),
		401, 'invalid_api_key', "$name: the first");
}

# ---- stopping ----

for my $name (@machines)
{
	quiet_phase("$name stops", 'second');
	$balancer->service_of($name)->stop;
	ok($balancer->wait_for_state($name, 'DOWN'), "$name is gone, and the proxy knows it");
	$balancer->under_load;
	quiet_phase("$name starts", 'second');
	$balancer->start($name);
	ok($balancer->wait_for_state($name, 'UP'), 'it is back');
	quiet_phase("$name is back", 'second', pairs(2, [$name]));
	$balancer->under_load;
}
quiet_phase('b drains', 'second');
$balancer->command('set server caas/b state drain');
$balancer->under_load;
ok(wait_for(sub { ($balancer->proxy_state('b'))[1] eq '0' }), 'b has no request left');
quiet_phase('b is drained', 'second', pairs(2, [qw(a c)], qw(a c)));
$balancer->under_load;
$balancer->service_of('b')->stop;
$balancer->start('b');
quiet_phase('b comes back', 'second');
$balancer->command('set server caas/b state ready');
ok($balancer->wait_for_state('b', 'UP'), 'b is back');
quiet_phase('b is ready', 'second', pairs(2, ['b']));
$balancer->under_load;

# A keyring that one service cannot read.
quiet_phase('c has no keyring', 'second');
write_file($balancer->keyring('c'), 'broken');
my $service = $balancer->service_of('c');
ok($service->says(qr/^caas: warning: .*keyring/m, sub { $service->signal('HUP') }), 'c says so');
ok($balancer->wait_for_state('c', 'DOWN'), 'and gets no more requests');
$balancer->under_load;
$balancer->copy_keyring('a', 'c');
$balancer->reload('c');
ok($balancer->wait_for_state('c', 'UP'), 'until it has one');

# ---- in the wrong order ----

# Requests fail as soon as a has read the file, so every client has left the last phase without failures before.
$balancer->phase('about to be wrong', 'second');
$balancer->under_load;
CaasCli::ok_caas('keyring', 'rotate', $balancer->keyring('a'));
$balancer->reload('a');
$balancer->phase('active at a alone', 'second');
$balancer->under_load;
$balancer->copy_keyring('a', $_), $balancer->reload($_) for qw(b c);
quiet_phase('repaired', 'second', pairs(3, \@machines));
$balancer->under_load;
$balancer->set_keys('a', 'second', 'third');
$balancer->reload('a');
$balancer->phase('moved too soon', 'third');
$balancer->under_load;

# ---- what the clients have seen ----

my $phases = $balancer->finish_load;
my $requests = 0;
for my $name (sort keys %expected)
{
	my $seen = $phases->{$name} // {};
	$requests += $seen->{requests} // 0;
	is(join('; ', map { "$seen->{failed}{$_} times $_" } sort keys %{ $seen->{failed} }),
		'', ($seen->{requests} // 0) . " requests, $name: none failed");
	my @missing = grep { !$seen->{checked}{$_} } @{ $expected{$name} };
	is("@missing", '', 'of all that had to be checked');
}
is(join('; ', grep { / at b\z/ } keys %{ $phases->{'b is drained'}{checked} }), '',
	'b got nothing when it was drained');
my $wrong = $phases->{'active at a alone'}{failed};
is(
	join('; ', sort keys %$wrong),
	'/open: 400 unknown_generation; /verify says no',
	'activated before the others have it: false verifies, and values that do not open'
);
is(
	join('; ',
		grep { !m{^/(?:encrypt|seal|verify|open): 401 invalid_api_key$} }
		sort keys %{ $phases->{'moved too soon'}{failed} }),
	'',
	'a client that moves too soon is refused'
);
cmp_ok($phases->{'moved too soon'}{failed}{'/encrypt: 401 invalid_api_key'} // 0, '>', 0, 'by those without the key');
$balancer->service_of($_)->stop for @machines;
$balancer->stop_proxy;
note "$requests requests without a failure";
done_testing();
