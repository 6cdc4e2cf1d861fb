# Values are made under the active generation or a named one, and verified and opened under every generation.
use strict;
use warnings;
use lib 'test/http';
use HttpService;
use JSON::PP;
use Test::More;

my $keyring = write_keyring(
	folder() . '/keyring',
	generation(3, 'retired'),
	generation(7, 'active'),
	generation(65535, 'retired')
);
my $service = service(keyring => $keyring);
my %user = (userUUID => some_uuid(), sensitiveData => 'x');
my %digest =
	map { my $n = $_; ($n => $service->post('/encrypt', { %user, generation => $n })->{json}{encrypted_data}) } 3, 7,
	65535;
is(keys %{ { reverse %digest } }, 3, 'each generation has a digest of its own');
given ($service->post('/encrypt', {%user}), { encrypted_data => $digest{7} }, 'the active one is the default');
given ($service->post('/encrypt', { %user, generation => undef }), { encrypted_data => $digest{7} }, 'as with null');
given (
	$service->post('/verify', { %user, encryptedData => $digest{$_} }),
	{ valid => JSON::PP::true, generation => $_ },
	"verified by $_"
) for 3, 7, 65535;

refused($service->post('/encrypt', { %user, generation => $_ }), 400, 'unknown_generation', "no generation $_")
	for 0, 1, 8, 65534, 65536, 65539, 4294967299, -1, -3;

my $value = $service->post('/seal', {%user})->{json}{sealed_data};
my $index = $service->post('/blind-index', { sensitiveData => 'x' })->{json};
is($index->{blind_index}, $index->{candidates}[0], 'the index is that of the active generation, the first candidate');

my %open = (userUUID => some_uuid(), sealedData => $value);
given ($service->post('/open', {%open}), { sensitive_data => 'x' }, 'opens');
my $text = read_file($keyring) =~ s/^7 active/7 retired/mr =~ s/^3 retired/3 active/mr;
write_file($keyring, $text);
$service->signal('HUP');
eventually(sub { $service->get('/health')->{json}{active_generation} == 3 }, 'another generation is made active');
given ($service->post('/encrypt', {%user}), { encrypted_data => $digest{3} }, 'it makes the values');
given ($service->post('/open', {%open}), { sensitive_data => 'x' }, 'a retired generation opens');
is_deeply(
	$service->post('/blind-index', { sensitiveData => 'x' })->{json},
	{ blind_index => $index->{candidates}[2], candidates => [ @{ $index->{candidates} }[ 2, 1, 0 ] ] },
	'the candidates are the same, the index is another'
);

write_file($keyring, $text =~ s/^7 retired.*\n//mr);
$service->signal('HUP');
eventually(sub { @{ $service->post('/blind-index', { sensitiveData => 'x' })->{json}{candidates} } == 2 },
	'a generation is removed');
refused($service->post('/open', {%open}), 400, 'unknown_generation', 'its values do not open');
given (
	$service->post('/verify', { %user, encryptedData => $digest{7} }),
	{ valid => JSON::PP::false, generation => undef },
	'nor verify'
);
$service->stop;
done_testing();
