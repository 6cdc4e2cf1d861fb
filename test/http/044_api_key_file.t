# The lines of the API key file: what each may be, and that a wrong one is named by its number and never shown.
use strict;
use warnings;
use lib 'test/http', 'test/cli';
use CaasCli qw(caas);
use HttpService;
use Test::More;

my $digest = 'abcdef0123456789' x 4;
my %wrong = (
	'no name' => ":$digest",
	'a short digest' => 'app:' . substr($digest, 1),
	'a long digest' => "app:${digest}0",
	'no digest' => 'app:',
	'a name alone' => 'app',
	'no hexadecimal' => 'app:' . ($digest =~ s/a/g/r),
	'a blank in the name' => "a pp:$digest",
	'a letter in the name' => "\xc3\xa9:$digest",
	'a long name' => 'x' x 65 . ":$digest",
	'two names' => "a:b:$digest",
	'an unknown right' => "app:$digest encrypt decrypt",
	'a right in capitals' => "app:$digest Encrypt",
	'a right with a slash' => "app:$digest /encrypt",
	'batch is no right' => "app:$digest batch",
	'a comma' => "app:$digest encrypt,verify",
	'two entries' => "app:$digest,other:" . 'f' x 64,
	'a key itself' => 'app:caas_' . $digest,
	'a zero byte' => "app:$digest \0",
	'a setting' => "caas.api_key_digests = 'app:$digest'"
);

for my $name (sort keys %wrong)
{
	my $said = start_fails(3, qr{/api-keys.*\bline 4\b},
		$name, keys => [ key_line('first'), '# a comment', '', $wrong{$name}, key_line('last') ]);
	unlike($said, qr/abcdef|decrypt|caas_|first|last/, "$name: the line is not shown");
}
my $said = start_fails(3, qr{/api-keys.*\bline 3\b},
	'a key twice', keys => [ key_line('app'), key_line('x'), key_line('app') =~ s/app/other/r ]);
start_fails(
	3,
	qr{/api-keys.*\bline 2\b},
	'a key twice, in capitals',
	keys => [ key_line('app'), uc(key_line('app')) =~ s/\AAPP/app/r ]
);

my ($code, $out, $err) = caas('api-key', 'new', '--name', 'made-by_1.program', '--json');
my $made = JSON::PP::decode_json($out);
my @lines = (
	'# caas', '   # an indented comment',
	"\t", $made->{entry},
	"  " . key_line('app') . "  ",
	"x\tencrypt" =~ s/x/key_line('tab')/er,
	map { key_line("many$_") } 1 .. 61
);
my $service = service(keys => \@lines);
is($service->post('/encrypt', body_of('/encrypt'), key => $_)->{code}, 200, "$_ is known")
	for 'app', 'tab', 'many1', 'many61';
is($service->post('/encrypt', body_of('/encrypt', apiKey => $made->{key}), key => undef)->{code},
	200, 'so is what `caas api-key new` made');
$service->stop;
done_testing();
