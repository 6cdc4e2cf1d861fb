# A security-restricted operation (ANALYZE, REINDEX, a materialized view ..) runs the code of a table's owner in the session
# of whoever maintains the table. Functions that return plaintext are refused there; everything else of caas works.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ada, $secret) = ('4dbcbcfe-4800-40a8-badf-c26b73af230c', 'ssn of Ada');
my $node = caas_node('restricted');
$node->append_conf('postgresql.conf', "autovacuum = off\nautovacuum_naptime = 1s\ntrack_counts = on");
$node->start;

# Mallory may read the sealed values and may execute caas_open, but has no API key. Her function opens what it can, and
# writes it down: into the statistics, the index or the view that it is evaluated for, and into a table of hers.
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', qq{
		CREATE EXTENSION caas;
		CREATE TABLE patients (id uuid PRIMARY KEY, ssn bytea);
		INSERT INTO patients VALUES ('$ada', caas_seal('$ada', '$secret', 'patients.ssn'));
		CREATE ROLE mallory LOGIN;
		GRANT SELECT ON patients TO mallory;
		GRANT EXECUTE ON FUNCTION caas_open(uuid, bytea, text), caas_open_bytea(uuid, bytea, text),
			caas_try_open(uuid, bytea, text), caas_try_open_bytea(uuid, bytea, text) TO mallory;
		CREATE SCHEMA hers AUTHORIZATION mallory}
	);
}

sub as_mallory
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql, extra_params => [ '-U', 'mallory' ]);
}

as_mallory(q{
	CREATE TABLE hers.loot (value text);
	CREATE FUNCTION hers.keep(text) RETURNS text LANGUAGE sql VOLATILE
		AS 'INSERT INTO hers.loot SELECT $1 WHERE $1 IS NOT NULL RETURNING value'});
my %opening = (
	caas_open => q{public.caas_open(id, ssn, 'patients.ssn')},
	caas_open_bytea => q{convert_from(public.caas_open_bytea(id, ssn, 'patients.ssn'), 'UTF8')},
	caas_try_open => q{public.caas_try_open(id, ssn, 'patients.ssn')},
	caas_try_open_bytea => q{convert_from(public.caas_try_open_bytea(id, ssn, 'patients.ssn'), 'UTF8')}
);

# The table that mallory lets others maintain, with one of the functions.
sub set_bait
{
	my ($call) = @_;
	as_mallory(qq{
		DROP TABLE IF EXISTS hers.bait CASCADE;
		CREATE TABLE hers.bait (n integer PRIMARY KEY);
		CREATE OR REPLACE FUNCTION hers.peek(integer) RETURNS text LANGUAGE plpgsql IMMUTABLE AS \$peek\$
			BEGIN
				RETURN hers.keep((SELECT $call FROM public.patients LIMIT 1));
			EXCEPTION WHEN OTHERS THEN
				RETURN 'nothing';
			END \$peek\$;
		INSERT INTO hers.bait SELECT generate_series(1, 100);
		CREATE INDEX bait_peek ON hers.bait (hers.peek(n));
		CREATE STATISTICS hers.bait_peek ON (hers.peek(n)) FROM hers.bait;
		CREATE MATERIALIZED VIEW hers.bait_view AS SELECT hers.peek(n) FROM hers.bait;
		TRUNCATE hers.loot});
	return;
}

my $in_statistics =
	q{SELECT count(*) FROM pg_stats_ext_exprs WHERE statistics_name = 'bait_peek' AND most_common_vals::text ~ 'Ada'};
my $in_view = q{SELECT count(*) FROM hers.bait_view WHERE peek ~ 'Ada'};

# Looks at what one command has let mallory see, and makes the table empty for the next.
sub sees_nothing
{
	my ($name) = @_;
	is(as_mallory('SELECT count(*) FROM hers.loot; TRUNCATE hers.loot'), '0', "$name: mallory gets no plaintext");
	return;
}

sub has_no_copy
{
	my ($name) = @_;
	is(as_mallory($in_statistics), '0', "$name: no plaintext in the statistics");
	is(as_mallory($in_view), '0', "$name: no plaintext in the view");
	return;
}

# The maintenance commands that an administrator runs with the key.
my @maintenance = (
	'ANALYZE hers.bait',
	'VACUUM ANALYZE hers.bait',
	'VACUUM FULL hers.bait',
	'CLUSTER hers.bait USING bait_pkey',
	'REINDEX TABLE hers.bait',
	'REINDEX INDEX CONCURRENTLY hers.bait_peek',
	'CREATE INDEX ON hers.bait (hers.peek(n + 1))',
	'REFRESH MATERIALIZED VIEW hers.bait_view'
);
for my $function (sort keys %opening)
{
	set_bait($opening{$function});
	sees_nothing("$function, before");
	local $ENV{PGOPTIONS} = with_key();
	for my $sql (@maintenance)
	{
		$node->safe_psql('postgres', $sql);
		sees_nothing("$function, $sql");
	}
	for my $program ([ 'vacuumdb', '--analyze', 'postgres' ], [ 'reindexdb', 'postgres' ])
	{
		$node->command_ok($program, "@$program");
		sees_nothing("$function, @$program");
	}
	has_no_copy($function);
}

# Autovacuum, let in without a key.
set_bait($opening{caas_open});
$node->append_conf('postgresql.conf', "autovacuum = on\ncaas.exempt_workers = on");
$node->reload;
as_mallory('INSERT INTO hers.bait SELECT generate_series(101, 1000)');
$node->poll_query_until('postgres', q{SELECT autoanalyze_count > 0 FROM pg_stat_user_tables WHERE relname = 'bait'})
	or die 'autovacuum does not analyse the table';
sees_nothing('autovacuum with caas.exempt_workers');
is(as_mallory($in_statistics), '0', 'autovacuum with caas.exempt_workers: no plaintext in the statistics');
$node->append_conf('postgresql.conf', "autovacuum = off\ncaas.exempt_workers = off");
$node->reload;

# The outcome of each function in a materialized view of the superuser, with the key. A new function needs a line here;
# those that take a table or a role are in 091_protect.pl.
my $opens =
	qr/ERROR:  42501: cannot execute (caas_\w+) within a security-restricted operation\n.*HINT:  .*CREATE TABLE AS/s;
my %there = (
	'caas_encrypt(uuid,text)' => '',
	'caas_encrypt(uuid,bytea)' => '',
	'caas_encrypt(uuid,text,integer)' => '',
	'caas_encrypt(uuid,bytea,integer)' => '',
	'caas_verify(uuid,text,text)' => '',
	'caas_verify(uuid,bytea,bytea)' => '',
	'caas_verified_by(uuid,text,text)' => '',
	'caas_verified_by(uuid,bytea,bytea)' => '',
	'caas_seal(uuid,text,text)' => '',
	'caas_seal(uuid,bytea,text)' => '',
	'caas_reseal(uuid,bytea,text)' => '',
	'caas_reseal(uuid,bytea,text,integer)' => '',
	'caas_open(uuid,bytea,text)' => $opens,
	'caas_open_bytea(uuid,bytea,text)' => $opens,
	'caas_try_open(uuid,bytea,text)' => $opens,
	'caas_try_open_bytea(uuid,bytea,text)' => $opens,
	'caas_is_digest(text)' => '',
	'caas_is_digest(bytea)' => '',
	'caas_is_sealed(bytea)' => '',
	'caas_generation(bytea)' => '',
	'caas_sealed_info(bytea)' => '',
	'caas_blind_index(text,text,integer)' => '',
	'caas_blind_index(bytea,text,integer)' => '',
	'caas_blind_index(text,text,integer,text)' => '',
	'caas_blind_candidates(text,text,integer,text)' => '',
	'caas_uuid(text,bigint)' => '',
	'caas_uuid(text,text)' => '',
	'caas_blind_candidates(text,text,integer)' => '',
	'caas_blind_candidates(bytea,text,integer)' => '',
	'caas_hash_password(uuid,text)' => '',
	'caas_verify_password(uuid,text,text)' => $opens,
	'caas_password_outdated(text)' => '',
	'caas_version()' => '',
	'caas_status()' => '',
	'caas_doctor()' => '',
	'caas_table_columns(oid)' => '',
	'caas_check_sealed(uuid,bytea,text,boolean,bytea,text)' => '',
	'caas_generations()' => '',
	'caas_profile(uuid)' => '',
	'caas_keyring()' => ''
);
is(
	$node->safe_psql(
		'postgres',
		q{SELECT oid::regprocedure FROM pg_proc WHERE proname ~ '^caas_' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
	AND (pronargs = 0 OR proargtypes[0] NOT IN ('regclass'::regtype, 'regrole'::regtype))
	ORDER BY oid::regprocedure::text COLLATE "C"}
	),
	join("\n", sort keys %there),
	'the functions of the extension'
);
{
	local $ENV{PGOPTIONS} = with_key();
	my $sealed = $node->safe_psql('postgres', 'SELECT quote_literal(ssn) FROM patients') . '::bytea';
	my %value = (
		uuid => "'$ada'",
		text => "'patients.ssn'::text",
		bytea => $sealed,
		integer => '16',
		bigint => '42',
		oid => "'patients'::regclass",
		boolean => 'true'
	);
	for my $function (sort keys %there)
	{
		my ($name, $types) = $function =~ /^(\w+)\((.*)\)$/;
		my @arguments = map { $value{$_} // die "no value of type $_" } split /,/, $types;
		$arguments[2] = '1' if $name eq 'caas_encrypt' && @arguments == 3;
		$arguments[3] = $name eq 'caas_reseal' ? '1' : q{'casefold'} if @arguments == 4;
		$arguments[5] = q{'casefold'} if $name eq 'caas_check_sealed';
		my $sql = "SELECT * FROM $name(" . join(', ', @arguments) . ') AS made';
		my ($code, $out, $error) =
			$node->psql('postgres', "\\set VERBOSITY verbose\nBEGIN; CREATE MATERIALIZED VIEW made AS $sql; ROLLBACK");
		like($error, $there{$function} || qr/^$/, "$function in a materialized view");
		is($error =~ $opens ? $1 : $name, $name, 'the error names the function') if $there{$function};
		is($node->psql('postgres', "BEGIN; CREATE TABLE made AS $sql; ROLLBACK"), 0, "$function in CREATE TABLE AS");
	}
	# A parallel worker inherits the restriction.
	my $force = $node->pg_version < 16 ? 'force_parallel_mode' : 'debug_parallel_query';
	my ($code, $out, $error) = $node->psql(
		'postgres', "SET $force = on;
		CREATE MATERIALIZED VIEW made AS SELECT caas_open(id, ssn, 'patients.ssn') FROM patients"
	);
	like($error, qr/cannot execute caas_open within/, 'in a parallel worker');
}

# The key makes no difference: who has none is not told to show one.
my ($code, $out, $error) =
	$node->psql('postgres', "CREATE MATERIALIZED VIEW made AS SELECT caas_open(id, ssn) FROM patients");
like($error, qr/cannot execute caas_open within/, 'the same error without the key');

# The seal trigger checks sealed values by itself: in a restricted operation, too.
{
	local $ENV{PGOPTIONS} = with_key();
	$node->safe_psql(
		'postgres', q{
		CREATE TABLE copies (id uuid, ssn text, sealed bytea);
		CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON copies
			FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed@patients.ssn');
		CREATE FUNCTION copy_row(uuid, text, bytea) RETURNS integer LANGUAGE sql VOLATILE
			AS 'INSERT INTO public.copies VALUES ($1, $2, $3) RETURNING 1';
		CREATE MATERIALIZED VIEW copied AS SELECT copy_row(id, NULL, ssn) FROM patients WITH NO DATA;
		CREATE MATERIALIZED VIEW sealed AS SELECT copy_row(id, 'another', NULL) FROM patients WITH NO DATA;
		CREATE MATERIALIZED VIEW forged AS SELECT copy_row(gen_random_uuid(), NULL, ssn) FROM patients WITH NO DATA;
		REFRESH MATERIALIZED VIEW copied;
		REFRESH MATERIALIZED VIEW sealed}
	);
	is($node->safe_psql('postgres', q{SELECT ssn, caas_open(id, sealed, 'patients.ssn') FROM copies ORDER BY 2}),
		"|another\n|$secret", 'the trigger takes a sealed value and seals another');
	($code, $out, $error) = $node->psql('postgres', 'REFRESH MATERIALIZED VIEW forged');
	like($error, qr/ERROR:  cannot open/, 'and refuses a value of another user');

	# Expressions over digests and blind indexes stay what they were.
	$node->safe_psql(
		'postgres', q{
		CREATE TABLE users (id uuid, email text);
		INSERT INTO users SELECT md5(n::text)::uuid, 'user' || n FROM generate_series(1, 100) n;
		CREATE INDEX users_digest ON users (caas_encrypt(id, email));
		CREATE UNIQUE INDEX users_email ON users (caas_blind_index(email, 'users.email'));
		ANALYZE users; REINDEX TABLE users; VACUUM FULL users}
	);
	is(
		$node->safe_psql(
			'postgres', q{SELECT count(*) FROM pg_stats WHERE tablename IN ('users_digest', 'users_email')}
		),
		'2',
		'expression indexes are built and analysed'
	);
}
$node->stop;
unlike(slurp_file($node->logfile), qr/\Q$secret\E|user\d/, 'no plaintext in the log');

done_testing();
