# Shared by the tests of `caas serve`: a service with keyring and API keys, requests to it, and checks of its answers and messages.
package HttpService;

use strict;
use warnings;
use lib 'test/perl', 'test/cli', 'test/http';
use CaasCli;
use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use HttpClient qw(request_bytes error_code);
use JSON::PP;
use Keyring qw(generations_of_vectors random_secret);
use MachineTime qw(machine_time);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

our @EXPORT = (
	qw(service start_fails question log_entry api_key key_line key_file given refused eventually body_of some_uuid password_hash wait_for healthy machine_time),
	qw(request_bytes error_code read_file write_file folder generation write_keyring published_keyring vectors file_vectors vector_keyring)
);

my $PATIENCE = 20;    # seconds, for what has to happen
my $seed = random_secret();
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my %running;
$SIG{PIPE} = 'IGNORE';
alarm 1800;    # a test that hangs ends

# Whatever a failed test leaves running ends with it.
END
{
	my $status = $?;
	kill KILL => keys %running if %running;
	waitpid $_, 0 for keys %running;
	$? = $status;
}

# ---- keys ----

# The API key of this name, the same throughout the test.
sub api_key { return 'caas_' . sha256_hex("$_[0] $seed"); }

# Its line in the file: key_line('app', 'encrypt verify').
sub key_line
{
	my ($name, $rights) = @_;
	return "$name:" . sha256_hex(api_key($name)) . (defined $rights ? " $rights" : '');
}

# A file of API keys, put in place at once, as an operator's tool does.
sub key_file
{
	my ($file, @lines) = @_;
	write_file("$file.new", join '', map { "$_\n" } @lines);
	chmod 0600, "$file.new" or die "chmod: $!";
	rename "$file.new", $file or die "rename: $!";
	return $file;
}

# ---- vectors ----

sub file_vectors { return @{ $json->decode(read_file("test/vectors/$_[0].json")) }; }

# A keyring of the generations among these vectors, with this one active.
sub vector_keyring
{
	my ($file, $active, @vectors) = @_;
	return write_keyring($file, generations_of_vectors($active, @vectors));
}

# ---- start and end ----

# A service that is listening. Options: listen (addresses), threads (2), args (further ones), keys (lines of the file), keyring (a file),
# env, umask, user, program (instead of caas), log (a file, or 'off', or undef for standard output).
sub service
{
	my $self = prepare(@_);
	launch($self);
	my $wanted = @{ $self->{listen} };
	wait_for(sub { @{ $self->listening } >= $wanted || ended($self) });
	die "the service does not start: " . $self->said if defined $self->{status} || @{ $self->listening } < $wanted;
	return $self;
}

sub prepare
{
	my %option = @_;
	my $dir = $option{dir} // folder();
	my $self = bless { listen => ['127.0.0.1:0'], log => "$dir/access.log", %option, dir => $dir }, __PACKAGE__;
	$self->{keyring} //= published_keyring("$dir/keyring");
	$self->{key_file} //= key_file("$dir/api-keys", @{ $option{keys} // [ key_line('app') ] });
	my @args = @{ $option{args} // [] };
	$self->{command} = $option{command} // [
		'--keyring', $self->{keyring},
		'--api-keys', $self->{key_file},
		'--threads', $option{threads} // 2,
		(map { ('--listen', $_) } @{ $self->{listen} }), defined $self->{log} ? ('--access-log', $self->{log}) : (),
		patience(@args), @args
	];
	return $self;
}

# Limits of time in which a machine can stand still, unless the test has limits of its own.
sub patience
{
	my @args = @_;
	return map {
		my $limit = $_;
		(grep { $_ eq $limit || $_ eq '--config' } @args) ? () : ($limit, 600)
	} '--request-timeout', '--idle-timeout';
}

sub launch
{
	my ($self) = @_;
	# Nothing of the caller's environment is an option by chance.
	delete local @ENV{ grep { /\ACAAS_/ } keys %ENV };
	my %run = map { defined $self->{$_} ? ($_ => $self->{$_}) : () } qw(env umask user program);
	$self->{run} = start_caas(\%run, 'serve', @{ $self->{command} });
	$self->{pid} = $self->{run}{pid};
	$running{ $self->{pid} } = 1;
	return;
}

# True if the process has ended; its status is kept.
sub ended
{
	my ($self) = @_;
	return 1 if defined $self->{status};
	return 0 unless waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid};
	$self->{status} = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	delete $running{ $self->{pid} };
	return 1;
}

# The service has to refuse to start: exit code, what it says. The value is what it said.
sub start_fails
{
	my ($code, $pattern, $name, %option) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $self = prepare(%option);
	launch($self);
	wait_for(sub { ended($self) || $self->said =~ /listening on/ });
	if (!defined $self->{status})
	{
		kill 'KILL', $self->{pid};
		wait_for(sub { ended($self) });
	}
	is($self->{status}, $code, "$name: exit code");
	like($self->said, $pattern, "$name: message");
	like($self->said, qr/\Acaas: [^\n]+\n/, "$name: begins with the program's name");
	is($self->printed, '', "$name: nothing on standard output");
	return $self->said;
}

sub signal
{
	my ($self, $name) = @_;
	kill($name, $self->{pid}) == 1 or die "kill: $!";
	return;
}

# Ends the service; it has to do so well, and to have said nothing but notes and the lines of its log.
sub stop
{
	my ($self, $signal) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->signal($signal // 'TERM');
	return $self->stopped;
}

sub stopped
{
	my ($self) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for(sub { ended($self) });
	is($self->{status}, 0, 'the service ends with 0');
	my @strange = grep { !/\Acaas: (?:note|warning): [ -~]+\z/ } split /\n/, $self->said;
	is("@strange", '', 'it has said nothing but notes and warnings');
	my @lines = grep {
		!eval { log_entry($_) }
	} split /\n/, $self->log_text;
	is("@lines", '', 'its log has the documented lines alone');
	return;
}

# ---- what it says ----

sub said { return read_file("$_[0]{run}{dir}/err"); }
sub printed { return read_file("$_[0]{run}{dir}/out"); }
sub listening { return [ $_[0]->said =~ m{^caas: note: listening on (\S+)$}mg ]; }
sub url { return $_[0]->listening->[ $_[1] // 0 ]; }

sub log_text
{
	my ($self) = @_;
	return $self->printed unless defined $self->{log};
	return -e $self->{log} ? read_file($self->{log}) : '';
}

# A line of the access log; dies when it is not as documented.
sub log_entry
{
	my ($entry) = $json->decode($_[0]);
	die "keys\n" unless join(' ', sort keys %$entry) eq 'code key microseconds route time';
	die "time\n" unless $entry->{time} =~ /\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z/;
	die "numbers\n" unless $_[0] =~ /"code": ?[1-5][0-9][0-9][,}]/ && $_[0] =~ /"microseconds": ?[0-9]+[,}]/;
	die "route\n" unless !defined $entry->{route} || $entry->{route} =~ m{\A/[a-z.-]+\z};
	return $entry;
}

# The entries of the access log, once there are as many as said.
sub log_entries
{
	my ($self, $count) = @_;
	wait_for(sub { (() = $self->log_text =~ /\n/g) >= $count });
	return map { log_entry($_) } split /\n/, $self->log_text;
}

# How many sockets the process has open.
sub sockets
{
	my ($self) = @_;
	my $folder = "/proc/$self->{pid}/fd";
	return scalar grep { (readlink("$folder/$_") // '') =~ /\Asocket:/ } @{ CaasCli::entries($folder) };
}

# Calls do, and returns true if the service then writes a message that matches.
sub says
{
	my ($self, $pattern, $do) = @_;
	my $before = length $self->said;
	$do->();
	return wait_for(sub { substr($self->said, $before) =~ $pattern });
}

# ---- questions ----

sub connect
{
	my ($self, %option) = @_;
	return HttpClient->new($option{url} // $self->url, %option);
}

# True when the service takes no new connection any more. Options are those of connect.
sub refuses_connections
{
	my ($self, %option) = @_;
	return !eval { $self->connect(%option)->close; 1 };
}

# One request on a connection of its own. Options: key (a name; undef: none), type (undef: none), headers, head.
sub ask
{
	my ($self, $method, $path, $body, %option) = @_;
	my $client = $self->connect(%{ $option{connect} // {} });
	$client->send(question($method, $path, $body, %option));
	my $answer = $client->answer(head => $method eq 'HEAD');
	$client->close;
	return $answer;
}

# The bytes of such a request; a body that is no string is made JSON.
sub question
{
	my ($method, $path, $body, %option) = @_;
	my $key = exists $option{key} ? $option{key} : 'app';
	my $type = exists $option{type} ? $option{type} : 'application/json';
	my @headers = @{ $option{headers} // [] };
	push @headers, 'Authorization: Bearer ' . api_key($key) if defined $key;
	push @headers, "Content-Type: $type" if defined $type && defined $body;
	return request_bytes($method, $path, ref $body ? $json->encode($body) : $body, @headers);
}

sub post { my ($self, @rest) = @_; return $self->ask('POST', @rest); }

sub get { my ($self, $path, %option) = @_; return $self->ask('GET', $path, undef, key => undef, %option); }

# The value of a metric that has no labels; -1 where there is none.
sub metric { my ($self, $name) = @_; return $self->get('/metrics')->{body} =~ /^$name (\d+)$/m ? $1 : -1; }

# True if the service answers on this connection.
sub healthy
{
	my ($client) = @_;
	$client->send(request_bytes('GET', '/health'));
	my $answer = eval { $client->answer };
	return $answer && $answer->{code} == 200;
}

# ---- judging ----

# The answer has to be 200 with this JSON.
sub given
{
	my ($answer, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $got = ($answer // {})->{json};
	$got = [ ($answer // { code => 'no answer' })->{code}, $got ] unless ($answer // { code => 0 })->{code} == 200;
	return is_deeply($got, $expected, $name);
}

# The answer has to be this error, in the documented shape.
sub refused
{
	my ($answer, $code, $error, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $got = defined $answer ? "$answer->{code} " . error_code($answer->{json}) : 'no answer';
	return is($got, "$code $error", $name);
}

# Waits until a condition is met; false when that takes too long.
sub wait_for
{
	my ($met, $patience) = @_;
	my $deadline = machine_time() + ($patience // $PATIENCE);
	until ($met->()) { return 0 if machine_time() > $deadline; sleep 0.01; }
	return 1;
}

sub eventually
{
	my ($met, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(wait_for($met), $name);
}

# A body of the route, with all that it needs and what is said over it; undef takes a field out.
sub body_of
{
	my ($route, %over) = @_;
	my %needs = (
		'/encrypt' => { userUUID => some_uuid(), sensitiveData => 'x' },
		'/verify' => { userUUID => some_uuid(), sensitiveData => 'x', encryptedData => '00' },
		'/seal' => { userUUID => some_uuid(), sensitiveData => 'x' },
		'/open' => { userUUID => some_uuid(), sealedData => 'AQAB' },
		'/reseal' => { userUUID => some_uuid(), sealedData => 'AQAB' },
		'/blind-index' => { sensitiveData => 'x' },
		'/hash-password' => { userUUID => some_uuid(), password => 'x' },
		'/verify-password' => { userUUID => some_uuid(), password => 'x', passwordHash => password_hash() },
		'/batch' => { operation => 'encrypt', requests => [] }
	);
	my %body = (%{ $needs{$route} }, %over);
	return { map { defined $body{$_} ? ($_ => $body{$_}) : () } keys %body };
}

# A stored password hash of zeros: no password has it. Its cost decides how long that takes to see, by default milliseconds.
sub password_hash
{
	my ($costs) = @_;
	return '$caas-scrypt$v=1$g=1,' . ($costs // 'ln=10,r=8,p=1') . '$' . 'A' x 22 . '$' . 'A' x 43;
}

sub some_uuid { return '4dbcbcfe-4800-40a8-badf-c26b73af230c'; }

1;
