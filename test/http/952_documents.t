# The documents show the examples as they are, and the call of README.md has the answer that it shows.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $shown = read_file('docs/http.md');
my %language = (sh => 'bash', py => 'python', mjs => 'js');
my @examples = grep { -f } glob 'examples/http/*';
is(scalar @examples, 4, 'there are examples');
for my $file (@examples)
{
	my ($name, $ending) = $file =~ m{([^/]+\.(\w+))\z};
	my ($text) = $shown =~ /^`\Q$name\E`[^\n]*:\n\n```$language{$ending}\n(.*?)^```$/ms;
	is($text, read_file($file), "docs/http.md shows $file as it is");
}

my ($call, $answer) = read_file('README.md') =~ /^(curl [^\n]*\/encrypt.*?)\n# (\{"encrypted_data":".*?)\.\.\."\}$/ms;
ok($call, 'README.md shows a call') or BAIL_OUT('it is written otherwise now');
SKIP:
{
	skip 'bash or curl is not installed', 1 if system('command -v bash curl > /dev/null') != 0;
	# The keyring is that of docs/spec.md.
	my $service = service();
	write_file(my $script = folder() . '/call', $call =~ s{http://127\.0\.0\.1:8443}{$service->url}er);
	local $ENV{HOME} = folder();
	mkdir "$ENV{HOME}/caas-demo" or die "mkdir: $!";
	write_file("$ENV{HOME}/caas-demo/client-key", api_key('app'));
	my $said = `bash $script 2> $script.err`;
	is(substr($said, 0, length $answer), $answer, 'and its answer');
	$service->stop;
}
done_testing();
