# /metrics has Prometheus's text format and counts the requests. It holds no user, key name or data.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

# The samples of a text: name and labels, as written with the labels sorted, to value. Dies when it is not the format.
sub samples
{
	my ($text) = @_;
	my (%sample, %type);
	die "no line end\n" unless $text =~ /\n\z/;
	for (split /\n/, $text)
	{
		if (/\A# HELP ([a-z_]+) \S.*\z/) { next; }
		if (/\A# TYPE ([a-z_]+) (counter|gauge|histogram|summary)\z/)
		{
			die "type of $1 twice\n" if $type{$1};
			$type{$1} = $2;
			next;
		}
		my ($name, $labels, $value) = /\A([a-z_]+)(?:\{(.*)\})? (\S+)\z/ or die "line: $_\n";
		my $family = $type{$name} ? $name : $name =~ s/_(?:bucket|sum|count)\z//r;
		die "$name has no type\n" unless $type{$family};
		die "$name: value\n" unless $value =~ /\A(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|\+Inf)\z/i;
		my @labels = map { /\A([a-z_]+)="((?:[^"\\]|\\.)*)"\z/ or die "label: $_\n"; "$1=$2" } split /,(?=[a-z_]+=")/,
			$labels // '';
		my $full = join ' ', $name, sort @labels;
		die "$full twice\n" if exists $sample{$full};
		$sample{$full} = $value;
	}
	return \%sample;
}

my $service = service(keys => [ key_line('app'), key_line('marked-name', 'open') ]);

sub now
{
	my $answer = $service->get('/metrics');
	like($answer->{headers}{'content-type'}, qr{\Atext/plain; version=0\.0\.4}, 'the content type');
	my $samples = eval { samples($answer->{body}) };
	is($@, '', 'the format');
	return $samples;
}
my $route =
	sub { my ($samples, $path, $code) = @_; return $samples->{"caas_http_requests_total code=$code route=$path"} // 0; };
my $before = now();

my %ask = (
	'/encrypt 200' => sub { $service->post('/encrypt', body_of('/encrypt')) },
	'/encrypt 400' => sub { $service->post('/encrypt', {}) },
	'/verify 200' => sub { $service->post('/verify', body_of('/verify')) },
	'/seal 200' => sub { $service->post('/seal', body_of('/seal')) },
	'/open 400' => sub { $service->post('/open', body_of('/open')) },
	'/reseal 400' => sub { $service->post('/reseal', body_of('/reseal')) },
	'/blind-index 200' => sub { $service->post('/blind-index', body_of('/blind-index')) },
	'/hash-password 200' => sub { $service->post('/hash-password', body_of('/hash-password')) },
	'/verify-password 200' => sub { $service->post('/verify-password', body_of('/verify-password')) },
	'/batch 200' => sub { $service->post('/batch', body_of('/batch', requests => [ (body_of('/encrypt')) x 7 ])) },
	'/encrypt 401' => sub { $service->post('/encrypt', body_of('/encrypt'), key => 'stranger') },
	'/encrypt 403' => sub { $service->post('/encrypt', body_of('/encrypt'), key => 'marked-name') },
	'/encrypt 405' => sub { $service->ask('PUT', '/encrypt', {}) },
	'/encrypt 415' => sub { $service->post('/encrypt', '{}', type => undef) },
	'/health 200' => sub { $service->get('/health') },
	'/openapi.json 200' => sub { $service->get('/openapi.json') }
);
my $times = 0;
for my $what (sort keys %ask)
{
	$times++;
	my ($code) = $what =~ /([0-9]+)\z/;
	is($ask{$what}->()->{code}, $code, $what) for 1 .. $times;
}
$service->get("/nothing/$_") for 1 .. 100;
my $after = now();
$times = 0;
for my $what (sort keys %ask)
{
	$times++;
	is($route->($after, split ' ', $what) - $route->($before, split ' ', $what), $times, "$what: counted");
}
my @unknown =
	grep { $after->{$_} - ($before->{$_} // 0) == 100 && /\Acaas_http_requests_total code=404 / } keys %$after;
is(scalar @unknown, 1, 'paths that are none are counted together');
cmp_ok(scalar(grep { /\Acaas_http_requests_total / } keys %$after), '<', 30, 'and there is no sample a path');

my $failures = sub {
	my ($samples) = @_;
	my ($name) = grep { /auth\w*_fail|fail\w*_auth/ } keys %$samples;
	return $samples->{$name} // 'none';
};
is(
	$failures->($after) - $failures->($before),
	(grep { (sort keys %ask)[$_] eq '/encrypt 401' } 0 .. keys(%ask) - 1)[0] + 1,
	'failed authentications'
);
my ($active) = grep { /active_generation/ } keys %$after;
is($after->{$active}, 1, 'the active generation');

# The buckets of a latency are cumulative, and the last one has all requests.
my %buckets;
for my $sample (keys %$after)
{
	push @{ $buckets{$1} }, [ $2, $after->{$sample} ] if $sample =~ m{\A(\w+)_bucket le=(\S+)(?: route=/encrypt)?\z};
}
cmp_ok(scalar keys %buckets, '>=', 1, 'there are latencies');
for my $name (keys %buckets)
{
	my @sorted = map { $_->[1] }
		sort { ($a->[0] eq '+Inf' ? 9e9 : $a->[0]) <=> ($b->[0] eq '+Inf' ? 9e9 : $b->[0]) } @{ $buckets{$name} };
	is(join(' ', @sorted), join(' ', sort { $a <=> $b } @sorted), "$name: buckets are cumulative");
	my ($count) = map { $after->{$_} } grep { m{\A${name}_count route=/encrypt\z} } keys %$after;
	is($sorted[-1], $count, 'the last has all');
	my $all = 0;
	$all += $after->{$_} for grep { m{\Acaas_http_requests_total code=\S+ route=/encrypt\z} } keys %$after;
	is($count, $all, 'as many as requests');
}
unlike(
	join(' ', keys %$after),
	qr/marked-name|[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-f]{32}|nothing/,
	'no key name, UUID, digest or path'
);

# Only values that were computed are counted.
my $values = sub {
	my ($samples) = @_;
	return { map { ($_ => $samples->{"caas_values_total operation=$_"} // 0) }
			qw(encrypt verify seal open reseal blind-index hash-password verify-password) };
};

sub counts
{
	my ($name, $do, %expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $start = $values->(now());
	$do->();
	my $end = $values->(now());
	my %grown = map { $end->{$_} == $start->{$_} ? () : ($_ => $end->{$_} - $start->{$_}) } keys %$end;
	return is_deeply(\%grown, \%expected, "values: $name");
}
my $sealed = $service->post('/seal', body_of('/seal'))->{json}{sealed_data};
counts($_->[0], $_->[1], @{ $_->[2] // [] })
	for [ 'one', sub { $service->post('/encrypt', body_of('/encrypt')) }, [ encrypt => 1 ] ],
	[ 'what does not match', sub { $service->post('/verify', body_of('/verify')) }, [ verify => 1 ] ],
	[ 'one sealed', sub { $service->post('/seal', body_of('/seal')) }, [ seal => 1 ] ],
	[ 'one opened', sub { $service->post('/open', body_of('/open', sealedData => $sealed)) }, [ open => 1 ] ],
	[ 'one resealed', sub { $service->post('/reseal', body_of('/reseal', sealedData => $sealed)) }, [ reseal => 1 ] ],
	[ 'a blind index', sub { $service->post('/blind-index', body_of('/blind-index')) }, [ 'blind-index' => 1 ] ],
	[ 'a password', sub { $service->post('/hash-password', body_of('/hash-password')) }, [ 'hash-password' => 1 ] ],
	[
	'a password that is not the one',
	sub { $service->post('/verify-password', body_of('/verify-password')) },
	[ 'verify-password' => 1 ]
	],
	[
	'what cannot be opened',
	sub { $service->post('/open', body_of('/open', sealedData => $sealed, context => 'x')) }
	],
	[ 'what is not sealed', sub { $service->post('/open', body_of('/open')) } ], [
	'no fields',
	sub {
		$service->post("/$_", {})
			for qw(encrypt verify seal open reseal blind-index hash-password verify-password batch);
	}
	],
	[ 'wrong fields', sub { $service->post('/encrypt', body_of('/encrypt', userUUID => 'x')) } ],
	[ 'no such generation', sub { $service->post('/encrypt', body_of('/encrypt', generation => 9)) } ],
	[
	'no key', sub { $service->post('/encrypt', body_of('/encrypt'), key => $_) for undef, 'stranger', 'marked-name' }
	],
	[ 'an empty batch', sub { $service->post('/batch', body_of('/batch')) } ],
	[ 'a batch too large', sub { $service->post('/batch', body_of('/batch', requests => [ (0) x 10_001 ])) } ],
	[
	'a batch of good and bad',
	sub { $service->post('/batch', body_of('/batch', requests => [ (body_of('/encrypt'), {}, 1) x 3 ])) },
	[ encrypt => 3 ]
	],
	[
	'a batch of bad',
	sub { $service->post('/batch', body_of('/batch', operation => 'seal', requests => [ ({}) x 3 ])) }
	];

write_file("$service->{dir}/keyring", '');
$service->signal('HUP');
eventually(sub { $service->get('/health')->{code} == 503 }, 'without a keyring');
isnt(now()->{$active} // 'none', 1, 'the active generation is not told any more');
$service->stop;
done_testing();
