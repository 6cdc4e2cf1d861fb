# The program under AddressSanitizer and UBSan, with everything at once.
use strict;
use warnings;
use lib 'test/http';
use Test::More;

system('make', '-s', '-C', 'test/http', 'SANITIZE=address') == 0 or BAIL_OUT('the build failed');
$ENV{CAAS} = 'build/http-address/caas';
require SanitizedLoad;    # at run time: it reads CAAS, and a check of the syntax must not build
SanitizedLoad->import;

finds_errors(
	'build/http-address',
	'use-after-free' => qr/heap-use-after-free/,
	overflow => qr/heap-buffer-overflow/,
	leak => qr/detected memory leaks/,
	undefined => qr/signed integer overflow/
);
load_with_everything();
done_testing();
