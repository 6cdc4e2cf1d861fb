# Several services behind the proxy of docs/http.md, each with files of its own as on a machine of its own, and clients that make and check
# values through the proxy all the time.
package LoadBalancer;

use strict;
use warnings;
use lib 'test/cli', 'test/http';
use CaasCli;
use Exporter 'import';
use HttpClient;
use HttpLoad;
use HttpService;
use IO::Socket::UNIX;
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Test::More;
use TestCa;

our @EXPORT = qw(haproxy_program new_balancer);

my $HOST = 'caas.example.com';    # as in docs/http.md
my $ENOUGH = 12;    # rounds of a client in a phase
my $PATIENCE = 120;    # seconds, for every client to come so far
my %running;

END
{
	my $status = $?;
	kill KILL => keys %running if %running;
	waitpid $_, 0 for keys %running;
	$? = $status;
}

sub haproxy_program
{
	return (grep { -x } map { "$_/haproxy" } split(/:/, $ENV{PATH}), '/usr/sbin')[0];
}

# ---- machines ----

# Services with these names, a proxy before them. On Linux each address of 127.0.0.0/8 is this machine, so each service has port 8443 of an
# address of its own, which it finds free when it starts again.
sub new_balancer
{
	my (@names) = @_;
	my $net = sprintf '127.%d.%d', 1 + int rand 254, int rand 255;
	my $self = bless { dir => folder(), names => [@names], net => $net, phases => 0 }, __PACKAGE__;
	new_ca($self->{dir});
	new_certificate($self->{dir}, 'server', "DNS:$HOST");
	write_file("$self->{dir}/proxy.pem", join '', map { read_file("$self->{dir}/server.$_") } qw(pem key));
	for my $place (0 .. $#names)
	{
		mkdir my $dir = "$self->{dir}/$names[$place]", 0755 or die "mkdir: $!";
		$self->{machine}{ $names[$place] } = { dir => $dir, listen => [ "$net." . ($place + 1) . ':8443' ] };
	}
	return $self;
}

sub names { return @{ $_[0]{names} }; }
sub keyring { my ($self, $name) = @_; return "$self->{machine}{$name}{dir}/keyring"; }
sub service_of { my ($self, $name) = @_; return $self->{machine}{$name}{service}; }
sub tls { my ($self) = @_; return (tls => tls_of($self->{dir}, $HOST)); }

# Puts the keyring of one machine on another, at once.
sub copy_keyring
{
	my ($self, $from, $to) = @_;
	return write_keyring($self->keyring($to), grep { !/\A#/ } read_file($self->keyring($from)) =~ /^.*\n/mg);
}

# The API keys with these names are those that this machine accepts.
sub set_keys
{
	my ($self, $name, @keys) = @_;
	return key_file("$self->{machine}{$name}{dir}/api-keys", map { key_line($_) } @keys);
}

sub start
{
	my ($self, $name) = @_;
	my $machine = $self->{machine}{$name};
	$machine->{service} = service(
		%$machine,
		keyring => $self->keyring($name),
		key_file => "$machine->{dir}/api-keys",
		threads => 1,
		args => [ certificate_args($self->{dir}, 'server') ]
	);
	return;
}

# Waits until the service has read its files again.
sub reload
{
	my ($self, $name) = @_;
	my $service = $self->service_of($name);
	$service->says(qr/^caas: note: reloaded: /m, sub { $service->signal('HUP') }) or die "$name does not reload\n";
	return;
}

# An answer of one service, asked without the proxy.
sub ask_at
{
	my ($self, $name, $key, $path, $body) = @_;
	return $self->service_of($name)->post($path, $body, key => $key, connect => { $self->tls });
}

# ---- the proxy ----

# The configuration of docs/http.md with the addresses and files of this test, and with a header that names the service.
sub configuration
{
	my ($self) = @_;
	my ($text) = read_file('docs/http.md') =~ /^```haproxy\n(.*?)^```$/ms or die "docs/http.md has no configuration\n";
	my $change = sub { my ($old, $new) = @_; $text =~ s/\Q$old\E/$new/ or die "the configuration is without $old\n"; };
	$change->('/run/haproxy/admin.sock', "$self->{dir}/admin");
	$change->('bind :443', "bind $self->{net}.10:8443");
	$change->("/etc/haproxy/$HOST.pem", "$self->{dir}/proxy.pem");
	$change->('/etc/haproxy/caas-ca.pem', "$self->{dir}/ca.pem");
	my @servers = $text =~ /^ +server (\S+ \S+)$/mg;
	$change->($servers[$_], "$self->{names}[$_] $self->{machine}{ $self->{names}[$_] }{listen}[0]") for 0 .. $#servers;
	$change->("backend caas\n", "backend caas\n    http-response set-header x-made-by %s\n");
	return $text;
}

sub start_proxy
{
	my ($self) = @_;
	write_file(my $file = "$self->{dir}/haproxy.cfg", $self->configuration);
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', "$self->{dir}/proxy.out" or POSIX::_exit(126);
		open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
		exec haproxy_program(), '-db', '-f', $file or POSIX::_exit(127);
	}
	$running{ $self->{proxy} = $pid } = 1;
	wait_for(sub { $self->all_up }, 60) or BAIL_OUT('the proxy does not start: ' . read_file("$self->{dir}/proxy.out"));
	return;
}

sub stop_proxy
{
	my ($self) = @_;
	kill TERM => $self->{proxy};
	waitpid $self->{proxy}, 0;
	delete $running{ $self->{proxy} };
	return;
}

# A command of haproxy's runtime interface, and what it answers; nothing when there is nobody to ask.
sub command
{
	my ($self, $line) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => "$self->{dir}/admin") or return '';
	print $socket "$line\n";
	local $/ = undef;
	return <$socket> // '';
}

# What the proxy thinks of a service: its state, and how many requests it has there now.
sub proxy_state
{
	my ($self, $name) = @_;
	my ($head, @lines) = split /\n/, $self->command('show stat');
	my @columns = split /,/, $head // '';
	for (@lines)
	{
		my %row;
		@row{@columns} = split /,/;
		return @row{qw(status scur)} if $row{'# pxname'} eq 'caas' && $row{svname} eq $name;
	}
	return ('unknown', 0);
}

sub wait_for_state
{
	my ($self, $name, $state) = @_;
	return wait_for(sub { ($self->proxy_state($name))[0] eq $state }, 60);
}

sub all_up
{
	my ($self) = @_;
	return !grep { ($self->proxy_state($_))[0] ne 'UP' } $self->names;
}

# ---- the load ----

# Starts the clients in the first phase.
sub start_load
{
	my ($self, $count, @phase) = @_;
	$self->{load} = clients($count);
	$self->phase(@phase);
	$self->{load}->start(sub { my ($load, $n, $counts) = @_; $self->work($n, $counts); });
	return;
}

# The further requests are counted as those of this phase, and have this API key.
sub phase
{
	my ($self, $name, $key) = @_;
	my $number = ++$self->{phases};
	write_file("$self->{load}{dir}/about.$number", "$name\n$key");
	$self->{load}->say("phase.$number");
	return;
}

# Waits until every client has made and checked values in this phase.
sub under_load
{
	my ($self) = @_;
	wait_for(
		sub {
			!grep { !$self->{load}->said("seen.$self->{phases}.$_") } 1 .. $self->{load}{count};
		},
		$PATIENCE
	) or die "the clients do not get on\n";
	return;
}

# Ends the load. For each phase: requests, failures by their reason, and which service checked whose values.
sub finish_load
{
	my ($self) = @_;
	my %phases;
	for my $counts ($self->{load}->finish)
	{
		is($counts->{died} // '', '', "client $counts->{client} ended well");
		for my $phase (keys %{ $counts->{phases} // {} })
		{
			my ($from, $to) = ($counts->{phases}{$phase}, $phases{$phase} //= {});
			$to->{requests} += $from->{requests} // 0;
			for my $kind (qw(failed checked))
			{
				$to->{$kind}{$_} += $from->{$kind}{$_} for keys %{ $from->{$kind} // {} };
			}
		}
	}
	return \%phases;
}

# ---- a client ----

# Makes values, and checks each of them at every service, and an older one.
sub work
{
	my ($self, $n, $counts) = @_;
	my $client = { n => $n, counts => $counts, phase => 0, round => 0 };
	my @kept;
	until ($self->{load}->said('enough'))
	{
		for my $path ('/encrypt', '/seal')
		{
			my $value = $self->make($client, $path) or next;
			$self->check($client, $value) for $self->names;
			push @kept, $value;
			$self->check($client, $kept[ int rand @kept ]);
			splice @kept, int rand @kept, 1 if @kept > 200;
		}
		$client->{round}++;
		$self->{load}->say("seen.$client->{phase}.$n") if $client->{round} == $ENOUGH;
	}
	return;
}

sub make
{
	my ($self, $client, $path) = @_;
	my %about = (
		userUUID => sprintf('00000000-0000-4000-8000-%012x', int rand 2**40),
		sensitiveData => "value $client->{round} of $client->{n}",
		$path eq '/seal' ? (context => 'test') : ()
	);
	my $answer = $self->request($client, $path, \%about) or return;
	my ($value) = values %{ $answer->{json} };
	my $check = $path eq '/seal' ? '/open' : '/verify';
	return { about => \%about, check => $check, value => $value, maker => $answer->{headers}{'x-made-by'} };
}

sub check
{
	my ($self, $client, $value) = @_;
	my %body = %{ $value->{about} };
	my $open = $value->{check} eq '/open';
	$body{ $open ? 'sealedData' : 'encryptedData' } = $value->{value};
	delete $body{sensitiveData} if $open;
	my $answer = $self->request($client, $value->{check}, \%body) or return;
	my $good = $open ? $answer->{json}{sensitive_data} eq $value->{about}{sensitiveData} : $answer->{json}{valid};
	return fail_in($client, "$value->{check} says no") unless $good;
	my $generation =
		$open ? unpack('x n', decode_base64($value->{value})) : $answer->{json}{generation};
	count($client)
		->{checked}{"$value->{check} of generation $generation: $value->{maker} at $answer->{headers}{'x-made-by'}"}++;
	return;
}

sub count { my ($client) = @_; return $client->{counts}{phases}{ $client->{name} } //= { failed => {} }; }
sub fail_in { my ($client, $reason) = @_; count($client)->{failed}{$reason}++; return; }

# One request through the proxy, on the connection that the client keeps. Nothing when there is no good answer, which is counted.
sub request
{
	my ($self, $client, $path, $body) = @_;
	$self->look_around($client);
	count($client)->{requests}++;
	my $answer = eval {
		$client->{connection} //= HttpClient->new("https://$self->{net}.10:8443", $self->tls);
		$client->{connection}->send(question('POST', $path, $body, key => $client->{key}));
		$client->{connection}->answer // die "no answer\n";
	};
	if (!$answer)
	{
		delete $client->{connection};
		return fail_in($client, "$path: " . ($@ =~ s{\n\z}{}r));
	}
	delete $client->{connection} if lc($answer->{headers}{connection} // '') eq 'close';
	return fail_in($client, "$path: $answer->{code} " . error_code($answer->{json})) unless $answer->{code} == 200;
	return $answer;
}

# Which phase it is, and which key is to be used.
sub look_around
{
	my ($self, $client) = @_;
	while ($self->{load}->said('phase.' . ($client->{phase} + 1)))
	{
		@$client{qw(name key)} = split /\n/, read_file("$self->{load}{dir}/about." . ++$client->{phase});
		$client->{round} = 0;
	}
	return;
}

1;
