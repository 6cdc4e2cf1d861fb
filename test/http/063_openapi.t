# /openapi.json describes exactly what is served: paths, methods, fields, answers, statuses and codes.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use JSON::PP;
use Test::More;

my $service = service(keys => [ key_line('app'), key_line('reader', 'open') ]);
my $api = $service->get('/openapi.json')->{json};
like($api->{openapi}, qr/\A3\.0\.[0-9]\z/, 'OpenAPI 3.0');
my ($version) = read_file('caas.control') =~ /^default_version = '(.*)'$/m;
is($api->{info}{version}, $version, 'the version');
my @paths = sort keys %{ $api->{paths} };
is(
	"@paths",
	'/batch /blind-index /encrypt /hash-password /health /metrics /open /openapi.json /reseal /seal /verify /verify-password',
	'the documented paths, and no others'
);
is_deeply($api->{servers}, [ { url => '/' } ], 'where it is asked for');
is($api->{info}{license}{name}, 'PostgreSQL', 'the license');

# The schema that a $ref leads to.
sub resolved
{
	my ($schema) = @_;
	return $schema unless ref $schema eq 'HASH' && $schema->{'$ref'};
	my $at = $api;
	$at = ($at // {})->{$_} for split m{/}, $schema->{'$ref'} =~ s{\A#/}{}r;
	return ref $at eq 'HASH' ? resolved($at) : BAIL_OUT("$schema->{'$ref'} leads nowhere");
}

# Tells whether a value fits a schema. Knows the part of JSON Schema that the document uses.
sub fits
{
	my ($value, $schema) = (shift, resolved(shift));
	my $ways = $schema->{anyOf};
	return 0 if $ways && !grep { fits($value, $_) } @$ways;
	return 1 if $ways && !$schema->{type};
	return !grep { !exists $value->{$_} } @{ $schema->{required} } if $schema->{required} && !$schema->{type};
	my $enum = $schema->{enum};
	return $schema->{nullable} && (!$enum || !!grep { !defined } @$enum) unless defined $value;
	my $type = $schema->{type} // '';
	return ref $value eq 'ARRAY' && !grep { !fits($_, $schema->{items}) } @$value if $type eq 'array';
	return JSON::PP::is_bool($value) if $type eq 'boolean';
	return
		   !ref $value
		&& $value =~ /\A-?[0-9]+\z/
		&& $value >= ($schema->{minimum} // $value)
		&& $value <= ($schema->{maximum} // $value)
		if $type eq 'integer';
	return !ref $value && (!$enum || !!grep { ($_ // '') eq $value } @$enum) && fits_text($value, $schema)
		if $type eq 'string';
	return 0 unless ref $value eq 'HASH' && $type eq 'object';
	my $properties = $schema->{properties} or return 1;
	return !grep({ !exists $value->{$_} } @{ $schema->{required} // [] })
		&& !grep({ !$properties->{$_} || !fits($value->{$_}, $properties->{$_}) } keys %$value);
}

# The same for the shape of a string; "byte" is OpenAPI's name of base64.
sub fits_text
{
	my ($value, $schema) = @_;
	return 0 if defined $schema->{pattern} && $value !~ /$schema->{pattern}/;
	return 0
		if ($schema->{format} // '') eq 'byte'
		&& $value !~ m{\A(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\z};
	return ($schema->{format} // '') ne 'uuid' || $value =~ /\A[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\z/;
}
my $error = { error => { code => 'not_found', message => 'x' } };
my $wrong = { error => { code => 'nonsense', message => 'x' } };

# Tests that an answer is one that is described.
sub described
{
	my ($path, $method, $answer, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $response = $api->{paths}{$path}{$method}{responses}{ $answer->{code} };
	ok($response, "$name: $answer->{code} is described") or return;
	my $code = error_code($answer->{json});
	like($response->{description}, qr/\b$code\b/, "$name: with its code") if $answer->{code} != 200;
	my ($type) = $answer->{headers}{'content-type'} =~ /\A([a-z\/]+)/;
	my $schema = resolved($response)->{content}{$type}{schema};
	return ok($schema && fits($type eq 'text/plain' ? $answer->{body} : $answer->{json}, $schema),
		"$name: and as it is");
}

for my $path (@paths)
{
	my @methods = grep { /\A(?:get|post|put|delete|patch|head|options|trace)\z/ } keys %{ $api->{paths}{$path} };
	my $is_get = $path =~ m{\A/(?:health|metrics|openapi\.json)\z};
	is("@methods", $is_get ? 'get' : 'post', "$path: its method");
	my $operation = $api->{paths}{$path}{ $methods[0] };
	is($operation->{operationId}, $path =~ s{\A/|\.json\z}{}gr, "$path: its name");
	is_deeply(
		$operation->{security},
		$is_get ? [] : [ { bearer => [] }, {} ],
		"$path: with a key in a header or a field, or without"
	);
	if ($is_get)
	{
		described($path, 'get', $service->get($path), $path);
		next;
	}
	my $request = component($operation->{requestBody}{content}{'application/json'}{schema}, "$path: the request");
	component($operation->{responses}{200}{content}{'application/json'}{schema}, "$path: the answer");
	my @fields = sort keys %{ $request->{properties} };
	my @required = sort @{ $request->{required} }, of_user($request, $path) ? 'userUUID' : ();
	ok($request->{additionalProperties} eq JSON::PP::false, "$path: no further fields");
	ok($operation->{requestBody}{required}, "$path: with a body");
	is("@required", join(' ', sort keys %{ body_of($path) }), "$path: what is required is what is enough");

	for my $field (@fields)
	{
		my $schema = resolved($request->{properties}{$field});
		my $value =
			  $field eq 'apiKey' ? api_key('app')
			: exists body_of($path)->{$field} ? body_of($path)->{$field}
			: $schema->{enum} ? $schema->{enum}[0]
			: $schema->{minimum} // 'x';
		ok(fits($value, $schema), "$path: $field is described as what it is");
		my $answer = $service->post($path, body_of($path, $field => $value));
		unlike(error_code($answer->{json}), qr/unknown_field|wrong_type|duplicate/, "$path: $field is taken");
		described($path, 'post', $answer, "$path with $field");
		my $needed = !!grep { $_ eq $field } @required;
		is(!!fits(undef, $schema), !$needed || $field eq 'userUUID', "$path: $field may be null, or has to be there");
		my $null = error_code($service->post($path, { %{ body_of($path) }, $field => undef })->{json});
		is($null eq 'missing_field' || $null eq 'wrong_type' || 0, $needed || 0, "$path: and is so");
		refused($service->post($path, body_of($path, $field => undef)), 400, 'missing_field', "$path without $field")
			if $needed;
		refused($service->post($path, body_of($path, $field => $_)), 400, "invalid_$field", "$path: another $field")
			for map { "$_ " } grep { defined } @{ $schema->{enum} // [] };
		next unless exists $schema->{maximum};
		is(error_code($service->post($path, body_of($path, $field => $schema->{minimum} - 1))->{json}),
			"invalid_$field", "$path: $field below its minimum");
		is(error_code($service->post($path, body_of($path, $field => $schema->{maximum} + 1))->{json}),
			"invalid_$field", "$path: $field above its maximum");
		is($service->post($path, body_of($path, $field => 0 + $schema->{maximum}))->{code},
			200, "$path: $field at its maximum");
	}
	my %known = map { ($_ => 1) } @fields;
	refused($service->post($path, body_of($path, $_ => 'x')), 400, 'unknown_field', "$path: no $_")
		for grep { !$known{$_} }
		qw(apiKey userUUID sensitiveData encryptedData sealedData context encoding generation length userId namespace normalize password passwordHash operation requests other);
	my $good = { 200 => $service->post($path, $path =~ /open|reseal/ ? sealed() : body_of($path)) };
	described($path, 'post', $good->{200}, $path);
	is($good->{200}{code}, 200, "$path: it is a success");
	described($path, 'post', $service->post($path, body_of($path), @$_), "$path @{ [ map { $_ // 'undef' } @$_ ] }")
		for [ key => undef ], [ type => undef ];
	described($path, 'post', $service->post($path, '{'), "$path, broken");
	ok(fits($error, $operation->{responses}{400}{content}{'application/json'}{schema}), 'an error is described');
	ok(!fits($wrong, $operation->{responses}{400}{content}{'application/json'}{schema}), 'with its codes');
}

# True for a request of a user, who is named in one of two ways.
sub of_user
{
	my ($request, $path) = @_;
	return 0 unless $request->{properties}{userUUID};
	is_deeply(
		$request->{anyOf},
		[ { required => ['userUUID'] }, { required => [qw(userId namespace)] } ],
		"$path: a user by UUID, or by id"
	);
	return 1;
}

# The schema under a name. A generated client makes a type of each.
sub component
{
	my ($schema, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($schema->{'$ref'} // '', qr{\A#/components/schemas/[A-Z][A-Za-z]+\z}, "$name has a name");
	return resolved($schema);
}

sub sealed
{
	return { userUUID => some_uuid(), sealedData => $service->post('/seal', body_of('/seal'))->{json}{sealed_data} };
}

# Batches whose answers are of every kind.
described(
	'/batch', 'post',
	$service->post('/batch', body_of('/batch', requests => [ {}, body_of('/encrypt') ])),
	'a batch with an error'
);
described(
	'/batch', 'post',
	$service->post('/batch', body_of('/batch', operation => $_, requests => [ {}, body_of("/$_") ])),
	"a batch of $_"
) for qw(encrypt verify seal open reseal blind-index);

# The requests of a batch are those of its operations, without a key.
my $batch = resolved($api->{paths}{'/batch'}{post}{requestBody}{content}{'application/json'}{schema});
my $items = $batch->{properties}{requests}{items};
my $fields_of = sub { join ',', sort keys %{ $_[0]{properties} } };
my @in_batch = map { $fields_of->(component($_, 'a request of a batch')) } @{ $items->{anyOf} };
my @alone =
	map { $fields_of->(resolved($_->{post}{requestBody}{content}{'application/json'}{schema})) =~ s/\AapiKey,//r }
	@{ $api->{paths} }{qw(/encrypt /verify /seal /open /reseal /blind-index)};
is(join(' ', sort @in_batch), join(' ', sort @alone), 'a request of a batch is one of the other paths');
for my $path (qw(/encrypt /verify /seal /open /reseal /blind-index))
{
	ok(fits(body_of($path), $items), "$path: as in a batch");
	ok(!fits(body_of($path, $_ => 'x'), $items), "$path: without $_") for qw(apiKey other);
}
component($_, 'an answer of a batch')
	for @{ resolved($api->{paths}{'/batch'}{post}{responses}{200}{content}{'application/json'}{schema})
		->{properties}{answers}{items}{anyOf} };

# The codes and statuses of docs/http.md are those of /openapi.json.
my $table = read_file('docs/http.md') =~ s/.*^## Errors//msr =~ s/^## .*//msr;
my %status;
for my $row ($table =~ /^\| ([0-9]{3} \|.*)$/mg)
{
	my ($code) = $row =~ /([0-9]+)/;
	$status{$_} = $code for $row =~ s/\([^)]*\)//gr =~ /`([a-z0-9_]+)`/g;
}
cmp_ok(keys %status, '>=', 30, 'the documented codes');
my ($schema) =
	map { resolved($_) } $api->{paths}{'/encrypt'}{post}{responses}{400}{content}{'application/json'}{schema};
my @codes = sort @{ $schema->{properties}{error}{properties}{code}{enum} };
is("@codes", join(' ', sort keys %status), 'are the described ones');

# Each path has exactly the statuses that it can have. 404 and 405 come with other paths and methods, and a GET needs no key.
for my $path (@paths)
{
	my ($method, $operation) = %{ $api->{paths}{$path} };
	my $responses = $operation->{responses};
	my @expected = $method eq 'post' ? qw(400 401 403 408 413 415 429 431 500 503) : qw(400 408 413 431 500 503);
	is(join(' ', sort grep { $_ ne '200' } keys %$responses), "@expected", "$path: every status that it can have");
	for my $code (@expected)
	{
		is("@{ codes_of($responses->{$code}) }", "@{ expected_codes($path, $code) }", "$path: $code names its codes");
		ok(fits($error, component($responses->{$code}{content}{'application/json'}{schema}, "$path: $code")),
			'and has their shape');
		my %header = (401 => 'WWW-Authenticate', 429 => 'Retry-After', 503 => 'Retry-After');
		is(
			join(' ', keys %{ $responses->{$code}{headers} // {} }),
			$header{$code} // '',
			"$path: $code has its headers"
		);
	}
}

# The codes that the description of a status names.
sub codes_of { return [ sort $_[0]{description} =~ /[a-z0-9_]+/g ]; }

# The codes of a status that a path can have: those of every path, those of every request with fields, and those of its own
# fields.
sub expected_codes
{
	my ($path, $code) = @_;
	my @codes = qw(bad_request request_timeout body_too_large headers_too_large internal busy);
	push @codes, qw(no_keyring no_api_keys) if $path eq '/health';
	if ($api->{paths}{$path}{post})
	{
		push @codes,
			qw(invalid_json invalid_utf8 not_an_object missing_field unknown_field duplicate_field wrong_type invalid_text),
			qw(invalid_api_key not_permitted unsupported_media_type rate_limited no_keyring no_api_keys);
		my $request = resolved($api->{paths}{$path}{post}{requestBody}{content}{'application/json'}{schema});
		my %of_field = (
			userUUID => ['invalid_uuid'],
			userId => [qw(invalid_user_id ambiguous_user)],
			namespace => ['invalid_namespace'],
			sensitiveData => ['invalid_base64'],
			encoding => ['invalid_encoding'],
			sealedData => [qw(invalid_base64 malformed_value unknown_generation cannot_open)],
			context => ['invalid_context'],
			generation => ['unknown_generation'],
			passwordHash => ['unknown_generation'],
			length => ['invalid_length'],
			normalize => [qw(invalid_normalize too_much_work)],
			operation => ['invalid_operation']
		);
		push @codes, map { @{ $of_field{$_} // [] } } keys %{ $request->{properties} };
		push @codes, 'passwords_busy' if $path =~ /password/;
		push @codes, 'not_text' if $path eq '/open';
		push @codes, 'batch_too_large' if $path eq '/batch';
		push @codes, 'too_much_work' if $path =~ m{\A/(?:verify|blind-index)\z};
	}
	my %expected = map { ($_ => 1) } grep { $status{$_} == $code } @codes;
	return [ sort keys %expected ];
}
my %is_status = map { ($_ => 1) } values %status;
is(join(' ', sort keys %is_status), '400 401 403 404 405 408 413 415 429 431 500 503', 'the documented statuses');
$service->stop;
done_testing();
