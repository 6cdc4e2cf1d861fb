# The tables of docs/scale.md are those that bench/scale_model.py computes of the measured figures in bench/history, and its formulas are right.
use strict;
use warnings;
use lib 'test/cli';
use CaasCli;
use Cwd qw(getcwd);
use Test::More;

system('command -v python3 > /dev/null') == 0 or plan skip_all => 'python3 is not installed';
my $root = getcwd();
my $copy = folder();
system('cp', '-r', 'bench', 'docs', $copy) == 0 or BAIL_OUT('cp failed');

my ($tables) = sort { version->parse($b =~ m{([0-9.]+)-tables}) <=> version->parse($a =~ m{([0-9.]+)-tables}) }
	glob 'bench/history/*-tables.md';

# Exit code and messages of the program in the copy.
sub model
{
	my ($option) = @_;
	my $said = `python3 $copy/bench/scale_model.py $option 2>&1 >$copy/out`;
	return ($? >> 8, $said);
}

# Changes a file of the copy, and puts it back after the work.
sub with_change
{
	my ($file, $old, $new, $work) = @_;
	my $text = read_file("$copy/$file");
	(my $changed = $text) =~ s/$old/$new/ or die "$file is written otherwise now\n";
	write_file("$copy/$file", $changed);
	$work->();
	write_file("$copy/$file", $text);
	return;
}

is_deeply([ model('--check') ], [ 0, '' ], 'docs/scale.md has the tables as computed');
with_change(
	'docs/scale.md',
	qr/(\| one server, one session \| )/,
	'${1}9',
	sub {
		is_deeply(
			[ model('--check') ],
			[ 1, "docs/scale.md: the table rotation is not what bench/scale_model.py computes\n" ],
			'another figure is noticed'
		);
	}
);
with_change(
	$tables,
	qr/caas_rotate, rows a second \| [0-9]/,
	'caas_rotate, rows a second | 99',
	sub {
		is((model('--check'))[0], 1, 'another measurement is noticed');
		is((model('--write'))[0], 0, 'and put in');
		is((model('--check'))[0], 0, 'for good');
		isnt(read_file("$copy/docs/scale.md"), read_file('docs/scale.md'), 'as other figures');
	}
);
with_change(
	$tables,
	qr/caas_rotate, rows a second/,
	'renamed',
	sub {
		like(
			(model('--check'))[1],
			qr/\Q$tables\E has no line: caas_rotate, rows a second/,
			'a measurement that is gone'
		);
	}
);

my $formulas = <<'PYTHON';
import math, random, sys
sys.path.insert(0, sys.argv[1])
import scale_model as m

def near(what, got, wanted, part):
    print("ok" if abs(got - wanted) <= part * abs(wanted) else "not ok", what, got, wanted)

# By counting: 40 values out of 2^10, in 20,000 draws.
draw = random.Random(2)
hits = sum(len({draw.getrandbits(10) for _ in range(40)}) < 40 for _ in range(20000)) / 20000
near("a collision", m.collision(40, 10), hits, 0.03)
near("a rare one", m.collision(2**20, 128), 2.0**-89, 1e-5)
# 300,000 users over 100 parts, 300 times.
tops = []
for _ in range(300):
    counts = [draw.gauss(3000, math.sqrt(3000 * 0.99)) for _ in range(100)]
    tops.append(max(abs(count - 3000) for count in counts) / 3000)
near("the farthest", m.farthest(100, 300000), sorted(tops)[150], 0.05)
# All nodes at the same moment are never mixed; one after the other, a second each, f(1-f) integrates to about 100/6.
near("mixed", m.mixed_seconds([float(n) for n in range(100)]), 100 / 6, 0.02)
print("ok" if m.mixed_seconds([5.0] * 100) == 0 else "not ok", "at once")
near("logins", m.not_renewed(0), 1, 1e-9)
near("those who never come", m.not_renewed(1e6), 0.05, 1e-9)
PYTHON
write_file("$copy/formulas.py", $formulas);
my @lines = `python3 $copy/formulas.py $copy/bench`;
is(scalar @lines, 7, 'the formulas were checked');
like($_, qr/\Aok /, (split)[1]) for @lines;
done_testing();
