# shellcheck shell=bash disable=SC2034
# The parts of scripts/test.sh: part_X runs (arguments: single tests), count_X reads its output and prints "passed failed skipped",
# the last of them where tests can be skipped. The output says why they are.

PARTS=(lint unit sanitize fuzz program http regress tap clients docs demo)
declare -A ABOUT=(
    [lint]='symbols, zones, format, static analysis, scripts, versions'
    [unit]='the core without PostgreSQL, against published vectors and OpenSSL itself'
    [sanitize]='the same under AddressSanitizer and UBSan'
    [fuzz]='libFuzzer on the parsers, 10 s each'
    [program]='the program caas'
    [http]='the HTTP service, from outside'
    [regress]='SQL by topic, with pg_regress, in a throwaway server'
    [tap]='servers at work: reloads, parallel query, replication, pools, crashes'
    [clients]='ORMs and drivers, directly and through pgbouncer: the code of docs/clients.md'
    [demo]='the demonstration'
    [docs]='the SQL of README.md and docs'
)

part_lint() { "$ROOT/scripts/lint.sh" "$@"; }

part_unit() { make -C "$ROOT/test/unit" -s -j"$(nproc)" check ${1:+"ARGS=--gtest_filter=$1"}; }

# Half of the time would go to these: they walk over all code points or fill the locked memory, as they do without sanitizers.
SLOW_SANITIZED='Normalize.EveryCodePointIsThatOfUnicode15:Normalize.FoldsAsIcuDoes:Normalize.BlanksAreCutOffAtTheEndsAlone:SecretArena.ExhaustedMeansNoMemory:SecretArena.SealingWithoutRoomForItsKeys'

part_sanitize() { make -C "$ROOT/test/unit" -s -j"$(nproc)" check SANITIZE=1 "ARGS=--gtest_filter=${1:-*-$SLOW_SANITIZED}"; }

# Inputs that make a target fail are kept in the build folder.
part_fuzz() {
    mkdir -p "$ROOT/build/found"
    TMPDIR=$ROOT/build/found make -C "$ROOT/test/fuzz" -s -k -j"$(nproc)" check "FUZZ_SECONDS=${FUZZ_SECONDS:-10}"
}

# Tests with servers wait more than they compute: two of them for each processor.
JOBS=$((2 * $(nproc)))

# The files of folder $1 with ending $2, or those whose names begin with one of the further arguments.
test_files() {
    local folder=$1 ending=$2 name
    shift 2
    [ $# -gt 0 ] || set -- ''
    for name in "$@"; do
        find "$folder" -maxdepth 1 -name "$name*$ending" | sort
    done
}

# The tests in folder $1, of the program that was installed.
prove_program() {
    cd "$ROOT" || return
    local files shared alone status=0
    local -x CAAS=$STAGE/usr/local/bin/caas "${STAGED_EXTENSION[@]}"
    mapfile -t files < <(test_files "$1" .t "${@:2}")
    [ "${#files[@]}" -gt 0 ] || return
    # Tests from 800 to 899 load every processor: they run alone, after the others.
    mapfile -t shared < <(printf '%s\n' "${files[@]}" | grep -v '/8[0-9][0-9]_[^/]*$')
    mapfile -t alone < <(printf '%s\n' "${files[@]}" | grep '/8[0-9][0-9]_[^/]*$')
    [ "${#shared[@]}" -eq 0 ] || prove --directives -j"$JOBS" "${shared[@]}" || status=1
    [ "${#alone[@]}" -eq 0 ] || prove --directives "${alone[@]}" || status=1
    return "$status"
}

part_program() { prove_program test/cli "$@"; }

part_http() { prove_program test/http "$@"; }

part_regress() {
    local names settings=("caas.keyring_file = '$WORK/regress/keyring'"
        "caas.api_key_digests = 'regress:$(api_key_digest 'regress key, no secret')'")
    mapfile -t names < <(cd "$TREE/test/sql" && test_files . .sql "$@" | sed 's,^\./,,; s,\.sql$,,')
    [ "${#names[@]}" -gt 0 ] || return
    server_folder "$WORK/regress"
    new_keyring "$WORK/regress/keyring" 2 || return
    start_server regress "${settings[@]}" || return
    in_tree PGOPTIONS='-c caas.api_key=regress\ key,\ no\ secret' "$(dirname "$PGXS")/../test/regress/pg_regress" --inputdir=test --load-extension=caas --bindir="$PG_BIN" \
        --host="$WORK/regress" --user=postgres --dbname=caas_regress "${names[@]}"
    local status=$?
    [ "$status" -eq 0 ] || cat "$TREE/regression.diffs"
    stop_server regress
    return "$status"
}

part_tap() {
    local files status
    server_folder "$WORK/tap"
    mapfile -t files < <(cd "$TREE" && test_files test/t .pl "$@")
    [ "${#files[@]}" -gt 0 ] || return
    # A virtual machine can stand still for minutes, which the default limit of 180 s does not allow for.
    in_tree env PG_TEST_TIMEOUT_DEFAULT=900 "${STAGED_EXTENSION[@]}" CAAS="$STAGE/usr/local/bin/caas" \
        TESTDIR="$WORK/tap" TESTDATADIR="$WORK/tap/tmp_check" TESTLOGDIR="$WORK/tap/log" \
        PATH="$PG_BIN:$STAGE/usr/local/bin:$PATH" PG_REGRESS="$(dirname "$PGXS")/../test/regress/pg_regress" \
        prove --directives -j"$JOBS" -I "$(dirname "$PGXS")/../test/perl" "${files[@]}"
    status=$?
    if [ "$status" -ne 0 ]; then
        find "$WORK/tap" -name 'regress_log_*' -exec grep -qE '(not ok|died|death by|at .* line [0-9]+\.$)' {} \; -print0 |
            xargs -0r tail -n 40
    fi
    return "$status"
}

part_demo() { "$ROOT/scripts/demo.sh"; }

# The keyring is the one of docs/spec.md, so that the documents show digests that can be checked.
part_docs() {
    local files=("$@") status
    cd "$ROOT" || return
    [ $# -gt 0 ] || mapfile -t files < <(ls README.md docs/*.md)
    server_folder "$WORK/docs"
    in_tree perl -Itest/perl -MKeyring=published_keyring -e 'published_keyring(shift)' "$WORK/docs/keyring" || return
    start_server docs "caas.keyring_file = '$WORK/docs/keyring'" \
        "caas.api_key_digests = 'docs:$(api_key_digest 'the key of this client')'" || return
    PATH=$PG_BIN:$PATH PGHOST=$WORK/docs PGUSER=postgres CAAS_DOCS_TMP=$WORK scripts/docs_sql.pl "${files[@]}"
    status=$?
    stop_server docs
    return "$status"
}

# ---- counting ----

# FAILURES matches the lines that say what failed: those of prove, GoogleTest, our own scripts and pg_regress, and a document's line.
FAILURES='^#   Failed test|^  Failed test|\.\. (Dubious|Failed)|: Failure$|^\[  FAILED  \]|^FAILED  |: FAILED|\.\.\. FAILED|^not ok |^diff |^(README|docs/)[^ ]*:[0-9]+: |error:'

# GoogleTest's closing lines.
count_unit() {
    awk '/^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
         /^\[  FAILED  \] [0-9]+ test.*listed below/ { failed += $4 }
         /^\[  SKIPPED \] [0-9]+ test.*listed below/ { skipped += $4 }
         END { print passed + 0, failed + 0, skipped + 0 }'
}
count_sanitize() { count_unit; }

# The summaries of prove: assertions run, without those that failed or were skipped. A file that died without a failed assertion
# counts as one, and so does a file that was skipped.
count_program() {
    awk '/^Files=[0-9]+, Tests=[0-9]+/ { sub("Tests=", "", $2); tests += $2 }
         /^ *Failed [0-9]+\/[0-9]+ subtests/ { split($2, of, "/"); failed += of[1] }
         /^ok [0-9]+ .*# skip/ { skipped++; tests-- }
         /\.\. skipped: / { skipped++ }
         /^Result: FAIL/ { bad = 1 }
         END { if (bad && !failed) failed = 1; print (tests > failed ? tests - failed : 0), failed + 0, skipped + 0 }'
}
count_http() { count_program; }
count_tap() { count_program; }
count_clients() { count_program; }

# pg_regress's lines, up to 15 and from 16 on.
count_regress() {
    awk '/^test .*\.\.\. ok / || /^ok [0-9]+ / { passed++ }
         /^test .*\.\.\. FAILED/ || /^not ok [0-9]+ / { failed++ }
         END { print passed + 0, failed + 0 }'
}

# Our own scripts end with the line that this one ends with.
count_lint() {
    awk '/^[0-9]+ passed, [0-9]+ failed$/ { passed = $1; failed = $3 } /^not run: / { skipped++ }
         END { print passed + 0, failed + 0, skipped + 0 }'
}
count_docs() { count_lint; }
count_demo() { awk '/==> .*Done in/ { passed = 1 } END { print passed + 0, 1 - passed }'; }
count_fuzz() { awk '/: no failure/ { passed++ } /: FAILED/ { failed++ } END { print passed + 0, failed + 0 }'; }
