# caas keyring retire and remove ask databases, and the others of their servers, for values of the generation first.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use CaasServer;
use CaasTable;
use Test::More;

my $server = table_server();
my $dir = folder();
my $file = write_keyring("$dir/keyring", generation(1, 'retired'), generation(2, 'active'));
my $before = read_file($file);
my ($check_value) = ok_caas('keyring', 'list', $file) =~ /^1 .*? ([0-9a-f]{16}) /m;
my $database = "host='$server->{socket}' port=$server->{port} user=postgres dbname=postgres password=unsaid";
my @remove = ('keyring', 'remove', $file, 1, '--yes', '--database', $database);

# The answer of the server: generation, values, conclusive, remark.
sub answer
{
	my (@rows) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(
		$server->sql(
			join '; ',
			'TRUNCATE "The caas".stub_generations',
			map {
				qq{INSERT INTO "The caas".stub_generations VALUES ($_->[0], 'retired', 'people', 'email_digest', 'digest', $_->[1], $_->[2], $_->[3])}
			} @rows
		),
		'',
		'the answer of a server'
	);
	return;
}

sub refused
{
	my ($pattern, $name, @command) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($code, $out, $err) = caas(@command ? @command : @remove);
	is("$code$out", '3', "$name: exit code");
	like($err, $pattern, "$name: message");
	unlike($err, qr/unsaid/, "$name: no password");
	is(read_file($file), $before, "$name: the keyring stays");
	return;
}

is($server->sql(qq{INSERT INTO "The caas".stub_keyring VALUES (1, '$check_value'), (2, 'x')}),
	'', 'the keyring of a server');
answer([ 1, 1234, 'true', 'NULL' ], [ 2, 5, 'true', 'NULL' ]);
refused(
	qr/^caas: \Q$file\E: generation 1 may still be needed:\ndatabase postgres: public\.people\.email_digest has 1,234 values of it\nNothing was changed; --force-generation 1 does it nevertheless\n\z/m,
	'values'
);
refused(qr/has 5 values of it/, 'retire', 'keyring', 'retire', $file, 2, '--activate', 1, '--database', $database);
answer([ 2, 5, 'true', 'NULL' ], [ 'NULL', 7, 'false', q{E'it is \x1b[1m not stored'} ]);
refused(qr/^database postgres: public\.people\.email_digest: not conclusive: it is \\x1b\[1m not stored$/m,
	'not conclusive');
answer([ 2, 5, 'false', "'Transactions are older.'" ]);
refused(qr/: not conclusive: Transactions are older\.$/m, 'transactions');
answer();
refused(qr/^database postgres: no value is declared there, so nothing tells$/m, 'no answer');
answer([ 2, 5, 'true', 'NULL' ]);
is($server->sql(q{UPDATE "The caas".stub_keyring SET check_value = 'y' WHERE generation = 1}), '', 'another keyring');
refused(qr/^database postgres: its server has another keyring: the check values differ$/m, 'another keyring');
is($server->sql(q{DELETE FROM "The caas".stub_keyring WHERE generation = 1}), '', 'a keyring without the generation');
refused(qr/^database postgres: its server's keyring has no generation 1$/m, 'a generation that is not there');
is($server->sql(qq{INSERT INTO "The caas".stub_keyring VALUES (1, '$check_value')}), '', 'the keyring again');
is(
	$server->sql(
		'CREATE ROLE reader LOGIN; REVOKE ALL ON SCHEMA "The caas" FROM PUBLIC; GRANT USAGE ON SCHEMA "The caas" TO reader'
	),
	'', 'a role'
);
refused(
	qr/^database postgres: permission denied for function caas_keyring|permission denied for table/m,
	'a role without privileges',
	'keyring', 'remove', $file, 1, '--yes', '--database', $database =~ s/user=postgres/user=reader/r
);
refused(qr/connection to server/, 'no server', @remove, '--database', "host='$dir'");

# The other databases of the same server are asked too: its keyring is that of all of them.
is($server->sql('CREATE DATABASE unrelated'), '', 'a database without the extension');
is($server->sql('CREATE DATABASE closed ALLOW_CONNECTIONS false'), '', 'a database that allows no connections');
refused(qr/^database closed: it allows no connections, so nothing tells$/m, 'a closed database');
is($server->sql('ALTER DATABASE closed IS_TEMPLATE true'), '', 'a template');
refused(qr/^database closed: it allows no connections, so nothing tells$/m, 'a closed template');
is($server->sql('ALTER DATABASE closed IS_TEMPLATE false'), '', 'no template');
is($server->sql('DROP DATABASE closed'), '', 'it is dropped');
is($server->sql('CREATE DATABASE shop TEMPLATE postgres'), '', 'a database with values');
answer([ 2, 5, 'true', 'NULL' ]);
is(
	$server->sql(
		q{INSERT INTO "The caas".stub_generations VALUES (1, 'retired', 'people', 'phone', 'sealed', 3, true, NULL)},
		database => 'shop'
	),
	'',
	'which the database of the command does not have'
);
refused(
	qr/^caas: \Q$file\E: generation 1 may still be needed:\ndatabase shop: public\.people\.phone has 3 values of it\nNothing/m,
	'values in another database'
);
is($server->sql('DROP DATABASE shop'), '', 'it is dropped');
fails(3, qr/generation 2 is active: make another active first/,
	'keyring', 'remove', $file, 2, '--yes', '--database', $database);
fails(2, qr/--force-generation names another generation/, @remove, '--force-generation', 2);
fails(2, qr/--force-generation requires --database/, 'keyring', 'remove', $file, 1, '--yes', '--force-generation', 1);
fails(2, qr/generation 1 was not removed: .*repeat with --yes$/m,
	'keyring', 'remove', $file, 1, '--database', $database);

my ($code, $out, $err) = caas(@remove);
is("$code $out", "0 $file: generation 1 is removed\n", 'a server that has no value of it') or diag($err);
is($err, "caas: note: not asked, since they have no extension caas: template1, unrelated\n", 'who was not asked');
write_file($file, $before);
answer([ 1, 1234, 'true', 'NULL' ]);
($code, $out, $err) = caas(@remove, '--force-generation', 1);
is("$code $out", "0 $file: generation 1 is removed\n", '--force-generation') or diag($err);
like(
	$err,
	qr/^caas: warning: generation 1 may still be needed:\ndatabase postgres: .* has 1,234 values of it$/m,
	'with a warning'
);
done_testing();
