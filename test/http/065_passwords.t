# Passwords: what /hash-password makes /verify-password knows. Threads of their own hash, so that other requests are answered
# meanwhile. How many hashes run and wait is bounded; clients that leave, a reload and the end find their way past them.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = folder();
my $uuid = some_uuid();
my $slow = 'ln=14,r=8,p=8';    # somewhat more than the default cost
my $health = question('GET', '/health', undef, key => undef);

sub password { my ($word, %over) = @_; return { userUUID => $uuid, password => $word, %over }; }
# The request that compares a password with a hash that no password has.
sub slow_question
{
	return question('POST', '/verify-password', password('x', passwordHash => password_hash($_[0] // $slow)));
}
# Connections with such a request each.
sub hashing
{
	my ($service, $count, $costs) = @_;
	my @clients = map { $service->connect } 1 .. $count;
	$_->send(slow_question($costs)) for @clients;
	sleep 0.1;    # for the threads to take them in
	return @clients;
}
my $no = { valid => JSON::PP::false, outdated => JSON::PP::true };

# ---- the vectors ----

my %vectors;
push @{ $vectors{ $_->{passwords} } }, $_ for file_vectors('password');
for my $pool (sort keys %vectors)
{
	my $service = service(keyring => vector_keyring("$dir/vectors", 1, @{ $vectors{$pool} }));
	for my $vector (grep { $_->{kind} eq 'password' } @{ $vectors{$pool} })
	{
		my @words = ($vector->{password}, "$vector->{password}x");
		my @valid = map {
			$service->post('/verify-password',
				{ userUUID => $vector->{uuid}, password => $_, passwordHash => $vector->{stored} })->{json}{valid}
		} @words;
		is("@valid", '1 0', 'a vector: ' . substr $vector->{stored}, 0, 50);
	}
	$service->stop;
}

# ---- what is computed ----

my $service = service(dir => $dir, args => [ '--password-threads', 2 ]);
my $answer = $service->post('/hash-password', password("correct horse \x{e7}"));
like($answer->{body},
	qr/\A\{"password_hash":"\$caas-scrypt\$v=1\$g=1,ln=15,r=8,p=3\$[A-Za-z0-9+\/]{22}\$[A-Za-z0-9+\/]{43}"\}\z/,
	'a hash');
my $hash = $answer->{json}{password_hash};

sub verified
{
	my ($word, %over) = @_;
	return $service->post('/verify-password', password($word, passwordHash => $hash, %over));
}
given (verified("correct horse \x{e7}"), { valid => JSON::PP::true, outdated => JSON::PP::false }, 'verifies');
given (
	verified('correct horse'),
	{ valid => JSON::PP::false, outdated => JSON::PP::false },
	'another password does not'
);
given (
	verified("correct horse \x{e7}", userUUID => '00000000-0000-0000-0000-000000000000'),
	{ valid => JSON::PP::false, outdated => JSON::PP::false },
	'nor does the same of another user'
);
isnt($service->post('/hash-password', password("correct horse \x{e7}"))->{json}{password_hash},
	$hash, 'each hash has its own salt');
given (verified('x', passwordHash => $_), $no, 'not a hash: ' . substr $_, 0, 30)
	for '', 'x', "\0", $hash =~ s/.\z//r, "$hash ", password_hash('ln=30,r=8,p=1');
given (verified('x', passwordHash => password_hash()), $no, 'a hash of low cost is outdated');
refused(verified('x', passwordHash => $hash =~ s/g=1/g=2/r), 400, 'unknown_generation', 'a hash of another keyring');
refused($service->post('/hash-password', password("a\0")), 400, 'invalid_text', 'U+0000');
like($service->post('/hash-password', password(''))->{json}{password_hash}, qr/\A\$caas/, 'an empty password');
like($service->post('/hash-password', password('x' x 900_000))->{json}{password_hash}, qr/\A\$caas/, 'a long one');

my $client = $service->connect;
$client->send(question('POST', '/hash-password', password('x'))
		. $health
		. question('POST', '/verify-password', password('x', passwordHash => 'x')));
my @answers = map { $client->answer } 1 .. 3;
is(
	join(' ', map { join ',', sort keys %{ $_->{json} } } @answers),
	'password_hash active_generation,status,version outdated,valid',
	'requests on one connection are answered in their order'
);
$service->stop;
is(
	scalar(
		grep { $_->{route} eq '/hash-password' && $_->{code} == 200 && $_->{microseconds} > 1000 }
			map { log_entry($_) } split /\n/,
		$service->log_text
	),
	5,
	'the log has them, with the time that they took'
);

# ---- the threads that serve ----

$service = service(dir => $dir, threads => 1, args => [ '--password-threads', 1, '--request-timeout', 60 ]);
my @clients = hashing($service, 5);
my $other = $service->connect;
my $encrypt = question('POST', '/encrypt', body_of('/encrypt'));
my ($between, $slowest, $began) = (0, 0, time);
until ($clients[0]->has_input)
{
	my $start = time;
	$other->send($encrypt);
	$other->answer;
	my $took = time - $start;
	$slowest = $took if $took > $slowest;
	$between++;
}
my $each = time - $began;
diag sprintf 'a hash takes about %.2f s; beside it %d requests were answered, the slowest in %.1f ms', $each, $between,
	1000 * $slowest;
cmp_ok($between, '>=', 50, 'one thread answers other requests while a hash is computed');

# One runs and four wait.
push @clients, hashing($service, 1);
for (1 .. 3)
{
	my $busy = $service->post('/hash-password', password('x'));
	refused($busy, 503, 'passwords_busy', 'what is beyond is refused at once');
	like($busy->{headers}{'retry-after'}, qr/\A[1-9]\d*\z/, 'and told when to come again');
}
is($service->post('/hash-password', { userUUID => 'x', password => 'x' })->{json}{error}{code},
	'invalid_uuid', 'a fault of the request is told all the same');
given ($_->answer(timeout => 60), $no, 'those that wait are answered') for @clients;
like($service->post('/hash-password', password('x'))->{body}, qr/password_hash/, 'and then others again');
$_->close for @clients;

# ---- clients that leave ----

for my $reset (0, 1)
{
	for my $gone (hashing($service, 5))
	{
		setsockopt $gone->{socket}, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0 if $reset;
		$gone->close;
	}
	is($service->get('/health')->{code}, 200, $reset ? 'clients that reset their connections' : 'clients that leave');
	ok(wait_for(sub { $service->get('/metrics')->{body} =~ /^caas_connections 2$/m }, 60),
		'are forgotten once their hashes are computed');
	is($service->post('/verify-password', body_of('/verify-password'))->{code}, 200, 'and others are served');
}
$service->stop;

# ---- time ----

$service = service(dir => $dir, threads => 1, args => [ '--password-threads', 1, '--request-timeout', 1 ]);
@clients = hashing($service, 5, 'ln=15,r=8,p=16');
my @late = map { $_->answer(timeout => 60) } @clients;
my %kinds;
$kinds{ $_->{code} == 200 ? 'ok' : "$_->{code} " . error_code($_->{json}) }++ for @late;
cmp_ok($kinds{'503 passwords_busy'} // 0,
	'>=', 3, 'a hash that is not computed within the time of a request is refused');
is(join(' ', sort grep { !/\A(?:ok|503 passwords_busy)\z/ } keys %kinds), '', 'and nothing else happens');
$clients[-1]->send($health);
is($clients[-1]->answer->{code}, 200, 'its connection goes on');
ok(wait_for(sub { $service->post('/verify-password', body_of('/verify-password'))->{code} == 200 }, 60),
	'then the threads are free');
$service->stop;

# ---- the keyring ----

my ($one, $two) = map { generation(1, 'active') } 1 .. 2;
my $keyring = write_keyring("$dir/own", $one);
$service = service(dir => $dir, keyring => $keyring, args => [ '--password-threads', 1, '--request-timeout', 60 ]);
my $claim = password('x', passwordHash => $service->post('/hash-password', password('x'))->{json}{password_hash});

sub reloaded
{
	my ($what) = @_;
	return $service->says(qr/^caas: $what/m, sub { $service->signal('HUP') });
}
@clients = hashing($service, 2);
$client = $service->connect;
$client->send(question('POST', '/verify-password', $claim));
sleep 0.1;
write_keyring($keyring, $two);
ok(reloaded('note: reloaded'), 'a reload does not wait for hashes');
ok(!$client->has_input, 'one is under way');
given (
	$client->answer(timeout => 60),
	{ valid => JSON::PP::true, outdated => JSON::PP::false },
	'it is computed under the keyring that it came under'
);
given (
	$service->post('/verify-password', $claim),
	{ valid => JSON::PP::false, outdated => JSON::PP::false },
	'later ones under the new one'
);
write_keyring($keyring, $one);
ok(reloaded('note: reloaded'), 'the first keyring again');
hashing($service, 1);
$client->send(question('POST', '/verify-password', $claim));
sleep 0.1;
write_file($keyring, 'broken');
ok(reloaded('warning: .*until it can be used'), 'a keyring that cannot be used');
given (
	$client->answer(timeout => 60),
	{ valid => JSON::PP::true, outdated => JSON::PP::false },
	'ends nothing that has begun'
);
refused($service->post('/hash-password', password('x')), 503, 'no_keyring', 'later requests are refused');
write_keyring($keyring, $one);
reloaded('note: reloaded');

for my $round (1 .. 10)
{
	hashing($service, 1, 'ln=12,r=8,p=4');
	write_keyring($keyring, $round % 2 ? $two : $one);
	reloaded('note: reloaded') or fail("reload $round");
}
given (
	$service->post('/verify-password', $claim),
	{ valid => JSON::PP::true, outdated => JSON::PP::false },
	'many reloads beside hashes'
);
$service->stop;

# ---- the end ----

$service = service(dir => $dir, args => [ '--password-threads', 1, '--request-timeout', 60 ]);
@clients = hashing($service, 3);
$service->signal('TERM');
for my $waiting (@clients)
{
	given ($waiting->answer(timeout => 60), $no, 'at the end those that wait are answered');
	ok($waiting->ends, 'and their connections end');
}
$service->stopped;

# The end does not wait for hashes whose clients have gone, nor for those that take too long.
for my $leave (1, 0)
{
	$service = service(dir => $dir, args => [ '--password-threads', 1, '--request-timeout', 1 ]);
	@clients = hashing($service, 5, 'ln=15,r=8,p=16');
	if ($leave) { setsockopt($_->{socket}, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0), $_->close for @clients; }
	$began = machine_time();
	$service->stop;
	cmp_ok(machine_time() - $began,
		'<', 3.5, ($leave ? 'clients that have gone' : 'clients that wait') . ' do not delay the end');
}
$service = service(dir => $dir, args => [ '--password-threads', 1, '--request-timeout', 60 ]);
@clients = hashing($service, 5);
$began = machine_time();
$service->signal('TERM');
# Two signals at once would count as one.
eventually(sub { $service->refuses_connections }, 'after the first signal there is no new connection');
$service->signal('TERM');
$service->stopped;
cmp_ok(machine_time() - $began, '<', 3, 'a second signal ends the service at once');
done_testing();
