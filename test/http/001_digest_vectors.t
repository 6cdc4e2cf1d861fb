# /encrypt and /verify give the published vectors, one by one and in a batch.
use strict;
use warnings;
use lib 'test/http';
use Encode qw(encode_utf8);
use HttpService;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Test::More;

my @vectors = grep { $_->{kind} eq 'digest' } vectors();
cmp_ok(@vectors, '>=', 11, 'there are vectors');
my $service = service();
my ($yes, $no) = ({ valid => JSON::PP::true, generation => 1 }, { valid => JSON::PP::false, generation => undef });

for my $vector (@vectors)
{
	my %user = (userUUID => $vector->{uuid}, sensitiveData => $vector->{text});
	my $digest = $vector->{digest};
	my $answer = $service->post('/encrypt', {%user});
	given ($answer, { encrypted_data => $digest }, "$vector->{algorithm}, salt $vector->{salt_length}");
	given ($service->post('/encrypt', { %user, generation => 1 }), { encrypted_data => $digest }, 'by number');
	my %bytes = (encoding => 'base64', sensitiveData => encode_base64(encode_utf8($vector->{text}), ''));
	given ($service->post('/encrypt', { %user, %bytes }), { encrypted_data => $digest }, 'as base64');
	given ($service->post('/verify', { %user, encryptedData => $digest }), $yes, 'verifies');
	given ($service->post('/verify', { %user, %bytes, encryptedData => uc $digest }), $yes, 'in capitals, as base64');
	given ($service->post('/verify', { %user, sensitiveData => "$vector->{text}x", encryptedData => $digest }),
		$no, 'other data');
	given (
		$service->post('/encrypt', { %user, userUUID => uc $vector->{uuid} }),
		{ encrypted_data => $digest },
		'UUID in capitals'
	);
}

my @users = map { { userUUID => $_->{uuid}, sensitiveData => $_->{text} } } @vectors;
given (
	$service->post('/batch', { operation => 'encrypt', requests => \@users }),
	{ answers => [ map { { encrypted_data => $_->{digest} } } @vectors ] },
	'all in a batch'
);
my @claims = map { { %{ $users[$_] }, encryptedData => $vectors[$_]{digest} } } 0 .. $#users;
given (
	$service->post('/batch', { operation => 'verify', requests => \@claims }),
	{ answers => [ map { $yes } @claims ] },
	'all verified in a batch'
);

my $true = $service->post('/verify', $claims[0]);
like($true->{body}, qr/"valid": ?true[,}]/, 'a JSON true');
like($true->{body}, qr/"generation": ?1[,}]/, 'and a JSON number');
is($true->{headers}{'content-type'}, 'application/json', 'the content type');
$service->stop;
done_testing();
