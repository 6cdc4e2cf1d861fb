#!/bin/bash
# Measures caas beside pgcrypto in one interleaved run and compares with the targets: bench/run.sh [--quick] [--markdown | --save]
# --quick: 3 rounds instead of 9. --markdown: the tables of docs/performance.md. Ends with 1 when a target is missed.
# --save: the same into bench/history/VERSION-sql.md.
# Nothing is installed but Debian packages; server, data and the staged installation live in a temporary folder.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"
# shellcheck source=bench/sql.sh
. "$ROOT/bench/sql.sh"

ROUNDS=9

options() {
    local option
    for option in "$@"; do
        case "$option" in
        --quick) ROUNDS=3 ;;
        --markdown) MARKDOWN=yes ;;
        --save) MARKDOWN=yes SAVE=yes ;;
        -h | --help) sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) die "unknown option $option; --help shows what there is" ;;
        esac
    done
}

# The statements of a round read files and run the core's own measurement.
with_programs() { sql -v core_bench="$WORK/core_bench" -v keyring="$WORK/bench/keyring" -v rows="$WORK/bench/rows" "$@"; }

# The core's own measurement: the objects of the library, without the server.
build_core_bench() {
    "${CXX:-g++}" -std=c++20 -O2 -Wall -Wextra -o "$WORK/core_bench" "$ROOT/bench/core_bench.cpp" "$ROOT"/src/core/*.o -lcrypto -licuuc &&
        chmod 755 "$WORK/core_bench"
}

start_server_with_sealed() {
    start_bench_server 2 "bench.secret = '$(printf 'c%.0s' {1..64})'" && sql <"$ROOT/bench/setup_sealed.sql" && rotate_keyring
}

# Fresh backends, one after the other: without a library of ours or pgcrypto's, with pgcrypto, with caas.
fresh_backends() {
    local with=(-v "round=$1")
    MORE_OPTIONS='-c session_preload_libraries=' sql "${with[@]}" -v name=none -v 'call=length(email)' <"$ROOT/bench/memory.sql" &&
        MORE_OPTIONS='-c session_preload_libraries=' sql "${with[@]}" -v name=pgcrypto \
            -v "call=encode(hmac(email, 'a secret of thirty-two bytes, no', 'sha256'), 'hex')" <"$ROOT/bench/memory.sql" &&
        sql "${with[@]}" -v name=caas -v 'call=caas_encrypt(id, email)' <"$ROOT/bench/memory.sql" &&
        sql "${with[@]}" <"$ROOT/bench/first_call.sql"
}

measure() {
    local round
    for ((round = 1; round <= ROUNDS; round++)); do
        say "Round $round of $ROUNDS (load average $(cut -d' ' -f1 /proc/loadavg))"
        with_programs -v "round=$round" <"$ROOT/bench/round.sql" && sql -v "round=$round" <"$ROOT/bench/round_values.sql" &&
            fresh_backends "$round" || return
    done
}

print_markdown() {
    print_targets
    printf '\n%s\n%s\n' '| A row of a scan, or a call of the core | Time |' '|---|---|'
    sql -At -c "SELECT format('| %s | %s |', what, figure) FROM bench.printed_note
        WHERE what ~ '^(server: (caas|pgcrypto|PL)|core )' ORDER BY what ~ '^core', what"
}

# Workers and the first call are measured by the clock on the wall.
print_result() {
    if [ "$MARKDOWN" = yes ]; then print_markdown; else print_table; fi
    printf '\n%s\n' "Medians of $ROUNDS rounds, processor time of one backend; parallel workers and first call by the clock. $(
        machine "(caas_status()).openssl_version, 'pgcrypto ' || (SELECT extversion FROM pg_extension WHERE extname = 'pgcrypto')"
    )."
}

main() {
    options "$@"
    begin
    # The table alone goes to the output when it is to be pasted.
    [ "$MARKDOWN" = no ] || exec 3>&1 1>&2
    install_packages "${DEMO_PACKAGES[@]}"
    say 'Building'
    # shellcheck disable=SC2119 # nothing to set
    build || die 'the build failed'
    stage || die 'staging the installation failed'
    build_core_bench || die 'building the measurement of the core failed'
    say 'Starting a throwaway server and filling tables'
    start_server_with_sealed || die 'the server does not start'
    cat "$ROOT/bench/setup.sql" "$ROOT/bench/sample.sql" | sql || die 'the set-up failed'
    sql -c "\\copy bench.users (id, email) TO $WORK/bench/rows" || die 'the rows could not be written'
    measure || die 'a measurement failed'
    cat "$ROOT/bench/report.sql" "$ROOT/bench/print.sql" | sql || die 'the report failed'
    [ "$MARKDOWN" = no ] || exec 1>&3
    hand_out sql
    judge
}

main "$@"
