# Random statements against a protected table and an ordinary twin: what was written opens and verifies to the twin's value, and no
# plaintext is stored. A statement may be refused by the triggers; then it changes neither table.
#
# RANDOM_STATEMENTS sets how many statements run, RANDOM_SEED repeats a run.
use strict;
use warnings;
use lib 'test/perl';
use CaasTest;
use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Test::More;

my $count = $ENV{RANDOM_STATEMENTS} // 2000;
my $seed = $ENV{RANDOM_SEED} // time;
srand $seed;
my $rows = 12;

my $node = caas_node('random', preload => 'shared');
$node->start;
$ENV{PGOPTIONS} = with_key();
my $merge = $node->pg_version >= 15;

# TABLE is replaced by the name of either table. The twin's trigger does what the documents say of a source that is set to
# null: the value stays.
my $columns = 'k int, part int NOT NULL DEFAULT 1, id uuid, email text %s, ssn text %s, note int NOT NULL DEFAULT 0';
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caas;
	CREATE TABLE protected (} . sprintf($columns, 'CHECK (email IS NULL)', 'CHECK (ssn IS NULL)') . q{,
		digest text, generation int, sealed bytea, index bytea, PRIMARY KEY (k, part)) PARTITION BY LIST (part);
	CREATE TABLE protected_1 PARTITION OF protected FOR VALUES IN (1);
	CREATE TABLE protected_2 (note int NOT NULL DEFAULT 0, index bytea, sealed bytea, gone int, digest text, generation int, ssn text, email text, id uuid, part int NOT NULL, k int NOT NULL,
		CONSTRAINT protected_email_check CHECK (email IS NULL), CONSTRAINT protected_ssn_check CHECK (ssn IS NULL));
	ALTER TABLE protected_2 DROP gone;
	ALTER TABLE protected ATTACH PARTITION protected_2 FOR VALUES IN (2);
	CREATE TRIGGER protect_email BEFORE INSERT OR UPDATE ON protected FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest:generation');
	CREATE TRIGGER protect_ssn BEFORE INSERT OR UPDATE ON protected FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'ssn=sealed:index@ssn');
	CREATE TABLE twin (} . sprintf($columns, '', '') . q{, PRIMARY KEY (k, part)) PARTITION BY LIST (part);
	CREATE TABLE twin_1 PARTITION OF twin FOR VALUES IN (1);
	CREATE TABLE twin_2 PARTITION OF twin FOR VALUES IN (2);
	CREATE FUNCTION keep_value() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		NEW.email := coalesce(NEW.email, OLD.email);
		NEW.ssn := coalesce(NEW.ssn, OLD.ssn);
		RETURN NEW;
	END $$;
	CREATE TRIGGER keep_value BEFORE UPDATE ON twin FOR EACH ROW EXECUTE FUNCTION keep_value();
	-- Inserting into a queue runs an upsert within a trigger.
	CREATE TABLE protected_queue (k int, email text, ssn text);
	CREATE TABLE twin_queue (LIKE protected_queue);
	CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('INSERT INTO %I AS t (k, id, email, ssn) VALUES ($1, md5($1::text)::uuid, $2, $3)
			ON CONFLICT (k, part) DO UPDATE SET email = EXCLUDED.email, ssn = COALESCE(EXCLUDED.ssn, t.ssn)', TG_ARGV[0]) USING NEW.k, NEW.email, NEW.ssn;
		RETURN NULL;
	END $$;
	CREATE TRIGGER take BEFORE INSERT ON protected_queue FOR EACH ROW EXECUTE FUNCTION take('protected');
	CREATE TRIGGER take BEFORE INSERT ON twin_queue FOR EACH ROW EXECUTE FUNCTION take('twin');

	-- Returns what differs between the tables, or null.
	CREATE FUNCTION difference() RETURNS text LANGUAGE sql AS $$
		SELECT string_agg(format('row %s, %s', k, part), '; ') FROM protected p FULL JOIN twin t USING (k, part)
		WHERE p.id IS DISTINCT FROM t.id OR p.note IS DISTINCT FROM t.note OR p.email IS NOT NULL OR p.ssn IS NOT NULL
			OR (p.digest IS NULL) <> (t.email IS NULL) OR (p.generation IS NULL) <> (t.email IS NULL) OR NOT coalesce(caas_verify(p.id, t.email, p.digest), true)
			OR caas_open(p.id, p.sealed, 'ssn') IS DISTINCT FROM t.ssn OR p.index IS DISTINCT FROM caas_blind_index(t.ssn, 'ssn') $$;
	-- Runs a statement for both tables. Returns 'done', 'refused', 'failed' where both fail, or what went wrong.
	CREATE FUNCTION run(statement text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		problem text;
	BEGIN
		BEGIN
			EXECUTE replace(statement, 'TABLE', 'protected');
		EXCEPTION
			WHEN triggered_data_change_violation OR external_routine_invocation_exception OR null_value_not_allowed THEN
				RETURN 'refused';
			WHEN unique_violation OR cardinality_violation THEN
				problem := SQLSTATE;
		END;
		BEGIN
			EXECUTE replace(statement, 'TABLE', 'twin');
		EXCEPTION WHEN unique_violation OR cardinality_violation THEN
			RETURN CASE problem WHEN SQLSTATE THEN 'failed' ELSE 'the twin fails: ' || SQLERRM END;
		END;
		RETURN coalesce('the twin does not fail: ' || problem, difference(), 'done');
	END $$}
);

# ---- statements ----

sub pick { return $_[ rand @_ ] }
sub key { return 1 + int rand $rows }
sub number { return int rand 4 }

sub literal
{
	return pick('NULL', q{''}, map { "'$_'" } qw(ada bob Ada zoë), 'x' x 70);
}

# Mostly the user of this key, sometimes another.
sub id { return rand() < 0.05 ? pick('NULL::uuid', "md5('other')::uuid") : "md5('$_[0]')::uuid" }

sub values_of
{
	my ($k) = @_;
	return sprintf '(%d, %d, %s, %s, %s, %d)', $k, pick(1, 1, 1, 2), id($k), literal(), literal(), number();
}

sub row_list
{
	my @keys = shuffle 1 .. $rows;
	return join ', ', map { values_of($keys[$_]) } 0 .. int rand 4;
}

# An expression for a source in DO UPDATE SET: what is carried, what needs no carrying, and what is refused.
sub from_excluded
{
	my ($c) = @_;
	my $other = $c eq 'email' ? 'ssn' : 'email';
	return pick("upper(EXCLUDED.$c)", "EXCLUDED.$other", "(SELECT EXCLUDED.$c)")
		if rand() < 0.04;
	return pick(
		"EXCLUDED.$c",
		"EXCLUDED.$c",
		"COALESCE(EXCLUDED.$c, t.$c)",
		"COALESCE(t.$c, EXCLUDED.$c)",
		"CASE WHEN t.note > 1 THEN EXCLUDED.$c END",
		"CASE WHEN EXCLUDED.note > t.note THEN EXCLUDED.$c ELSE t.$c END",
		"CASE t.note WHEN 0 THEN EXCLUDED.$c WHEN 1 THEN 'literal' ELSE NULL END",
		"COALESCE(NULL, EXCLUDED.$c)",
		"COALESCE(EXCLUDED.$c, 'literal')",
		"COALESCE(t.$c, 'literal')",
		"CASE WHEN t.note > 0 THEN COALESCE(EXCLUDED.$c, t.$c) ELSE COALESCE(t.$c, EXCLUDED.$c) END",
		'NULL',
		literal()
	);
}

sub set_list
{
	my ($expression) = @_;
	my @set = grep { defined } (
		rand() < 0.8 ? 'email = ' . $expression->('email') : undef,
		rand() < 0.8 ? 'ssn = ' . $expression->('ssn') : undef,
		rand() < 0.3 ? 'note = ' . number() : undef
	);
	return join(', ', @set) || 'note = 3';
}

sub upsert
{
	my $where = rand() < 0.2 ? ' WHERE t.note <> ' . number() : '';
	my $action = rand() < 0.1 ? 'NOTHING' : 'UPDATE SET ' . set_list(\&from_excluded) . $where;
	return
		  'INSERT INTO TABLE AS t (k, part, id, email, ssn, note) VALUES '
		. row_list()
		. " ON CONFLICT (k, part) DO $action";
}

sub update
{
	my $key = key();
	my $set = set_list(sub {
		pick(
			literal(), literal(), 'NULL',
			"CASE WHEN note > 1 THEN 'case' END",
			"COALESCE($_[0], 'literal')",
			"CASE note WHEN 0 THEN 'case' ELSE $_[0] END"
		);
	});
	$set .= ', part = 3 - part' if rand() < 0.2;
	$set .= ', id = ' . id($key) if rand() < 0.1;
	return "UPDATE TABLE SET $set WHERE " . pick("k = $key", 'note = ' . number(), "k <= $key");
}

sub merge
{
	return
		  'MERGE INTO TABLE AS t USING (VALUES '
		. row_list()
		. ') AS s (k, part, id, email, ssn, note) ON t.k = s.k AND t.part = s.part'
		. pick(
		'',
		' WHEN MATCHED AND s.note = 0 THEN DELETE',
		' WHEN MATCHED AND s.note = 1 THEN UPDATE SET email = s.email'
		)
		. ' WHEN MATCHED THEN UPDATE SET '
		. set_list(sub { pick("s.$_[0]", "COALESCE(s.$_[0], 'literal')", 'NULL') })
		. ' WHEN NOT MATCHED THEN INSERT (k, part, id, email, ssn, note) VALUES (s.k, s.part, s.id, s.email, s.ssn, s.note)';
}

sub statement
{
	my $kind = int rand 100;
	return upsert() if $kind < 45;
	return update() if $kind < 65;
	return merge() if $kind < 75 && $merge;
	return 'INSERT INTO TABLE (k, part, id, email, ssn, note) VALUES ' . row_list() if $kind < 80;
	return sprintf 'INSERT INTO TABLE_queue VALUES (%d, %s, %s), (%d, %s, %s)', map { key(), literal(), literal() } 1, 2
		if $kind < 85;
	return 'WITH w AS (' . upsert() . ' RETURNING k) ' . update() if $kind < 90;
	return 'WITH w AS (' . update() . ' RETURNING k) ' . upsert() if $kind < 95;
	return 'DELETE FROM TABLE WHERE k = ' . key();
}

# ---- the run ----

my %outcome;
my $first;
while ($count > 0)
{
	my $batch = $count > 500 ? 500 : $count;
	my @statements = map { statement() } 1 .. $batch;
	my @outcomes = split /\n/, $node->safe_psql('postgres', join "\n", map { "SELECT run(\$s\$$_\$s\$);" } @statements);
	for my $i (0 .. $#statements)
	{
		my $said = $outcomes[$i] // 'nothing';
		$outcome{$said}++;
		$first //= "$statements[$i]\n$said" if $said !~ /^(?:done|refused|failed)$/;
	}
	$count -= $batch;
	last if $first;
}
is($first, undef, "the protected table equals its twin (seed $seed)");
note join ', ', map { "$_: $outcome{$_}" } sort keys %outcome;
cmp_ok($outcome{done} // 0, '>', ($outcome{refused} // 0) + ($outcome{failed} // 0), 'most statements succeed');
cmp_ok($outcome{refused} // 0, '>', 0, 'some are refused');
$node->stop;

done_testing();
