#!/bin/bash
# Measures inputs of bench/scale_model.py: bytes, memory, evenness, which no load of the machine changes, and the first call. bench/scale_sizes.sh [--quick] [--save]
# --quick: 100,000 rows and users instead of 1,000,000 rows and 10,000,000 users. --save: into bench/history/VERSION-sizes.md, else to the output.
# Nothing is installed but Debian packages; server, data and the staged installation live in a temporary folder.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"
# shellcheck source=bench/sql.sh
. "$ROOT/bench/sql.sh"

ROWS=1000000
USERS=10000000

options() {
    local option
    for option in "$@"; do
        case "$option" in
        --quick) ROWS=100000 USERS=100000 ;;
        --save) SAVE=yes ;;
        -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) die "unknown option $option; --help shows what there is" ;;
        esac
    done
}

# A keyring of so many generations, in place of the server's, for new backends.
use_generations() {
    local count=$1 number
    {
        echo '# caas keyring v1'
        for ((number = 1; number <= count; number++)); do
            echo "$number $([ "$number" -eq "$count" ] && echo active || echo retired) 2026-01-01T00:00:00Z $(head -c 32 /dev/urandom | base64)"
        done
    } >"$WORK/generations"
    chmod 644 "$WORK/generations"
    as_server install -m 600 "$WORK/generations" "$WORK/bench/keyring.new" && as_server mv "$WORK/bench/keyring.new" "$WORK/bench/keyring"
}

note() { sql -v "what=$1" -v "figure=$2" <<<"INSERT INTO bench.size VALUES (DEFAULT, :'what', :'figure')"; }

# In backends of their own: locked memory, and the processor time of the first call, the median of nine.
keyrings() {
    local count try bytes
    for count in 1 4 1024; do
        use_generations "$count" || return
        bytes=$(stat -c %s "$WORK/generations")
        note "keyring file of $count generations" "$bytes bytes"
        sql -c 'CREATE TABLE bench.first_call (ns float8, locked text)' || return
        for try in {1..9}; do
            sql <<'SQL' || die "first call $try failed"
SELECT bench.processor_ns() AS before \gset
SELECT caas_encrypt(gen_random_uuid(), 'x') IS NOT NULL AS made \gset
INSERT INTO bench.first_call SELECT bench.processor_ns() - :before, substring(pg_read_file('/proc/self/status', 0, 8192) FROM 'VmLck:\s+(\d+)');
SQL
        done
        note "locked memory of a backend, $count generations" "$(sql -At -c 'SELECT max(locked::int) FROM bench.first_call') kB"
        note "first call that reads $count generations" "$(sql -At -c "
            SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ns) / 1e6)::numeric, 2) FROM bench.first_call") ms"
        sql -c 'DROP TABLE bench.first_call' || return
    done
}

print_sizes() {
    printf '%s\n' '| What | Figure |' '|---|---|'
    sql -At -c "SELECT format('| %s | %s |', what, figure) FROM bench.size ORDER BY place"
    printf '\n%s\n' "$ROWS rows, $USERS users; values of 24 bytes on average. $(machine '(caas_status()).openssl_version')."
}

main() {
    options "$@"
    begin
    [ "$SAVE" = yes ] || exec 3>&1 1>&2
    install_packages "${DEMO_PACKAGES[@]}"
    say 'Building'
    # shellcheck disable=SC2119 # nothing to set
    build || die 'the build failed'
    stage || die 'staging the installation failed'
    start_bench_server 1 || die 'the server does not start'
    sql <"$ROOT/bench/scale_sizes_setup.sql" || die 'the set-up failed'
    say "Measuring with $ROWS rows and $USERS users"
    sql -v "rows=$ROWS" <"$ROOT/bench/scale_sizes.sql" || die 'a measurement failed'
    rotate_keyring || die 'the keyring was not rotated'
    sql -v "rows=$ROWS" <"$ROOT/bench/scale_sizes_rotated.sql" || die 'a measurement failed'
    sql -v "users=$USERS" <"$ROOT/bench/scale_evenness.sql" || die 'a measurement failed'
    keyrings || die 'a measurement failed'
    if [ "$SAVE" = yes ]; then print_sizes | save_history sizes; else print_sizes >&3; fi
}

main "$@"
