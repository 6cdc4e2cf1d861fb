# Every route takes its documented fields and no others, each once, each of its type.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use JSON::PP qw(encode_json);
use Test::More;

my $service = service();
my @user = qw(userUUID sensitiveData);
my %required = (
	'/encrypt' => [@user],
	'/verify' => [ @user, 'encryptedData' ],
	'/seal' => [@user],
	'/open' => [qw(userUUID sealedData)],
	'/reseal' => [qw(userUUID sealedData)],
	'/blind-index' => ['sensitiveData'],
	'/hash-password' => [qw(userUUID password)],
	'/verify-password' => [qw(userUUID password passwordHash)],
	'/batch' => [qw(operation requests)]
);
my @by_id = qw(userId namespace);
my %optional = (
	'/encrypt' => [ @by_id, qw(encoding generation) ],
	'/verify' => [ @by_id, 'encoding' ],
	'/seal' => [ @by_id, qw(context encoding) ],
	'/open' => [ @by_id, qw(context encoding) ],
	'/reseal' => [ @by_id, 'context' ],
	'/blind-index' => [qw(context length encoding normalize)],
	'/hash-password' => [@by_id],
	'/verify-password' => [@by_id],
	'/batch' => []
);
my %of_type = (
	(
		map { ($_ => 'string') }
			qw(apiKey encoding context operation normalize encryptedData sealedData password passwordHash),
		@user,
		@by_id
	),
	requests => 'array',
	generation => 'number',
	length => 'number'
);
my %values = (
	string => '"1"',
	number => '1',
	array => '[]',
	object => '{}',
	true => 'true',
	false => 'false',
	null => 'null',
	fraction => '1.5'
);
my @all = (
	keys %of_type,
	qw(apikey api_key useruuid user_uuid UserUUID sensitive_data Context),
	'context ', '', "a\0", 'x' x 300, '__proto__'
);

# Sends a body with one member set to this JSON.
sub with
{
	my ($route, $field, $value) = @_;
	my $body = encode_json(body_of($route, $field => undef));
	return $service->post($route,
		$body =~ s/\}\z/($body eq '{}' ? '' : ',') . encode_json([$field]) =~ s,\A\[|\]\z,,gr . ":$value}"/er);
}

# The codes that a field of the right type may lead to; its value can still be refused.
my $taken =
	qr/\A(?:accepted|ambiguous_user|cannot_open|malformed_value|invalid_(?!json|utf8)[a-z0-9_]+|unknown_generation)\z/;

for my $route (sort keys %required)
{
	my %mine = map { ($_ => 1) } 'apiKey', @{ $required{$route} }, @{ $optional{$route} };
	my %needed = map { ($_ => 1) } @{ $required{$route} };
	refused($service->post($route, body_of($route, $_ => undef)), 400, 'missing_field', "$route without $_")
		for sort keys %needed;
	refused($service->post($route, {}), 400, 'missing_field', "$route with nothing");
	for my $field (sort grep { !$mine{$_} } @all)
	{
		refused(with($route, $field, $_), 400, 'unknown_field', "$route: no $field") for '"1"', 'null';
	}
	for my $field (sort keys %mine)
	{
		next if $field eq 'apiKey';
		for my $kind (sort keys %values)
		{
			my $code = with($route, $field, $values{$kind})->{json}{error}{code} // 'accepted';
			if ($kind eq 'null' && $needed{$field})
			{
				like($code, qr/\A(?:wrong_type|missing_field)\z/, "$route: null for $field");
			}
			elsif ($kind eq $of_type{$field} || $kind eq 'null' || $field eq 'userId' && $kind eq 'number')
			{
				like($code, $taken, "$route: $kind for $field");
			}
			elsif ($kind eq 'fraction') { isnt($code, 'accepted', "$route: a fraction for $field"); }
			else { is($code, 'wrong_type', "$route: $kind for $field"); }
		}
		my $body = encode_json(body_of($route));
		my $once = encode_json(body_of($route, $field => undef)) =~ s/\}\z/,"$field":$values{ $of_type{$field} }}/r =~
			s/\A\{,/{/r;
		my $twice = $once =~ s/\}\z/,"$field":1}/r;
		refused($service->post($route, $twice), 400, 'duplicate_field', "$route: $field twice");
		my $hidden = $twice =~ s/"$field":1\}\z/sprintf('"\\u%04x%s":1}', ord $field, substr $field, 1)/er;
		isnt($hidden, $twice, 'written with an escape');
		refused($service->post($route, $hidden), 400, 'duplicate_field', "$route: $field twice, once with an escape");
	}
}
my $key = api_key('app');
my $body = encode_json(body_of('/encrypt'));
refused($service->post('/encrypt', $body =~ s/\}\z/,"apiKey":"$key","apiKey":"$key"}/r, key => undef),
	400, 'duplicate_field', 'apiKey twice');
$service->stop;
done_testing();
