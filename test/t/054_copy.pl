# COPY into tables with generated columns and triggers computes each row. A refused COPY stores no row and logs none.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = caas_node('copy');
$node->start;
my $key = api_key();
my $set = "SET caas.api_key = '$key';";
my $folder = PostgreSQL::Test::Utils::tempdir();
my $rows = 2500;    # more than one buffer of COPY
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE generated (id uuid, email text, digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED);
	CREATE TABLE parted (LIKE generated INCLUDING GENERATED) PARTITION BY HASH (id);
	CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	CREATE TABLE triggered (id uuid, email text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
	CREATE TABLE parted_triggered (id uuid, email text) PARTITION BY HASH (id);
	CREATE TABLE parted_triggered_0 PARTITION OF parted_triggered FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parted_triggered_1 PARTITION OF parted_triggered FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON parted_triggered
		FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email')}
);
$node->safe_psql(
	'postgres', qq{
	COPY (SELECT md5(n::text)::uuid, 'user' || n || '\@example.com' FROM generate_series(1, $rows) n) TO '$folder/text';
	COPY (SELECT md5(n::text)::uuid, 'user' || n || '\@example.com' FROM generate_series(1, $rows) n) TO '$folder/csv' (FORMAT csv, HEADER);
	COPY (SELECT md5(n::text)::uuid, 'user' || n || '\@example.com' FROM generate_series(1, $rows) n) TO '$folder/binary' (FORMAT binary)}
);

my %protected = (generated => 'digest', parted => 'digest', triggered => 'email', parted_triggered => 'email');
my %formats = (text => '', csv => '(FORMAT csv, HEADER)', binary => '(FORMAT binary)');
for my $table (sort keys %protected)
{
	my $count = "SELECT count(*) FROM $table";
	my ($code, $out, $error) = $node->psql('postgres', "COPY $table (id, email) FROM '$folder/text'");
	is($code, 3, "$table: refused without the key");
	like($error, qr/ERROR:  no accepted API key/, "$table: as the message says");

	# A row with a missing or invalid uuid after valid rows.
	append_to_file("$folder/$table.bad",
		slurp_file("$folder/text") . "\\N\tuser0\@example.com\nno uuid\tuser0\@example.com\n");
	($code, $out, $error) = $node->psql('postgres', "$set COPY $table (id, email) FROM '$folder/$table.bad'");
	is($code, 3, "$table: refused in the middle");
	is($node->safe_psql('postgres', $count), '0', "$table: no row is stored");

	for my $format (sort keys %formats)
	{
		$node->safe_psql('postgres', "$set COPY $table (id, email) FROM '$folder/$format' $formats{$format}");
		is(
			$node->safe_psql(
				'postgres', qq{$set
			SELECT count(*) FROM generate_series(1, $rows) n JOIN $table t ON t.id = md5(n::text)::uuid
			WHERE caas_verify(t.id, 'user' || n || '\@example.com', t.$protected{$table})}
			),
			$rows,
			"$table, $format: each row is right"
		);
		is($node->safe_psql('postgres', $count), $rows, "$table, $format: and no other is there");
		$node->safe_psql('postgres', "TRUNCATE $table") if $format ne 'text';
	}
}

# COPY TO: a generated column needs a query, and computing a digest needs the API key.
$node->safe_psql('postgres',
	"TRUNCATE generated; $set COPY generated (id, email) FROM '$folder/text' WHERE email = 'user1\@example.com'");
is($node->safe_psql('postgres', 'COPY generated TO STDOUT') =~ tr/\t//, 1, 'COPY TO leaves the generated column out');
my $digest = $node->safe_psql('postgres', 'COPY (SELECT digest FROM generated) TO STDOUT');
like($digest, qr/^[0-9a-f]{64,}$/, 'COPY of a query returns the stored digest without the key');
is($node->safe_psql('postgres', "$set COPY (SELECT caas_encrypt(id, email) FROM generated) TO STDOUT"),
	$digest, 'COPY of a query computes the same digest');
my ($code, $out, $error) = $node->psql('postgres', 'COPY (SELECT caas_encrypt(id, email) FROM generated) TO STDOUT');
like($error, qr/no accepted API key/, 'COPY of a query computes a digest only with the key');
$node->stop;
unlike(slurp_file($node->logfile), qr/user\d+\@example/, 'the log has no row');

done_testing();
