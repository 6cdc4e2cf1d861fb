# A connection of the tests. It sends any bytes, and checks strictly that the answers are HTTP.
package HttpClient;

use strict;
use warnings;
use lib 'test/perl';
use Errno qw(EAGAIN EINTR);
use Exporter 'import';
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json);
use MachineTime qw(machine_time);
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_RCVBUF TCP_NODELAY);

our @EXPORT_OK = qw(request_bytes error_code);

my $PATIENCE = 20;    # seconds, for what has to come

# url: http://127.0.0.1:1234, https://127.0.0.1:1234 or unix:/path. tls: options of IO::Socket::SSL; plain: none of it.
# buffer: so many bytes are held for a reader. Dies when it cannot connect.
sub new
{
	my ($class, $url, %option) = @_;
	my ($scheme, $where) = $url =~ m{\A(https?://|unix:)(.*)\z}s or die "no address: $url\n";
	my ($host, $port) = $where =~ /\A\[?(.*?)\]?:([0-9]+)\z/;
	my @buffer = $option{buffer} ? (Sockopts => [ [ SOL_SOCKET, SO_RCVBUF, $option{buffer} ] ]) : ();
	my $socket =
		$scheme eq 'unix:'
		? IO::Socket::UNIX->new(Peer => $where)
		: IO::Socket::IP->new(PeerHost => $host, PeerService => $port, @buffer);
	$socket or die "cannot connect: $!\n";
	my $self = bless { socket => $socket, in => '', ended => 0, tls => 0 }, $class;
	if ($scheme ne 'unix:') { setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1 or die "setsockopt: $!\n"; }
	if ($scheme eq 'https://' && !$option{plain}) { $self->start_tls($option{tls}); }
	else { $socket->blocking(0); }
	return $self;
}

sub start_tls
{
	my ($self, $option) = @_;
	require IO::Socket::SSL;
	IO::Socket::SSL->start_SSL($self->{socket}, SSL_hostname => '', Timeout => $PATIENCE, %{ $option // {} })
		or die 'no TLS: ' . IO::Socket::SSL::errstr() . "\n";
	$self->{tls} = 1;
	return;
}

# Sends what it can of these bytes and reads what comes meanwhile, unless told not to (deaf). The value is how many the
# other side took before it closed, or before the time was over.
sub send
{
	my ($self, $bytes, %option) = @_;
	my $deadline = machine_time() + ($option{timeout} // $PATIENCE);
	my ($at, $select) = (0, IO::Select->new($self->{socket}));
	while ($at < length $bytes && machine_time() < $deadline)
	{
		local $SIG{PIPE} = 'IGNORE';
		my ($read, $write) = IO::Select->select($self->{tls} || $option{deaf} ? undef : $select, $select, undef, 0.1);
		$self->take if @{ $read // [] };
		next unless @{ $write // [] };
		my $sent = syswrite $self->{socket}, $bytes, length($bytes) - $at, $at;
		$at += $sent // 0;
		last unless defined $sent || $! == EAGAIN || $! == EINTR;
	}
	return $at;
}

# Reads once; notes the end, and whether it was a reset.
sub take
{
	my ($self) = @_;
	return if $self->{ended};
	my $got = sysread $self->{socket}, $self->{in}, 1 << 16, length $self->{in};
	return if !defined $got && ($! == EAGAIN || $! == EINTR);
	$self->{ended} = 1 unless $got;
	$self->{reset} = 1 unless defined $got;
	return;
}

# Whether something has come that is not read yet. Does not wait.
sub has_input
{
	my ($self) = @_;
	$self->take if IO::Select->new($self->{socket})->can_read(0);
	return $self->{in} ne '';
}

# Reads until the condition is met; false when the connection ended before. Dies when neither happens in time.
sub read_until
{
	my ($self, $met, $timeout) = @_;
	my $deadline = machine_time() + ($timeout // $PATIENCE);
	my $select = IO::Select->new($self->{socket});
	until ($met->())
	{
		return 0 if $self->{ended};
		my $left = $deadline - machine_time();
		die "nothing came in time\n" if $left <= 0;
		$self->take if ($self->{tls} && $self->{socket}->pending) || $select->can_read($left);
	}
	return 1;
}

# The next answer: code, headers (names in small letters), body, json; nothing when the connection ended before it.
# Dies when it is not HTTP as it should be. head: it answers a HEAD, so no body comes.
# raw: its JSON is left as it is.
sub answer
{
	my ($self, %option) = @_;
	unless ($self->read_until(sub { $self->{in} =~ /\r\n\r\n/ }, $option{timeout}))
	{
		die "half an answer\n" if $self->{in} ne '';
		return;
	}
	my ($line, @lines) = split /\r\n/, substr $self->{in}, 0, index $self->{in}, "\r\n\r\n";
	my %answer = (headers => {});
	($answer{code}, $answer{reason}) = $line =~ m{\AHTTP/1\.1 ([1-5][0-9]{2}) ([ -~]*)\z} or die "status line\n";
	for (@lines)
	{
		my ($name, $value) = /\A([A-Za-z0-9-]+): ([ -~]*)\z/ or die "header line\n";
		die "$name is there twice\n" if defined $answer{headers}{ lc $name };
		$answer{headers}{ lc $name } = $value;
	}
	substr $self->{in}, 0, 4 + index($self->{in}, "\r\n\r\n"), '';
	return \%answer if $answer{code} < 200;
	($answer{headers}{date} // '') =~ /\A[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\z/
		or die "no date\n";
	my $length = $answer{headers}{'content-length'} // die "no length\n";
	$length = 0 if $option{head};
	$self->read_until(sub { length $self->{in} >= $length }, $option{timeout}) or die "half a body\n";
	$answer{body} = substr $self->{in}, 0, $length, '';
	$answer{json} = eval { decode_json($answer{body}) }
		if !$option{raw} && ($answer{headers}{'content-type'} // '') =~ m{\Aapplication/json\b};
	return \%answer;
}

# True if the other side ends the connection and has sent nothing more before.
sub ends
{
	my ($self, $timeout) = @_;
	return !eval {
		$self->read_until(sub { $self->{in} ne '' }, $timeout);
	} && !$@ && $self->{in} eq '';
}

# Says that nothing more will be sent.
sub finish { return shutdown $_[0]{socket}, 1; }

sub close
{
	my ($self) = @_;
	return $self->{socket}->close;
}

# A request; a body brings its length. Headers are given as "Name: value".
sub request_bytes
{
	my ($method, $path, $body, @headers) = @_;
	push @headers, 'Content-Length: ' . length $body if defined $body;
	return join("\r\n", "$method $path HTTP/1.1", 'Host: caas.test', @headers, '', '') . ($body // '');
}

# The code of an answer that is an error in the documented shape and in nothing more.
sub error_code
{
	my ($json) = @_;
	return 'no error' unless ref $json eq 'HASH' && "@{ [ keys %$json ] }" eq 'error' && ref $json->{error} eq 'HASH';
	my ($code, $message) = @{ $json->{error} }{qw(code message)};
	my $shaped =
		keys %{ $json->{error} } == 2 && ($code // '') =~ /\A[a-z0-9_]+\z/ && length($message // '') && !ref $message;
	return $shaped ? $code : 'a misshapen error';
}

1;
