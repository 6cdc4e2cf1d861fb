# A blind index over a normal form: equal to the plain index of that form, and null where nothing remains.
use strict;
use warnings;
use utf8;
use lib 'test/http';
use Encode qw(encode_utf8);
use HttpService;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $dir = folder();
my @vectors = file_vectors('normalized');
sub index_of { my ($service, %fields) = @_; return $service->post('/blind-index', \%fields); }
for my $generation (map { $_->{generation} } grep { $_->{kind} eq 'generation' } @vectors)
{
	my $service = service(keyring => vector_keyring("$dir/keyring", $generation, @vectors));
	for my $vector (grep { $_->{kind} eq 'normalized' && $_->{generation} == $generation } @vectors)
	{
		my %fields = map { ($_ => $vector->{$_}) } qw(context length normalize);
		my $expected = $vector->{index} eq '' ? undef : encode_base64(pack('H*', $vector->{index}), '');
		my $name = "$vector->{normalize}: " . substr $vector->{text} =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ger, 0, 50;
		my $answer = index_of($service, %fields, sensitiveData => $vector->{text});
		is($answer->{json}{blind_index}, $expected, $name);
		is(
			scalar(grep { defined $expected && $_ eq $expected } @{ $answer->{json}{candidates} }),
			defined $expected ? 1 : 0,
			'among the candidates'
		);
		is(scalar @{ $answer->{json}{candidates} }, defined $expected ? 2 : 0, 'of which there is one a generation');
		given (
			index_of(
				$service, %fields,
				encoding => 'base64',
				sensitiveData => encode_base64(encode_utf8($vector->{text}), '')
			),
			$answer->{json},
			'in base64'
		);
		next unless defined $expected;
		given (index_of($service, %fields, normalize => $_, sensitiveData => $vector->{normalized}),
			$answer->{json}, "it is the index of the normal form")
			for 'none', undef, $vector->{normalize};
	}
	$service->stop;
}

my $service = service(args => [ '--max-body', 4_000_000 ]);
like(index_of($service, sensitiveData => '', normalize => 'none')->{json}{blind_index},
	qr/=\z/, 'none: an empty text has an index');
my $many = $service->post(
	'/batch',
	{
		operation => 'blind-index',
		requests => [ map { { sensitiveData => $_, normalize => 'casefold' } } 'A', 'a', " a\t", ' ', 'b' ]
	}
);
my @indexes = map { $_->{blind_index} // 'null' } @{ $many->{json}{answers} };
is("$indexes[0] $indexes[1] $indexes[3]", "$indexes[2] $indexes[2] null", 'in a batch');
isnt($indexes[4], $indexes[0], 'another text has another index');
refused(index_of($service, sensitiveData => 'x', normalize => $_), 400, 'invalid_normalize', "normalize: '$_'")
	for '', 'None', 'casefold ', 'lower', "digits\0";
refused(index_of($service, sensitiveData => encode_base64("\xff", ''), encoding => 'base64', normalize => $_),
	400, 'invalid_text', "$_: bytes are no text")
	for qw(casefold digits);
refused(index_of($service, sensitiveData => "a\0", normalize => 'digits'), 400, 'invalid_text', 'U+0000');
is(index_of($service, sensitiveData => encode_base64("\xff", ''), encoding => 'base64', normalize => 'none')->{code},
	200, 'none takes bytes');
is(index_of($service, sensitiveData => 'x' x (1 << 18), normalize => 'casefold')->{code}, 200, 'a text of 256 KiB');
refused(index_of($service, sensitiveData => 'x' x (1 + (1 << 18)), normalize => 'casefold'),
	413, 'too_much_work', 'a longer one');
is(index_of($service, sensitiveData => "\x{fdfa}" x 80_000, normalize => 'casefold')->{code}, 200, 'a text that grows');
$service->stop;
done_testing();
