# When an answer has been sent, nothing of what it told, or of what was asked, is left in the service's memory, neither while the
# connection waits for its next request nor when it has ended, with and without TLS.
use strict;
use warnings;
use lib 'test/http', 'test/perl';
use Digest::SHA qw(sha256_hex);
use HttpService;
use ProcessMemory qw(mappings_with);
use Test::More;
use TestCa;

plan skip_all => 'only root may read the memory of a process' if $> != 0;

my $dir = new_ca(folder());
new_certificate($dir, 'server', 'DNS:caas.test');
my $tls = tls_of($dir, 'caas.test');
my $keyring = write_keyring("$dir/keyring", generation(1, 'active', 'digests=kmac256'));

# Sealed values come from another process, so that what is looked for has not been in the one that is searched.
my $sealer = service(keyring => $keyring);

# True if a process has these bytes anywhere in its memory.
sub holds
{
	my ($pid, $bytes) = @_;
	my $found = mappings_with($pid, $bytes) // die "the memory of $pid cannot be read";
	return @$found > 0;
}

# The stack of a thread is cleansed within a tenth of a second.
sub forgets
{
	my ($service, $bytes) = @_;
	return wait_for(sub { !holds($service->{pid}, $bytes) }, 2);
}

my $count = 0;
# A word that nothing else has.
sub new_word { return 'Plain' . substr sha256_hex(api_key($count++)), 0, 16; }
sub of_size { my ($word, $size) = @_; return substr $word x (1 + $size / length $word), 0, $size; }

# Such a word, and the request to /open that is answered with it, so often that it has this size.
sub hidden
{
	my ($service, $size) = @_;
	my $word = new_word();
	my $sealed = $sealer->post('/seal', body_of('/seal', sensitiveData => of_size($word, $size)));
	return ($word, question('POST', '/open', body_of('/open', sealedData => $sealed->{json}{sealed_data})));
}

sub kept_out
{
	my ($name, $with_tls) = @_;
	my $service = service(keyring => $keyring, args => [ $with_tls ? certificate_args($dir, 'server') : () ]);
	my %connect = $with_tls ? (tls => $tls) : ();

	# A request that has not ended is there: the search finds what there is.
	my ($word, $open) = hidden($service, 20_000);
	my $slow = $service->connect(%connect);
	my $seal = question('POST', '/seal', body_of('/seal', sensitiveData => $word x 1000));
	ok(!holds($service->{pid}, $word), "$name: it begins without");
	$slow->send(substr $seal, 0, -1);
	eventually(sub { holds($service->{pid}, $word) }, "$name: a request under way is in its memory");
	$slow->send(substr $seal, -1);
	is($slow->answer->{code}, 200, 'and is answered');
	ok(forgets($service, $word), "$name: then it is gone");

	for my $size (40, 300, 5000, 14_000, 60_000, 700_000)
	{
		($word, $open) = hidden($service, $size);
		my $client = $service->connect(%connect);
		$client->send($open);
		like($client->answer->{body}, qr/$word/, "$name: $size bytes are answered");
		ok(forgets($service, $word), 'nothing of it is left while the connection waits');
		$client->close;
		ok(forgets($service, $word), 'nor when it has ended');
	}
	for my $route (qw(/encrypt /verify /seal /blind-index))
	{
		for my $size (40, 300, 5000, 60_000)
		{
			$word = new_word();
			my $client = $service->connect(%connect);
			$client->send(question('POST', $route, body_of($route, sensitiveData => of_size($word, $size))));
			is($client->answer->{code}, 200, "$name: $size bytes to $route");
			ok(forgets($service, $word), 'nothing of it is left while the connection waits');
			$client->close;
			ok(forgets($service, $word), 'nor when it has ended');
		}
	}
	for my $size (1, 2)
	{
		my $password = of_size(new_word(), 20**$size);
		for my $route (qw(/hash-password /verify-password))
		{
			my $client = $service->connect(%connect);
			$client->send(question('POST', $route, body_of($route, password => $password)));
			is($client->answer->{code}, 200, "$name: a password of " . length($password) . " bytes to $route");
			ok(forgets($service, $password), 'nothing of it is left');
			$client->close;
		}
	}
	return $service->stop;
}
kept_out('plain', 0);
kept_out('TLS', 1);
$sealer->stop;
done_testing();
