#!/bin/bash
# What no compiler run for the tests would say: scripts/lint.sh, or one check alone: scripts/lint.sh symbols
# Expects a built tree and the tools that scripts/test.sh installs; that script calls this one.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export LC_ALL=C.UTF-8
PG_CONFIG=${PG_CONFIG:-pg_config}
# The layout of the files is that of this version; another version's differs in details.
CLANG_FORMAT_MAJOR=14

CHECKS=(symbols libraries sql_functions hidden_errors includes guards format tidy warnings version sizes markers shell perl row_path blanks links json)

# The project's files: from git where that is here, else all that is no product of a build.
files() {
    { git -c safe.directory='*' ls-files -co --exclude-standard 2>/dev/null ||
        find . -type f ! -path './.git/*' ! -path './build/*' ! -name '*.[od]' ! -name '*.so' -printf '%P\n'; } |
        while read -r file; do [ -e "$file" ] && echo "$file"; done
}

# Prints what it reads; fails when that is anything.
nothing() { ! grep . ; }

cxx_files() { files | grep -E '^(src|test|bench)/.*\.(cpp|hpp)$|^src/caas\.h$'; }
c_files() { files | grep -E '^src/pg/.*\.[ch]$'; }
core_files() { files | grep -E '^src/(core|program|cli|http)/.*\.cpp$'; }
cxx_flags() { printf '%s\n' -std=c++20 -Wall -Wextra -DCAAS_VERSION='"0"'; }
server_headers() { "$PG_CONFIG" --includedir-server; }

# caas.so shows the server its functions and nothing else.
check_symbols() {
    nm -D --defined-only caas.so | awk '{ print $3 }' |
        grep -vE '^(Pg_magic_func|_PG_init|(pg_finfo_)?caas_sql_[a-z0-9_]+)$' | nothing
}

check_libraries() {
    readelf -d caas.so | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
        grep -vE '^(libcrypto\.so\.3|libstdc\+\+\.so\.6|libgcc_s\.so\.1|libc\.so\.6|libm\.so\.6)$' | nothing
}

# Every function of the install script has a COMMENT, and a C function with its pg_finfo in caas.so.
check_sql_functions() {
    local wanted created commented
    created=$(grep -c '^CREATE FUNCTION' sql/caas.sql)
    commented=$(grep -c '^COMMENT ON FUNCTION' sql/caas.sql)
    echo "$created functions, $commented comments"
    wanted=$(grep -o "caas_sql_[a-z_]*" sql/caas.sql | sort -u)
    [ "$created" -gt 0 ] && [ "$created" -eq "$commented" ] || return
    comm -3 <(nm -D --defined-only caas.so | grep -o '[^ ]*caas_sql_[a-z_]*$' | sort) \
        <({ echo "$wanted"; echo "${wanted//caas_sql/pg_finfo_caas_sql}"; } | sort) | nothing
}

# Every error of src/pg hides statement and context in the log, so each ereport() has caas_hide(), and there is no elog().
check_hidden_errors() {
    # shellcheck disable=SC2016 # for perl
    c_files | xargs perl -0777 -ne '
        while (/\b(ereport|elog)\b\s*(\((?!\))(?:[^()"]++|"(?:\\.|[^"\\])*+"|(?2))*+\))/g) {
            my ($name, $call, $line) = ($1, $2, 1 + substr($_, 0, $-[0]) =~ tr/\n//);
            print "$ARGV:$line: $name without caas_hide()\n" if $name eq "elog" || $call !~ /\bcaas_hide\(\)/;
        }' | nothing
}

# The core and the program see no header of the server, the server's side none of OpenSSL or C++.
check_includes() {
    local file headers
    headers=$(server_headers)
    {
        core_files | while read -r file; do
            # shellcheck disable=SC2046 # a list of flags
            { g++ $(cxx_flags) -I"$headers" -M "$file" || echo "$headers: cannot be told, it does not preprocess"; } | grep -F "$headers" | sed "s,^,$file: ,"
        done
        c_files | xargs grep -nE '#include *(<|"openssl|".*\.hpp|"(\.\./)+core)'
        c_files | xargs grep -n '#include "\.\.' | grep -v '"\.\./caas\.h"'
        files | grep -E '^src/pg/.*\.(cpp|hpp)$'
        # Includes point down: cli to http to program to core.
        files | grep -E '^src/(core|program|http)/.*pp$' | xargs grep -n '#include "\.\./cli/'
        files | grep -E '^src/(core|program)/.*pp$' | xargs grep -n '#include "\.\./http/'
        files | grep -E '^src/core/.*pp$' | xargs grep -n '#include "\.\./program/'
    } | nothing
}

# Compiles the two lines $1 and $2 as C++ with the server's headers in reach.
compile() {
    printf '%s\n' "$@" | g++ -std=c++20 -fsyntax-only -I"$(server_headers)" -Isrc/core -Isrc/pg -xc++ - 2>&1
}

# A wrong include fails to compile, with our message and not by chance; each right one alone compiles.
check_guards() {
    local server=$'extern "C" {\n#include "postgres.h"\n}' glue=$'extern "C" {\n#include "caas_pg.h"\n}' core='#include "secret.hpp"'
    compile "$server" && compile "$core" && compile "$glue" || return
    compile "$server" "$core" | grep 'src/core must not see a PostgreSQL header' &&
        compile "$core" "$glue" | grep 'src/pg must not see a header of the core'
}

check_format() {
    local major
    major=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
    if [ "$major" != "$CLANG_FORMAT_MAJOR" ]; then
        echo "not run: clang-format is version $major here, the layout is that of version $CLANG_FORMAT_MAJOR"
        return
    fi
    { cxx_files; c_files; } | xargs clang-format --dry-run --Werror
}

# Over Boost's templates every group takes its time: two of them run there, ANALYZE=1 runs all.
tidy_file() {
    local checks=()
    [ -n "${ANALYZE:-}" ] || case "$1" in src/http/*) checks=('--checks=-*,bugprone-*,-bugprone-easily-swappable-parameters,performance-*') ;; esac
    # shellcheck disable=SC2046 # a list of flags
    clang-tidy --quiet "${checks[@]}" "$1" -- $(cxx_flags) 2>&1 | grep -vE '^[0-9]+ warnings? generated'
}

check_tidy() {
    export -f tidy_file cxx_flags
    # shellcheck disable=SC2016 # for the inner shell
    core_files | xargs -P "$(nproc)" -n 1 bash -c 'tidy_file "$1"' _ | nothing
}

# The second compiler; g++ and its -Werror is what the tests build with.
check_warnings() {
    # shellcheck disable=SC2046
    core_files | xargs -P "$(nproc)" -n 4 clang++ $(cxx_flags) -Werror -fsyntax-only &&
        c_files | grep '\.c$' | xargs clang -isystem "$(server_headers)" -Wall -Wextra -Werror -Wno-unused-parameter \
            -Wno-missing-field-initializers -Wno-unknown-warning-option -fsyntax-only
}

# caas.control has the version; META.json must repeat it, history may, nothing else does.
check_version() {
    local version
    version=$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" caas.control)
    [[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "caas.control: \"$version\""; return 1; }
    [ "$(grep -c "\"version\": \"$version\"" META.json)" -eq 2 ] || { echo "META.json: not twice $version"; return 1; }
    grep -q "^## .*$version" CHANGELOG.md || { echo "CHANGELOG.md: no section for $version"; return 1; }
    files | grep -vE '^(caas\.control|META\.json|CHANGELOG\.md|sql/caas--.*)$' | xargs grep -nwF "$version" | nothing
}

check_sizes() {
    files | grep -E '^(src|test|scripts|bench|sql)/.*\.(cpp|hpp|c|h|sh|pl|pm|t|sql|py|bash)$|(^|/)Makefile$' | xargs wc -l |
        awk '$2 != "total" && $1 > 600' | nothing
}

check_markers() { files | xargs grep -nE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' | nothing; }

check_shell() { files | grep -E '\.(sh|bash)$|^\.ci/run$' | xargs shellcheck -x; }

check_perl() {
    local file perl_lib
    perl_lib=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/perl
    files | grep -E '\.(pl|pm|t)$' | while read -r file; do
        perl -I"$perl_lib" -Itest/perl -wc "$file" 2>&1 | grep -vE 'syntax OK$'
    done | nothing
}

# What is called for every row fetches nothing and takes no short cut that does (docs/architecture.md).
check_row_path() {
    local calls='\b(HMAC|EVP_Q_mac|EVP_Q_digest|SHA(1|256|384|512)|EVP_sha[0-9_]+|EVP_MAC_CTX_dup)\('
    {
        grep -nE "$calls" src/core/digest_pool.cpp src/core/profile.cpp src/core/text.cpp src/core/secret.cpp
        awk '/SubjectKdf::/ { inside = 1 } inside { print FILENAME ":" FNR ": " $0 } /^}/ { inside = 0 }' src/core/kdf.cpp | grep -E "$calls"
        grep -nE '\b(EVP_Q_mac|EVP_MAC_CTX_dup)\(' src/core/*.cpp
    } | nothing
}

check_blanks() { files | grep -vE '^(expected|test/fuzz/corpus|test/vectors)/' | xargs grep -nE '[[:blank:]]+$' | nothing; }

# Links between the documents lead somewhere.
check_links() {
    local file link
    files | grep '\.md$' | while read -r file; do
        grep -oE '\]\([^)#: ]+' "$file" | sed 's/^](//' | while read -r link; do
            [ -e "$(dirname "$file")/$link" ] || echo "$file: $link"
        done
    done | nothing
}

check_json() {
    files | grep '\.json$' | while read -r file; do
        perl -MJSON::PP -0777 -ne 'decode_json($_)' "$file" 2>&1 | sed "s,^,$file: ,"
    done | nothing
}

passed=0
failed=0
[ $# -gt 0 ] || set -- "${CHECKS[@]}"
for check in "$@"; do
    if output=$("check_$check" 2>&1 | head -n 60; exit "${PIPESTATUS[0]}"); then
        passed=$((passed + 1))
        printf 'ok      %s\n' "$check"
        grep '^not run' <<<"$output"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n%s\n' "$check" "$output"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
