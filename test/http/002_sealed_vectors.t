# /open opens the published vectors of every generation, for their user and context only, and what /seal made.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

my @vectors = file_vectors('sealed');
my @sealed = grep { $_->{kind} eq 'sealed' } @vectors;
cmp_ok(@sealed, '>=', 40, 'there are vectors');
my $service = service(keyring => vector_keyring(folder() . '/keyring', 1, @vectors));

for my $vector (@sealed)
{
	my %value = (userUUID => $vector->{uuid}, sealedData => encode_base64(pack('H*', $vector->{sealed}), ''));
	my %context = (context => $vector->{context});
	my $name = "$vector->{cipher}, generation $vector->{generation}, " . length($vector->{text}) . ' characters';
	given ($service->post('/open', { %value, %context }), { sensitive_data => $vector->{text} }, $name);
	my $other = $vector->{context} eq '' ? 'x' : substr $vector->{context}, 1;
	refused($service->post('/open', { %value, context => $other }), 400, 'cannot_open', 'not in another context');
	next if $vector->{context} ne '';
	given ($service->post('/open', {%value}), { sensitive_data => $vector->{text} },
		'the empty context is the default');
	given ($service->post('/open', { %value, context => undef }), { sensitive_data => $vector->{text} }, 'as is null');
}

my @values = map { {
	userUUID => $_->{uuid},
	sealedData => encode_base64(pack('H*', $_->{sealed}), ''),
	context => $_->{context}
} } @sealed;
given (
	$service->post('/batch', { operation => 'open', requests => \@values }),
	{ answers => [ map { { sensitive_data => $_->{text} } } @sealed ] },
	'all in a batch'
);

my %seen;
for my $vector (@sealed)
{
	my %value = (userUUID => $vector->{uuid}, context => $vector->{context});
	my $answer = $service->post('/seal', { %value, sensitiveData => $vector->{text} });
	my $made = $answer->{json}{sealed_data} // '';
	my $bytes = decode_base64($made);
	is(encode_base64($bytes, ''), $made, 'sealed: standard base64');
	is(length $bytes, length($vector->{sealed}) / 2, 'of the length of the vector');
	is(unpack('H6', $bytes), '010001', 'under the active generation');
	ok(!$seen{$made}++, 'never twice the same');
	given (
		$service->post('/open', { %value, sealedData => $made }),
		{ sensitive_data => $vector->{text} },
		'opens again'
	);
	refused(
		$service->post('/open', { %value, sealedData => $made, userUUID => '01234567-89ab-cdef-0123-456789abcdef' }),
		400, 'cannot_open', 'for nobody else');
}
$service->stop;
done_testing();
