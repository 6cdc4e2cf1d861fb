# A batch that takes long shares its thread: other clients are answered while it is worked on.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use Test::More;

my $keyring = folder() . '/keyring';
write_keyring($keyring, (map { generation($_, 'retired') } 1 .. 1023), generation(1024, 'active'));
my $service = service(keyring => $keyring, threads => 1);
my %claim = (userUUID => some_uuid(), sensitiveData => 'x', encryptedData => 'a' x 64);
my $batch = question('POST', '/batch', body_of('/batch', operation => 'verify', requests => [ ({%claim}) x 80 ]));
my $health = question('GET', '/health', undef, key => undef);

# Ten batches one after the other, each of 80 x 1,024 digests. Without slices about one answer a batch would come in between.
my $other = $service->connect;
my $client = $service->connect;
$client->send($batch x 10);
my ($between, $answered) = (0, 0);
until ($answered == 10)
{
	$other->send($health);
	is($other->answer->{code}, 200, 'another client is answered') if $between == 0;
	$other->answer if $between > 0;
	$between++;
	while ($client->has_input)
	{
		my $answer = $client->answer;
		is(scalar(grep { exists $_->{valid} } @{ $answer->{json}{answers} // [] }), 80, 'a batch is answered');
		$answered++;
	}
}
cmp_ok($between, '>=', 60, 'other clients are answered while a batch is worked on');

# The batches of a client that has closed its connection end.
my $connections = sub { return $service->metric('caas_connections'); };
my $leaving = $service->connect;
$leaving->send($batch x 10);
$leaving->close;
$client->close;
$other->close;
eventually(sub { $connections->() == 1 }, 'a client that leaves takes its batches along');
$service->stop;
done_testing();
