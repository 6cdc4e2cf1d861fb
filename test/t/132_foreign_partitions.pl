# Hash partitions that are foreign tables: where a trigger fires, where a generated column is computed, and what is stored in silence.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $key = api_key();
my @keyring = (generation(1, 'active', random_secret()));
my $trigger =
	q{CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest')};
my $generated = 'digest text GENERATED ALWAYS AS (caas_encrypt(id, email)) STORED';
my $users = q{SELECT %s, md5(n::text)::uuid, 'user' || n || '@example.com' FROM generate_series(1, 40) n};

# Remote 1 has no trigger and no gate for the coordinator; remote 2 trusts it and has the trigger.
my %remote;
for my $n (1, 2)
{
	my $node = caas_node("remote$n", keyring => \@keyring, preload => 'shared');
	$node->append_conf('postgresql.conf', "log_statement = all");
	$node->append_conf('pg_ident.conf', 'nodes ' . getpwuid($<) . ' coordinator');
	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf', "local all coordinator peer map=nodes\nlocal all all trust");
	$node->append_conf('postgresql.conf', "caas.trusted_nodes = 'coordinator\@peer'");
	$node->start;
	$node->safe_psql(
		'postgres', q{
		CREATE EXTENSION caas;
		CREATE ROLE coordinator LOGIN;
		GRANT EXECUTE ON FUNCTION caas_encrypt(uuid, text) TO coordinator;
		ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO coordinator;
		CREATE TABLE plain (id uuid, email text, digest text, generation integer);
		CREATE TABLE strict (id uuid, email text, digest text NOT NULL)}
			. "; CREATE TABLE generated (id uuid, email text, $generated)"
			. '; CREATE TABLE guarded (LIKE plain, CHECK (email IS NULL)); '
			. sprintf($trigger, 'guarded')
	);
	$remote{$n} = $node;
}

my $local = caas_node('local', keyring => \@keyring);
$local->start;
$local->safe_psql('postgres', 'CREATE EXTENSION caas; CREATE EXTENSION postgres_fdw');
for my $n (1, 2)
{
	my ($host, $port) = ($remote{$n}->host, $remote{$n}->port);
	$local->safe_psql(
		'postgres', qq{
		CREATE SERVER remote$n FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
		CREATE USER MAPPING FOR CURRENT_USER SERVER remote$n OPTIONS (user 'coordinator')}
	);
}

# A table of two hash partitions, which are the tables of this name on the remotes.
sub partitioned
{
	my ($name, $table, $columns) = @_;
	$local->safe_psql(
		'postgres',
		"CREATE TABLE $name ($columns) PARTITION BY HASH (id);" . join '',
		map {
				  "CREATE FOREIGN TABLE ${name}_$_ PARTITION OF $name FOR VALUES WITH (MODULUS 2, REMAINDER "
				. ($_ - 1)
				. ") SERVER remote$_ OPTIONS (table_name '$table');"
		} 1,
		2
	);
	return;
}

sub run_here
{
	my ($sql, $with_key) = @_;
	local $ENV{PGOPTIONS} = $with_key ? with_key() : '';
	my ($code, $out, $error) = $local->psql('postgres', $sql);
	return $code == 0 ? $out : $error =~ s/^psql:\S+ //r =~ s/\n.*//sr;
}

# The rows of a table on both remotes: all, with plaintext, with a digest that verifies.
sub stored
{
	my ($table) = @_;
	my @sum = (0, 0, 0);
	local $ENV{PGOPTIONS} = with_key();
	for my $n (1, 2)
	{
		my @counts = split /\|/, $remote{$n}->safe_psql(
			'postgres', qq{
			SELECT count(*), count(email), count(*) FILTER (WHERE caas_verify(id, u.value, digest))
			FROM $table LEFT JOIN (SELECT md5(n::text)::uuid AS id, 'user' || n || '\@example.com' AS value
				FROM generate_series(1, 99) n) u USING (id)}
		);
		cmp_ok($counts[0], '>', 0, "$table: rows on remote $n");
		$sum[$_] += $counts[$_] for 0 .. 2;
	}
	return join ' ', @sum;
}
my $refusal = 'ERROR:  no accepted API key';
my $fill = sub { "INSERT INTO $_[0] (id, email) " . sprintf($users, '') =~ s/SELECT , /SELECT /r };

# ---- a trigger on the partitioned table: it fires here, before the row is sent ----

partitioned('people', 'plain', 'id uuid, email text, digest text');
$local->safe_psql('postgres', sprintf $trigger, 'people');
is(run_here($fill->('people')), $refusal, 'the trigger asks the gate of the coordinator');
is(run_here($fill->('people'), 1), '', 'rows are written through the coordinator');
is(stored('plain'), '40 0 40', 'the remotes hold digests and no plaintext');
is(
	run_here(
		q{COPY people (id, email) FROM PROGRAM 'echo c4ca4238-a0b9-2382-0dcc-509a6f75849b,user1@example.com' WITH CSV},
		1
	),
	'', 'COPY'
);
is(run_here(q{UPDATE people SET email = 'user2@example.com' WHERE id = md5('2')::uuid}, 1), '', 'UPDATE');
is(stored('plain'), '41 0 41', 'by COPY and UPDATE too');

# Whoever writes to the remote, or to a partition that was detached, goes round the trigger.
run_here('ALTER TABLE people DETACH PARTITION people_1');
is(run_here(q{INSERT INTO people_1 (id, email) VALUES (md5('50')::uuid, 'user50@example.com')}),
	'', 'a detached foreign table takes plaintext');
is(stored('plain'), '42 1 41', 'which is stored, in silence');
run_here('ALTER TABLE people ATTACH PARTITION people_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0)');

# ---- a trigger on the remote: it fires for every writer, and plaintext travels ----

partitioned('guarded', 'guarded', 'id uuid, email text, digest text');
is(run_here($fill->('guarded')), '', 'the remotes let the node in: no key is needed here');
is(stored('guarded'), '40 0 40', 'their triggers protect the rows');
like(
	run_here(
		q{EXPLAIN (VERBOSE, COSTS off) INSERT INTO guarded_1 (id, email) VALUES (md5('1')::uuid, 'user1@example.com')}),
	qr/INSERT INTO public\.guarded\(id, email, digest\) VALUES \(\$1, \$2, \$3\)/,
	'an INSERT has the plaintext in its parameters'
);
is(run_here(q{UPDATE guarded SET email = 'user3@example.com' WHERE id = md5('3')::uuid}),
	'', 'an UPDATE is sent as a whole');
is(stored('guarded'), '40 0 40', 'and protected');
ok((grep { slurp_file($_->logfile) =~ /UPDATE public\.guarded.*user3\@example/ } values %remote),
	'its text, with the plaintext, is in the statement log of the remote');

# Both: the digest that was made here is taken by the trigger there.
my $insert_60 = q{INSERT INTO guarded (id, email) VALUES (md5('60')::uuid, 'user60@example.com')};
my $update_60 = q{UPDATE guarded SET email = 'user60@example.com' WHERE id = md5('60')::uuid};
$local->safe_psql('postgres', sprintf $trigger, 'guarded');
is(run_here($insert_60), $refusal, 'with a trigger here, too, the key is asked for');
is(run_here($insert_60, 1), '', 'and given');
is(run_here($update_60, 1), '', 'UPDATE');
is(stored('guarded'), '41 0 41', 'both triggers together store digests');
ok(!(grep { slurp_file($_->logfile) =~ /user60\@example/ } values %remote), 'and no plaintext travels');

# ---- a generated column: postgres_fdw sends DEFAULT, the remote computes or nobody does ----

partitioned('generated', 'generated', "id uuid, email text, $generated");
is(run_here($fill->('generated')), $refusal, 'a generated column is computed here, too');
is(run_here($fill->('generated'), 1), '', 'with the key');
is(stored('generated'), '40 40 40', 'what is stored was computed by the remote');
like(
	run_here(q{EXPLAIN (VERBOSE, COSTS off) INSERT INTO generated_1 (id, email) VALUES (md5('1')::uuid, 'x')}, 1),
	qr/INSERT INTO public\.generated\(id, email, digest\) VALUES \(\$1, \$2, DEFAULT\)/,
	'it is sent as DEFAULT'
);
partitioned('here_only', 'plain', "id uuid, email text, $generated");
for my $n (1, 2) { $remote{$n}->safe_psql('postgres', 'TRUNCATE plain') }
is(run_here($fill->('here_only'), 1), '', 'where the remote column is an ordinary one');
is(stored('plain'), '40 40 0', 'the digest is lost in silence');
partitioned('strict', 'strict', "id uuid, email text, $generated");
like(
	run_here($fill->('strict'), 1),
	qr/ERROR:  null value in column "digest" of relation "strict" violates not-null constraint/,
	'NOT NULL on the remote makes it fail'
);

# Declared on the remote alone, nothing is computed here.
partitioned('there_only', 'generated', 'id uuid, email text, digest text');
for my $n (1, 2) { $remote{$n}->safe_psql('postgres', 'TRUNCATE generated') }
like(
	run_here($fill->('there_only')),
	qr/ERROR:  cannot insert a non-DEFAULT value into column "digest"/,
	'an ordinary column here does not fit a generated one there'
);

# Left out of the foreign table, it is computed there.
$local->safe_psql(
	'postgres', q{
	CREATE FOREIGN TABLE without (id uuid, email text) SERVER remote1 OPTIONS (table_name 'generated')}
);
is(run_here(q{INSERT INTO without VALUES (md5('1')::uuid, 'user1@example.com')}), '', 'a column that is left out here');
is($remote{1}->safe_psql('postgres', q{SELECT count(*) FROM generated WHERE digest IS NOT NULL}),
	'1', 'is computed there');
$local->safe_psql('postgres',
	'CREATE SCHEMA imported; IMPORT FOREIGN SCHEMA public LIMIT TO (generated) FROM SERVER remote1 INTO imported');
my $found = q{SELECT object FROM caas_doctor() WHERE finding LIKE '%generated on a foreign table%' ORDER BY object};
is(
	run_here($found),
	join("\n",
		map { "column $_.digest" }
		sort('imported.generated', map { ("public.${_}_1", "public.${_}_2") } 'generated', 'here_only', 'strict')),
	'caas_doctor lists such columns, also one that was imported'
);

# ---- digests in place ----

$_->safe_psql(
	'postgres', q{
	CREATE TABLE in_place (id uuid, email text);
	CREATE TABLE in_place_kept (id uuid, email text);
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON in_place FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email');
	CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON in_place_kept FOR EACH ROW
		EXECUTE FUNCTION caas_encrypt_trigger('id', 'email digests=keep')}
) for values %remote;
for my $table ('in_place', 'in_place_kept')
{
	partitioned($table, $table, 'id uuid, email text');
	$local->safe_psql('postgres',
		"CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON $table FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email')"
	);
}
my $insert = q{INSERT INTO %s VALUES (md5('1')::uuid, 'user1@example.com')};
like(
	run_here(sprintf($insert, 'in_place'), 1),
	qr/ERROR:  .*digest/,
	'a digest in place is refused by the trigger of the other server'
);
is(run_here(sprintf($insert, 'in_place_kept'), 1), '', 'with the option digests=keep it is taken');
is(run_here(q{SELECT caas_verify(id, 'user1@example.com', email) FROM in_place_kept}, 1), 't', 'as it is');

$_->stop for $local, values %remote;
done_testing();
