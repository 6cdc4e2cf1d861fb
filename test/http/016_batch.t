# The answers of a batch come in the order of its requests. A request that fails has its error in its place, and the others are answered.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use JSON::PP;
use Test::More;

my $service = service();
my %user = (userUUID => some_uuid());

sub batch
{
	my ($operation, @requests) = @_;
	return $service->post('/batch', { operation => $operation, requests => \@requests });
}

# The answers of the single routes to these requests.
sub singly
{
	my ($operation, @requests) = @_;
	return [
		map { my $json = $service->post("/$operation", $_)->{json}; exists $json->{error} ? error_code($json) : $json }
			@requests ];
}

sub same_as_singly
{
	my ($operation, $name, @requests) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $answer = batch($operation, @requests);
	my $got = [ map { exists $_->{error} ? error_code($_) : $_ } @{ $answer->{json}{answers} // [] } ];
	is("$answer->{code} @{ [ sort keys %{ $answer->{json} } ] }", '200 answers', "$operation: $name");
	return is_deeply($got, singly($operation, @requests), 'the answers are those of the single requests');
}

my @bad = (
	{},
	{ nonsense => 1 },
	{ %user, sensitiveData => 1 },
	{ %user, sensitiveData => "\0" },
	{
		userUUID => 'x',
		sensitiveData => 'x'
	},
	{ %user, sensitiveData => '*', encoding => 'base64' },
	{ %user, sensitiveData => 'x', encoding => 'x' }
);
for my $operation (qw(encrypt verify blind-index open))
{
	my $good = body_of("/$operation");
	same_as_singly($operation, 'good and bad', $good, map { ($_, $good) } @bad);
	same_as_singly($operation, 'bad alone', $bad[0]);
}
same_as_singly('encrypt', 'many', map { { %user, sensitiveData => "data $_" } } 1 .. 300);
same_as_singly(
	'encrypt', 'options',
	map { { %user, sensitiveData => 'aGk=', %$_ } } { encoding => 'base64' },
	{ generation => 1 },
	{ generation => 2 },
	{ encoding => undef, generation => undef },
	{ context => 'x' }
);
my $sealed = batch('seal', map { { %user, sensitiveData => "s$_", context => "c$_" } } 1 .. 50)->{json}{answers};
same_as_singly(
	'open',
	'what was sealed',
	map { { %user, sealedData => $sealed->[ $_ - 1 ]{sealed_data}, context => "c$_" } } 1 .. 50
);
given (
	batch('open', map { { %user, sealedData => $sealed->[ $_ - 1 ]{sealed_data}, context => "c$_" } } 1 .. 50),
	{ answers => [ map { { sensitive_data => "s$_" } } 1 .. 50 ] },
	'comes back in order'
);

given (batch('encrypt'), { answers => [] }, 'an empty batch');
my $key = api_key('app');
my @codes =
	map { error_code($_) }
	@{ batch('encrypt', { %user, sensitiveData => 'x', apiKey => $key }, 1, 'x', undef, [], JSON::PP::true, [ {} ])
		->{json}{answers} };
is($codes[0], 'unknown_field', 'a request of a batch has no key of its own');
is($_, 'not_an_object', 'and is an object') for @codes[ 1 .. 6 ];

refused($service->post('/batch', { operation => 'encrypt', requests => [], %$_ }),
	400, 'unknown_field', 'a batch has no other fields')
	for { userUUID => some_uuid() }
, { generation => 1 }, { Requests => [] };
my $one = qq({"userUUID":"$user{userUUID}","sensitiveData":"x"});
my $twice = $service->post('/batch',
	qq({"operation":"encrypt","requests":[$one,{"sensitiveData":"y",${\ substr $one, 1},$one]}));
is_deeply(
	[ map { error_code($_) } @{ $twice->{json}{answers} } ],
	[ 'no error', 'duplicate_field', 'no error' ],
	'a field twice, in its place'
);
refused($service->post('/batch', qq({"operation":"encrypt","requests":[$one,$one)),
	400, 'invalid_json', 'broken JSON is an error of all');
refused($service->post('/batch', qq({"operation":"encrypt","requests":[$one,"\xff"]})),
	400, 'invalid_utf8', 'as is no UTF-8');
my $order = qq({"requests":[$one],"apiKey":"$key","operation":"encrypt"});
is($service->post('/batch', $order, key => undef)->{code}, 200, 'the order of the fields does not matter');

# A batch has a bound of its own, besides that of its body.
sub of_many
{
	my ($to, $operation, $count, $request) = @_;
	$to->send(
		question('POST', '/batch', qq({"operation":"$operation","requests":[) . join(',', ($request) x $count) . ']}'));
	return $to->answer;
}
my $client = $service->connect;
my $few = '{"sensitiveData":"x"}';
my $answer = of_many($client, 'encrypt', 10_000, $one);
is(scalar @{ $answer->{json}{answers} // [] }, 10_000, '10,000 values');
is_deeply(
	[ $answer->{json}{answers}[0], $answer->{json}{answers}[-1] ],
	[ ($service->post('/encrypt', $one)->{json}) x 2 ],
	'each answered'
);
refused(of_many($client, 'encrypt', 10_001, $one), 413, 'batch_too_large', 'and no more');
refused(of_many($client, 'encrypt', 524_000, 0), 413, 'batch_too_large', 'whatever they are');
is(scalar @{ of_many($client, 'blind-index', 10_000, $few)->{json}{answers} // [] },
	10_000, 'of other operations as many');
refused(of_many($client, 'blind-index', 10_001, $few), 413, 'batch_too_large', 'and no more');
is(scalar @{ of_many($client, 'encrypt', 1, $one)->{json}{answers} // [] }, 1, 'the connection stays');

my $full = qq({"operation":"encrypt","requests":[$one]});
is($service->post('/batch', $full . ' ' x (1_048_576 - length $full))->{code}, 200, 'a body of the greatest size');
refused($service->post('/batch', $full . ' ' x (1_048_577 - length $full)), 413, 'body_too_large', 'and no more');
$service->stop;

# The work of a batch is its values and its KiB, for each generation that is tried.
my $many = folder() . '/keyring';
write_keyring($many, (map { generation($_, 'retired') } 1 .. 1023), generation(1024, 'active'));
$service = service(keyring => $many);
$client = $service->connect;
my $claim = $one =~ s/\}\z/,"encryptedData":"00"}/r;
for my $operation ([ verify => $claim ], [ 'blind-index' => $few ])
{
	my ($name, $request) = @$operation;
	is(scalar @{ of_many($client, $name, 80, $request)->{json}{answers} // [] },
		80, "$name: 80 values under 1,024 generations");
	refused(of_many($client, $name, 98, $request), 413, 'batch_too_large', 'and not 98');
	refused(of_many($client, $name, 1, $request =~ s/"x"/'"' . 'x' x 100_000 . '"'/er),
		413, 'batch_too_large', 'nor a long one');
}
is(scalar @{ of_many($client, 'encrypt', 10_000, $one)->{json}{answers} // [] },
	10_000, 'an operation under one generation has all');
refused($service->post('/verify', $claim =~ s/"x"/'"' . 'x' x 100_000 . '"'/er),
	413, 'too_much_work', 'the bound of a single request');
$service->stop;
done_testing();
