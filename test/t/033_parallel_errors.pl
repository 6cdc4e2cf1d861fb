# A worker's error, raised again by its leader, reaches the log without the statement that holds plaintext.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $marker = 'plaintext of Ada';
my $key = with_key();

# Errors by the file that raises them: options of the session, an expression over columns of the table, the message.
my %refusals = (
	'session.c, no key' => [ '', "caas_verify(id, '$marker', digest)", qr/no accepted API key/ ],
	'error.c, a call' => [ $key, "caas_encrypt(id, '$marker', 77) = digest", qr/the keyring has no such generation/ ],
	'fn_index.c' =>
		[ $key, "caas_blind_index(digest || '$marker', 'c', 77) IS NULL", qr/the length of a blind index is/ ],
	'rows.c' =>
		[ $key, "no_row_type(convert_to(digest || '$marker', 'UTF8')) IS NULL", qr/is not the row that caas returns/ ],
	'bytes.c' => [ $key, "caas_open(id, sealed) = '$marker'", qr/has a character that the database's encoding lacks/ ],
	'the triggers' => [ $key, "caas_seal_trigger() IS NULL OR digest = '$marker'", qr/ERROR:  caas_seal_trigger\b/ ]
);

for my $preload ('none', 'session', 'shared')
{
	my $node = caas_node("errors_$preload", preload => $preload);
	force_parallel($node);
	$node->start;
	{
		local $ENV{PGOPTIONS} = $key;
		$node->safe_psql('postgres', q{CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
		$node->safe_psql(
			'latin1', q{
			CREATE EXTENSION caas;
			CREATE TABLE users AS
				SELECT id, 'stored digest' AS digest, caas_seal(id, '\xe282ac'::bytea) AS sealed
				FROM (SELECT md5(n::text)::uuid AS id FROM generate_series(1, 5000) n) AS ids;
			ANALYZE users;
			CREATE FUNCTION no_row_type(bytea) RETURNS record AS '$libdir/caas', 'caas_sql_sealed_info'
				LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE}
		);
	}

	# One worker's error ends the other worker, which logs that.
	my $refused = sub {
		my ($name, $options, $sql, $message) = @_;
		local $ENV{PGOPTIONS} = $options;
		my ($code, $out, $error) = $node->psql('latin1', $sql);
		like(
			$error,
			qr/$message.*^CONTEXT:  parallel worker/ms,
			"$preload: $name: the worker's error reaches the client"
		);
		return;
	};
	for my $name (sort keys %refusals)
	{
		my ($options, $condition, $message) = @{ $refusals{$name} };
		$refused->($name, $options, "SELECT count(*) FROM users WHERE $condition", $message);
	}
	$refused->(
		'session.c, restricted', $key, "CREATE MATERIALIZED VIEW opened AS SELECT count(*) FROM users
		WHERE caas_open(id, sealed) = '$marker'", qr/cannot execute caas_open within/
	);
	# A client that asks for the source of an error sees the file's name.
	{
		local $ENV{PGOPTIONS} = $key;
		my ($code, $out, $error) = $node->psql('latin1',
			"\\set VERBOSITY verbose\nSELECT count(*) FROM users WHERE $refusals{'fn_index.c'}[1]");
		like($error, qr/^LOCATION:  \w+, fn_index\.c:\d+$/m, "$preload: the location of an error");
	}
	unlink $node->{caas_keyring} or die "unlink: $!";
	$refused->(
		'error.c, the keyring',
		$key,
		"SELECT count(*) FROM users WHERE caas_encrypt(id, '$marker') = digest",
		qr/the file cannot be opened/
	);

	# Errors that caas did not raise are logged unchanged.
	my ($code, $out, $error) = $node->psql('latin1', 'SELECT count(*) FROM users WHERE 1 / (length(digest) - 13) = 1');
	like($error, qr/division by zero/, "$preload: another error in a worker");
	$node->stop;
	my $log = slurp_file($node->logfile);
	like($log, $_->[2], "$preload: in the log: $_->[2]") for values %refusals;
	unlike($log, qr/$marker/, "$preload: the plaintext is not");
	like($log, qr/STATEMENT:.*1 \/ \(length/, "$preload: the statement of another error is");
}

done_testing();
