# An upsert that loads the library was planned without it: it is refused, and works when it is repeated or the library is preloaded.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('loading', preload => 'none');
$node->start;
my $ada = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE users (id uuid PRIMARY KEY, email text CHECK (email IS NULL), digest text, note text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');
	CREATE FUNCTION upsert(new_email text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO users VALUES ('4dbcbcfe-4800-40a8-badf-c26b73af230c', new_email) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email;
	END $$}
);
$ENV{PGOPTIONS} = with_key();
my $upsert = "INSERT INTO users VALUES ('$ada', '%s') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email";
my $holds = "SELECT caas_verify(id, '%s', digest) FROM users";
my $refusal =
	qr/ERROR:  this statement cannot set column "email" of relation "users" from EXCLUDED\n.*HINT:  Repeat the statement\..*preload/s;

# Returns the errors of a new session that runs these statements, each as a message of its own.
sub errors
{
	my $errors = '';
	my ($code, $out, $error) = $node->psql('postgres', join(";\n", @_), on_error_stop => 0);
	return $error;
}

is(errors(sprintf $upsert, 'one'), '', 'without a conflict it inserts');
like(errors(sprintf $upsert, 'two'), $refusal, 'with a conflict it is refused');
is($node->safe_psql('postgres', sprintf $holds, 'one'), 't', 'and has changed nothing');
like(errors(sprintf($upsert, 'two'), sprintf($upsert, 'three')), $refusal, 'repeated in the same session');
is($node->safe_psql('postgres', sprintf $holds, 'three'), 't', 'it works');
like(errors(q{SELECT upsert('four')}), $refusal, 'in PL/pgSQL it is refused');
like(errors(q{SELECT upsert('four')}, q{SELECT upsert('five')}), $refusal, 'repeated in the same session');
is($node->safe_psql('postgres', sprintf $holds, 'five'), 't', 'PL/pgSQL plans it again');

# A prepared statement that was planned before the library was loaded is planned again.
is(
	errors(
		q{SET plan_cache_mode = force_generic_plan},
		"PREPARE p(text) AS INSERT INTO users VALUES ('00000000-0000-0000-0000-000000000001', \$1) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email",
		q{EXPLAIN EXECUTE p('x')},
		q{EXECUTE p('six')},
		q{EXECUTE p('seven')}
	),
	'',
	'a generic plan from before'
);
is($node->safe_psql('postgres', sprintf($holds, 'seven') . q{ WHERE id <> '4dbcbcfe-4800-40a8-badf-c26b73af230c'}),
	't', 'stores the new value');

# Statements that are not upserts of the source are not refused.
is(errors('UPDATE users SET email = NULL, note = $$x$$'), '', 'a stale save that loads the library');
is(errors("INSERT INTO users VALUES ('$ada', 'x') ON CONFLICT (id) DO UPDATE SET note = 'y'"),
	'', 'an upsert of another column');
is(errors("INSERT INTO users VALUES ('$ada', 'x') ON CONFLICT (id) DO UPDATE SET email = 'eight'"),
	'', 'an upsert with the value itself');
is($node->safe_psql('postgres', sprintf($holds, 'eight') . qq{ WHERE id = '$ada'}), 't', 'which is stored');

# A portal that was bound before another statement loaded the library, by the protocol itself: psql has no named portals.
my $socket = IO::Socket::UNIX->new($node->host . '/.s.PGSQL.' . $node->port) or die "socket: $!";
my $receive = sub {
	read($socket, my $data, $_[0]) == $_[0] or die 'the server closed the connection';
	return $data;
};

# Sends messages, each a type and its content, and returns the SQLSTATEs of the errors until the server is ready.
sub exchange
{
	my @messages = @_;
	$socket->print(map { $_->[0] . pack('N', 4 + length $_->[1]) . $_->[1] } @messages);
	$socket->flush;
	my @states;
	while (1)
	{
		my $type = $receive->(1);
		my $length = unpack('N', $receive->(4)) - 4;
		my $content = $length ? $receive->($length) : '';
		push @states, $content =~ /\0C(\w{5})\0/ if $type eq 'E';
		return "@states" if $type eq 'Z';
	}
	return;
}

my $options = '-c caas.api_key=' . api_key() =~ s/([ \\])/\\$1/gr;
my $user = getpwuid $<;
my $start = pack('N', 196608) . "user\0$user\0database\0postgres\0options\0$options\0\0";
$socket->print(pack('N', 4 + length $start) . $start);
exchange();
my $in_portal = sprintf($upsert, 'nine');
is(
	join('|',
		exchange([ 'Q', "BEGIN\0" ]),
		exchange([ 'P', "\0$in_portal\0\0\0" ], [ 'B', "portal\0\0\0\0\0\0\0\0" ], [ 'S', '' ]),
		exchange([ 'Q', "SELECT caas_version()\0" ]),
		exchange([ 'E', "portal\0\0\0\0\0" ], [ 'S', '' ]),
		exchange([ 'Q', "ROLLBACK\0" ]),
		exchange([ 'Q', "$in_portal\0" ])),
	'|||27000||',
	'a portal that was bound before is refused, and a new statement works'
);
is($node->safe_psql('postgres', sprintf($holds, 'nine') . qq{ WHERE id = '$ada'}), 't', 'and stores the new value');

for my $preload ('session', 'shared')
{
	$node->append_conf('postgresql.conf', "${preload}_preload_libraries = 'caas'");
	$node->restart;
	is(errors(sprintf $upsert, $preload), '', "$preload preload: the first statement works");
	is($node->safe_psql('postgres', sprintf($holds, $preload) . qq{ WHERE id = '$ada'}),
		't', "$preload preload: and stores the new value");
}
$node->stop;

done_testing();
