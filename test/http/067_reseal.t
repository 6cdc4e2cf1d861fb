# /reseal gives the bytes of docs/spec.md: each time the same, and those of SQL.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $dir = folder();
my @vectors = file_vectors('reseal');
sub of { return encode_base64(pack('H*', $_[0]), ''); }
for my $generation (map { $_->{generation} } grep { $_->{kind} eq 'generation' } @vectors)
{
	my @of_generation = grep { $_->{kind} eq 'reseal' && $_->{generation} == $generation } @vectors or next;
	my $service = service(keyring => vector_keyring("$dir/keyring", $generation, @vectors));
	my @requests =
		map { { userUUID => $_->{uuid}, context => $_->{context}, sealedData => of($_->{sealed}) } } @of_generation;
	my @answers = map { { sealed_data => of($_->{resealed}) } } @of_generation;
	given ($service->post('/reseal', $requests[$_]), $answers[$_], "generation $generation, vector $_")
		for 0 .. $#requests;
	given (
		$service->post('/batch', { operation => 'reseal', requests => \@requests }),
		{ answers => \@answers },
		'in a batch'
	);
	for my $at (0 .. $#requests)
	{
		my %again = (%{ $requests[$at] }, sealedData => $answers[$at]{sealed_data});
		given ($service->post('/reseal', \%again), $answers[$at], 'a second time it stays as it is');
		my $opened = $service->post('/open', { %again, encoding => 'base64' });
		given ($service->post('/open', { %{ $requests[$at] }, encoding => 'base64' }),
			$opened->{json}, 'the data is the same');
		is($opened->{code}, 200, 'and opens');
		refused($service->post('/reseal', { %{ $requests[$at] }, context => 'another' }),
			400, 'cannot_open', 'under another context it does not')
			unless $answers[$at]{sealed_data} eq $requests[$at]{sealedData};
	}
	$service->stop;
}

my $service = service(keys => [ key_line('app'), key_line('renewer', 'reseal') ]);
my $sealed = $service->post('/seal', body_of('/seal'))->{json}{sealed_data};
given (
	$service->post('/reseal', body_of('/reseal', sealedData => $sealed), key => 'renewer'),
	{ sealed_data => $sealed },
	'a right of its own'
);
refused($service->post('/open', body_of('/open', sealedData => $sealed), key => 'renewer'),
	403, 'not_permitted', 'is none to open');
my %user = (userUUID => undef, userId => 42, namespace => 'users');
my $of_id = $service->post('/seal', body_of('/seal', %user))->{json}{sealed_data};
given (
	$service->post('/reseal', body_of('/reseal', %user, sealedData => $of_id)),
	{ sealed_data => $of_id },
	'a user by id'
);
refused($service->post('/reseal', body_of('/reseal', sealedData => $_)), 400, 'malformed_value', 'no sealed value')
	for '', 'AQAB', 'Ag' . substr $sealed, 2;
refused($service->post('/reseal', body_of('/reseal', sealedData => '*')), 400, 'invalid_base64', 'no base64');
$service->stop;
done_testing();
