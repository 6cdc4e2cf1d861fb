#!/bin/bash
# Checks that the compilation does not make: scripts/lint.sh, or one check alone: scripts/lint.sh symbols
# Expects a built tree and the tools that scripts/test.sh installs; that script calls this one.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export LC_ALL=C.UTF-8
export PG_CONFIG=${PG_CONFIG:-pg_config}
# The layout of the files is that of this version; another version's differs in details.
CLANG_FORMAT_MAJOR=14
PERLTIDY_VERSION=20220613

CHECKS=(symbols libraries extension out_of_tree sql_functions hidden_errors server_versions includes guards format planted tidy warnings version release sizes markers shell perl perl_format row_path blanks links json lockfile pgxn
    debian dist manifests)

# The project's files: from git where there is a repository, else every file that the build does not make. Their order is the same: files that
# are compiled together meet each other in it.
files() {
    { git -c safe.directory='*' ls-files -co --exclude-standard 2>/dev/null ||
        find . -type f ! -path './.git/*' ! -path './build/*' ! -path ./caas ! -regex '\./sql/caas--[0-9.]*\.sql' ! -path '*/__pycache__/*' \
            ! -name '*.[od]' ! -name '*.so' -printf '%P\n'; } |
        LC_ALL=C sort | while read -r file; do [ -e "$file" ] && echo "$file"; done
}

# Prints its input and fails when there is any. All of it is read first: a reader that has seen enough would end a grep here, which then seems to find nothing.
nothing() {
    local found
    found=$(grep .) || return 0
    echo "$found"
    return 1
}

cxx_files() { files | grep -E '^(src|test|bench)/.*\.(cpp|hpp)$|^src/caas\.h$'; }
c_files() { files | grep -E '^src/pg/.*\.[ch]$'; }
perl_files() { files | grep -E '\.(pl|pm|t)$'; }
cxx_flags() { printf '%s\n' -std=c++20 -Wall -Wextra -DCAAS_VERSION='"0"'; }
# libpq's header is beside those of the server.
tidy_flags() { cxx_flags; printf '%s\n' -Wreserved-identifier -Wreserved-macro-identifier -isystem "$("$PG_CONFIG" --includedir)"; }
server_headers() { "$PG_CONFIG" --includedir-server; }

# caas.so exports the functions that the server and SQL call, and nothing else.
check_symbols() {
    nm -D --defined-only caas.so | awk '{ print $3 }' |
        grep -vE '^(Pg_magic_func|_PG_init|(pg_finfo_)?caas_sql_[a-z0-9_]+)$' | nothing
}

check_libraries() {
    readelf -d caas.so | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
        grep -vE '^(libcrypto\.so\.[0-9]+|libicuuc\.so\.[0-9]+|libstdc\+\+\.so\.6|libgcc_s\.so\.1|libc\.so\.6|libm\.so\.6|ld-linux-[a-z0-9_-]*\.so\.[0-9])$' | nothing
}

# `make extension` compiles nothing of the program, its C++ no header of the libraries that only the program uses, and its C none of GSSAPI or
# LDAP, which headers of the server name but do not bring. -MG lists headers that are not here.
check_extension() {
    {
        make -nB extension install-extension "PG_CONFIG=$PG_CONFIG" | grep -E 'src/(cli|http|program)/|-lpq|-lsystemd|-lsimdjson'
        # shellcheck disable=SC2046 # a list of flags
        g++ $(cxx_flags) -M src/core/*.cpp | tr ' ' '\n' | grep -E '/(boost|CLI|nlohmann|prometheus|systemd)/|/(simdjson|libpq-fe)\.h$'
        gcc -M -MG -Isrc -I"$(server_headers)" src/pg/*.c | tr ' ' '\n' | grep -E '(^|/)(gssapi|ldap|krb5|com_err)[a-z_]*(/|\.h$)'
    } | nothing
}

# A build in another folder than that of the sources. Of each zone one object is compiled; empty ones stand for the others and for the program.
check_out_of_tree() {
    local folder status
    folder=$(mktemp -d) && mkdir "$folder/sources" "$folder/build" || return
    files | tar -T - -cf - | tar -C "$folder/sources" -xf -
    (
        cd "$folder/build" && make=(make -s -f ../sources/Makefile "PG_CONFIG=$PG_CONFIG") &&
            "${make[@]}" src/core/text.o src/pg/module.o src/program/report.o && gcc -c -xc /dev/null -o empty.o || exit
        (cd ../sources && find src -name '*.c' -o -name '*.cpp') | sed 's/\.c[a-z]*$/.o/' | while read -r object; do [ -e "$object" ] || cp empty.o "$object"; done
        cp empty.o caas && "${make[@]}" install "DESTDIR=$folder/installed" && nothing < <(find ../sources -newer src/core/text.o)
    )
    status=$?
    rm -rf "$folder"
    return "$status"
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

# One header alone asks for the version of the server.
check_server_versions() { c_files | grep -v '/server_versions\.h$' | xargs grep -nE '\bPG_(VERSION_NUM|MAJORVERSION_NUM)\b' | nothing; }

# The core and the program include no header of the server, the server's side none of OpenSSL or C++. The name of a header
# tells: check_tidy compiles the same files without the server's folder.
check_includes() {
    {
        files | grep -E '^src/((core|program|cli|http)/.*\.(cpp|hpp)|caas\.h)$' | xargs grep -oE '#include *[<"][^>"]+' /dev/null |
            awk -F'[<"]' 'NR == FNR { server[$1]; next } $2 in server || $2 ~ /postgresql/' \
                <(find "$(server_headers)" -name '*.h' -printf '%P\n') -
        c_files | xargs grep -nE '#include *(<|"openssl|".*\.hpp|"(\.\./)+core)' | grep -v '<sys/[a-z]*\.h>' # the system's own calls
        c_files | xargs grep -n '#include "\.\.' | grep -v '"\.\./caas\.h"'
        files | grep -E '^src/pg/.*\.(cpp|hpp)$'
        # Includes point down: cli to http to program to core.
        files | grep -E '^src/(core|program|http)/.*pp$' | xargs grep -n '#include "\.\./cli/'
        files | grep -E '^src/(core|program)/.*pp$' | xargs grep -n '#include "\.\./http/'
        files | grep -E '^src/core/.*pp$' | xargs grep -n '#include "\.\./program/'
        # shellcheck disable=SC2046 # a list of files
        scripts/includes.pl $(cxx_files)
    } | nothing
}

# Compiles the arguments, a line each, as C++ with the server's headers in the include path.
compile() {
    printf '%s\n' "$@" | g++ -std=c++20 -fsyntax-only -I"$(server_headers)" -Isrc/core -Isrc/pg -xc++ - 2>&1
}

# The two zones' headers refuse to be included together, with a message of their own; each alone compiles.
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

tidy_file() {
    # shellcheck disable=SC2046 # a list of flags
    clang-tidy --quiet "${@:2}" "$1" -- -I. $(tidy_flags) 2>&1 | grep -vE '^[0-9]+ warnings? generated'
}

# The files that match $1 as one translation unit, since each alone costs a walk through the templates of Boost and JSON.
# Two of these files must not give the same name to something in an unnamed namespace. exception-escape follows calls into
# Boost, where it takes what can only be thrown in theory for an error.
tidy_together() {
    local unit checks=$2
    unit=$(mktemp --suffix=.cpp) || return
    files | grep -E "$1" | sed 's,.*,#include "&",' >"$unit"
    tidy_file "$unit" --config-file=.clang-tidy "--checks=${checks:+$checks,}-bugprone-exception-escape,-bugprone-suspicious-include"
    rm -f "$unit"
}

# Over src/http three groups of checks run, with ANALYZE=1 all.
tidy_one() {
    local some='-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,performance-*,clang-diagnostic-*'
    case "$1" in
    http) tidy_together '^src/http/.*\.cpp$' "$([ -n "${ANALYZE:-}" ] || echo "$some")" ;;
    program) tidy_together '^src/(program|cli)/.*\.cpp$' '' ;;
    *) tidy_file "$1" ;;
    esac
}

# test/lint/planted.cpp has a defect for each group of checks, named in a comment on its line; each has to be found.
check_planted() {
    local found
    found=$(tidy_file test/lint/planted.cpp)
    grep -n '// finds ' test/lint/planted.cpp | while IFS=: read -r line text; do
        grep -q "^[^ ]*planted.cpp:$line:.*\[${text##*// finds }," <<<"$found" || echo "test/lint/planted.cpp:$line: not found: ${text##*// finds }"
    done | nothing
}

check_tidy() {
    export -f files tidy_file tidy_together tidy_one cxx_flags tidy_flags
    # shellcheck disable=SC2016 # for the inner shell
    { printf '%s\n' http program; files | grep '^src/core/.*\.cpp$'; } |
        xargs -P "$(nproc)" -n 1 bash -c 'tidy_one "$1"' _ | nothing
}

# The second compiler for the C files: the tests build with g++ and -Werror. check_tidy shows clang's warnings for the C++ files.
check_warnings() {
    c_files | grep '\.c$' |
        xargs clang -isystem "$(server_headers)" -Wall -Wextra -Werror -Wno-unused-parameter \
            -Wno-missing-field-initializers -Wno-unknown-warning-option -fsyntax-only
}

# The version is in caas.control. META.json, CHANGELOG.md and debian/changelog repeat it; no other file does, besides update scripts, bench/history and
# lockfiles, which have versions of their own.
check_version() {
    local version
    version=$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" caas.control)
    [[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "caas.control: \"$version\""; return 1; }
    [ "$(grep -c "\"version\": \"$version\"" META.json)" -eq 2 ] || { echo "META.json: not twice $version"; return 1; }
    grep -q "^## .*$version" CHANGELOG.md || { echo "CHANGELOG.md: no section for $version"; return 1; }
    files | grep -vE '^(caas\.control|META\.json|CHANGELOG\.md|debian/changelog|sql/caas--.*|bench/scale_model\.py|bench/history/.*|.*/package-lock\.json)$' | xargs grep -nwF "$version" | nothing
}

# META.json follows PGXN's specification, and the check finds what does not.
check_pgxn() {
    local changed change
    test/lint/pgxn_meta.pl || return
    changed=$(mktemp) || return
    # shellcheck disable=SC2016 # for perl
    for change in 's/"license"/"licence"/' 's/"maintainer": .*//' 's/("version": "[0-9]+\.[0-9]+)\.[0-9]+/$1/' 's/"name": "caas"/"name": "ca as"/' \
        's,sql/caas\.sql,sql/none.sql,' 's/14\.0\.0/14/' 's/"tags": \[/"tags": ["hmac", /' 's/"runtime"/"run"/' 's/"postgresql"/"unheard of"/'; do
        perl -pe "$change" META.json >"$changed"
        ! cmp -s META.json "$changed" || echo "changes nothing: $change"
        ! test/lint/pgxn_meta.pl "$changed" >/dev/null || echo "not found: $change"
    done | nothing
    local status=$?
    rm -f "$changed"
    return "$status"
}

# The packages have the version of caas.control, and debian/control is what pg_buildext makes of control.in for a PostgreSQL.
check_debian() {
    local major
    {
        head -n 1 debian/changelog | grep -vF "caas ($(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" caas.control)) " | sed 's/^/debian\/changelog: /'
        major=$(sed -n 's/^Package: postgresql-\([0-9]*\)-caas$/\1/p' debian/control)
        sed "s/PGVERSION/$major/g" debian/control.in | diff - debian/control
    } | nothing
}

# The archive of `make dist` has every file of the commit but those of .gitattributes, and what a build needs of them.
check_dist() {
    local folder version
    git -c safe.directory='*' rev-parse -q --verify HEAD >/dev/null 2>&1 || { echo 'not run: there is no git repository here'; return; }
    folder=$(mktemp -d) || return
    make -s dist DIST=HEAD "DIST_FOLDER=$folder" "PG_CONFIG=$PG_CONFIG" || return
    version=$(basename "$folder"/caas-*.zip .zip)
    {
        diff <(git -c safe.directory='*' ls-tree -r --name-only HEAD | grep -vE '^(\.ci/.*|\.editorconfig|\.gitattributes|\.gitignore)$' | sed "s,^,$version/,") \
            <(perl -e 'print map { "$_\n" } grep { !m{/$} } map { /^ *[0-9]+ +[-0-9]+ +[0-9:]+ +(.*)$/ } `unzip -l $ARGV[0]`' "$folder/$version.zip" | LC_ALL=C sort)
        ! make -s dist DIST=refs/tags/none "DIST_FOLDER=$folder" "PG_CONFIG=$PG_CONFIG" 2>/dev/null || echo 'a missing tag is not refused'
    } | nothing
    local status=$?
    rm -rf "$folder"
    return "$status"
}

# Checks the files of a release: the changelog section, the update script and its test.
check_release() { scripts/release.sh --files; }

check_sizes() {
    files | grep -E '^(src|test|scripts|bench|sql)/.*\.(cpp|hpp|c|h|sh|pl|pm|t|sql|py|bash|rb|java|mjs)$|(^|/)Makefile$' | xargs wc -l |
        awk '$2 != "total" && $1 > 600' | nothing
}

check_markers() { files | xargs grep -nE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' | nothing; }

check_shell() { files | grep -E '\.(sh|bash)$|^\.ci/run$|^debian/tests/(installcheck|program)$|^debian/.*\.(prerm|postrm)(\.in)?$' | xargs shellcheck -x; }

check_perl() {
    local perl_lib
    perl_lib=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/perl
    # shellcheck disable=SC2016 # for the inner shell
    perl_files | xargs -P "$(nproc)" -n 1 sh -c 'perl -I"$1" -Itest/perl -wc "$2" 2>&1 | grep -vE "syntax OK$"' sh "$perl_lib" | nothing
}

check_perl_format() {
    local version folder
    version=$(perltidy --version | sed -n 's/.*perltidy, v\([0-9.]*\).*/\1/p')
    if [ "$version" != "$PERLTIDY_VERSION" ]; then
        echo "not run: perltidy is version $version here, the layout is that of version $PERLTIDY_VERSION"
        return
    fi
    folder=$(mktemp -d) || return
    perl_files | xargs cp --parents -t "$folder"
    (cd "$folder" && find . -type f -print0) | (cd "$folder" && xargs -0 -P "$(nproc)" -n 16 perltidy "--profile=$OLDPWD/.perltidyrc" -b -bext=/)
    perl_files | while read -r file; do cmp -s "$file" "$folder/$file" || echo "$file: perltidy lays it out otherwise"; done | nothing
    local status=$?
    rm -rf "$folder"
    return "$status"
}

# The code that runs for every row calls no function of OpenSSL that fetches an algorithm (docs/architecture.md).
check_row_path() {
    local calls='\b(HMAC|EVP_Q_mac|EVP_Q_digest|SHA(1|256|384|512)|EVP_sha[0-9_]+|EVP_MAC_CTX_dup)\('
    {
        grep -nE "$calls" src/core/digest_pool.cpp src/core/subject_key.hpp src/core/profile.cpp src/core/text.cpp src/core/secret.cpp
        awk '/SubjectKdf::/ { inside = 1 } inside { print FILENAME ":" FNR ": " $0 } /^}/ { inside = 0 }' src/core/kdf.cpp | grep -E "$calls"
        grep -nE '\b(EVP_Q_mac|EVP_MAC_CTX_dup)\(' src/core/*.cpp
    } | nothing
}

check_blanks() { files | grep -vE '^(expected|test/fuzz/corpus|test/vectors)/' | xargs grep -nE '[[:blank:]]+$' | nothing; }

# Every relative link in the documents leads to a file.
# The anchors of a document's headings, as GitHub makes them: of equal ones only the first.
# shellcheck disable=SC2016 # for sed
anchors() { sed -nE '/^```/,/^```/d; s/^#+ //p' "$1" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^[:alnum:]_ -]//g; s/ /-/g'; }

check_links() {
    local file link target
    files | grep '\.md$' | while read -r file; do
        grep -oE '\]\([^): ]+' "$file" | sed 's/^](//' | while read -r link; do
            target=$(dirname "$file")/${link%%#*}
            [ -n "${link%%#*}" ] || target=$file
            [ -e "$target" ] || echo "$file: $link"
            case $link in *'#'*) anchors "$target" | grep -qxF -- "${link#*#}" || echo "$file: $link has no such heading" ;; esac
        done
    done | nothing
}

check_json() {
    files | grep '\.json$' | while read -r file; do
        perl -MJSON::PP -0777 -ne 'decode_json($_)' "$file" 2>&1 | sed "s,^,$file: ,"
    done | nothing
}

# npm asks the registry that the machine is set up with: a lockfile names none.
check_lockfile() { files | grep 'package-lock\.json$' | xargs grep -nE '"resolved"|https?:.*\.tgz' | nothing; }

# The examples for Compose and Kubernetes in docs/containers.md.
check_manifests() {
    local folder status
    folder=$(mktemp -d) || return
    scripts/docs_files.pl "$folder" docs/containers.md && /usr/bin/python3 test/containers/manifests.py "$folder"
    status=$?
    rm -rf "$folder"
    return "$status"
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
