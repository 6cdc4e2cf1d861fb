# Load for the tests of `caas serve`: clients in processes of their own, that count what they send and check every answer.
package HttpLoad;

use strict;
use warnings;
use lib 'test/cli', 'test/http';
use CaasCli;
use Exporter 'import';
use HttpClient;
use HttpService;
use JSON::PP;
use POSIX ();
use Test::More;

our @EXPORT = qw(use_generation clients new_load);

my $NUMBERS = 100;    # different requests of a client
my $PATIENCE = 60;    # seconds, for clients to end
my $json = JSON::PP->new->canonical;
my %running;

END
{
	my $status = $?;
	kill KILL => keys %running if %running;
	waitpid $_, 0 for keys %running;
	$? = $status;
}

# Puts a keyring in place at once, with this generation of the secrets (1 is the first) active.
sub use_generation
{
	my ($file, $active, @secrets) = @_;
	return write_keyring($file,
		map { generation($_, $_ == $active ? 'active' : 'retired', $secrets[ $_ - 1 ]) } 1 .. @secrets);
}

# So many clients, that have nothing to do yet.
sub clients
{
	my ($count) = @_;
	return bless { dir => folder(), count => $count }, __PACKAGE__;
}

# The requests of so many clients, and the expected answers under each of these generations.
sub new_load
{
	my ($service, $count, @generations) = @_;
	my $self = clients($count);
	$self->{url} = $service->url;
	my $client = $service->connect;
	for my $n (1 .. $count)
	{
		my @bodies = map {
			body_of(
				'/encrypt',
				userUUID => sprintf('00000000-0000-4000-8000-%012x', $n),
				sensitiveData => "number $_ of $n"
			)
		} 0 .. $NUMBERS - 1;
		$self->{questions}[$n] = [ map { question('POST', '/encrypt', $_) } @bodies ];
		for my $generation (@generations)
		{
			$client->send(question(
				'POST', '/batch',
				{ operation => 'encrypt', requests => [ map { { %$_, generation => $generation } } @bodies ] }
			));
			my @digests = $client->answer(raw => 1)->{body} =~ /"encrypted_data":"([0-9a-f]+)"/g;
			@digests == $NUMBERS or die "no digests\n";
			$self->{expected}[$n]{ $digests[$_] } = [ $_, $generation ] for 0 .. $#digests;
		}
	}
	return $self;
}

# Starts the clients. Each runs the work with its number and what it may count in: the hash that finish() returns.
sub start
{
	my ($self, $work) = @_;
	for my $n (1 .. $self->{count})
	{
		my $pid = fork() // die "fork: $!";
		if ($pid) { $running{$pid} = 1; $self->{clients}[$n] = $pid; next; }
		$SIG{TERM} = 'DEFAULT';
		my %counts = (client => $n);
		eval { $work->($self, $n, \%counts); 1 } or $counts{died} = $@;
		write_file("$self->{dir}/counts.$n", $json->encode(\%counts));
		POSIX::_exit(0);
	}
	return;
}

# Things that the test says to the clients, and each of them to the test.
sub say { my ($self, $word) = @_; write_file("$self->{dir}/$word", ''); return; }
sub said { my ($self, $word) = @_; return -e "$self->{dir}/$word"; }

# Waits until every client is well under way.
sub busy
{
	my ($self) = @_;
	return wait_for(sub {
		!grep { !$self->said("busy.$_") } 1 .. $self->{count};
	});
}

# Tells the clients that it is enough, waits for their end, and returns what they counted.
sub finish
{
	my ($self) = @_;
	$self->say('enough');
	my @left = grep { defined } @{ $self->{clients} };
	wait_for(
		sub {
			@left = grep { !(waitpid($_, POSIX::WNOHANG()) == $_ && delete $running{$_}) } @left;
			!@left;
		},
		$PATIENCE
	) or die "a client does not end\n";
	return map { $json->decode(read_file("$self->{dir}/counts.$_")) } 1 .. $self->{count};
}

# The work of a client that asks until it is enough, or until the service is gone. each: so many requests a connection.
sub ask_on
{
	my ($self, $n, $counts, %option) = @_;
	@$counts{qw(sent answered wrong lost late refused announced back)} = (0) x 8;
	my ($client, $on_this, $last) = (undef, 0, 0);
	for (my $number = 0 ; !$self->said('enough') ; $number = ($number + 1) % $NUMBERS)
	{
		$self->say("busy.$n") if $counts->{answered} == 500;
		if (!$client)
		{
			$client = eval { HttpClient->new($self->{url}) };
			if (!$client) { $counts->{refused}++; $counts->{gone} = $@; last; }
			($on_this, $last) = (0, 0);
		}
		$counts->{sent}++;
		$client->send($self->{questions}[$n][$number]);
		my $answer = eval { $client->answer(raw => 1) };
		$on_this++;
		if (!$answer)
		{
			# The kernel may have taken a connection that the service, which is stopping, never saw.
			my $late = $on_this == 1 && !$@ && $self->said('stopping');
			$counts->{ $late ? 'late' : 'lost' }++;
			$counts->{how} = $@ || ($client->{reset} ? 'reset' : 'closed') . " after $on_this";
			undef $client;
			next;
		}
		$counts->{answered}++;
		my $known = $self->{expected}[$n]{ ($answer->{body} =~ /\A\{"encrypted_data":"([0-9a-f]+)"\}\z/)[0] // '' };
		$counts->{wrong}++ unless $answer->{code} == 200 && $known && $known->[0] == $number;
		# The workers change over one after the other, but each of them does so for good.
		$counts->{back}++ if $known && $known->[1] < $last;
		$last = $known->[1] if $known;
		my $closing = lc($answer->{headers}{connection} // '') eq 'close';
		$counts->{announced}++ if $closing;
		undef $client if $closing || $on_this == ($option{each} // -1);
	}
	$counts->{last} = $last;
	return;
}

1;
