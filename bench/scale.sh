#!/bin/bash
# Measures two nodes against one, and a row of large tables against one of small: bench/scale.sh [--quick] [--large] [--rows N] [--markdown | --save]
# --quick: 3 rounds of 100,000 rows instead of 5 of 400,000. --large: also a table of 10,000,000 rows, in one round. --markdown: tables to paste.
# --save: the same into bench/history/VERSION-scale.md. Ends with 1 when a target is missed. Figures of two nodes want two idle processors: the line of
# the plain hashing says what the machine gave. PL/Proxy is measured where it is a package, Citus where pg_config finds it, or where CAAS_CITUS_STAGE
# names a folder that it was installed into by make install DESTDIR=..
# Nothing is installed but Debian packages; servers, data and the staged installation live in a temporary folder.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"
# shellcheck source=bench/sql.sh
. "$ROOT/bench/sql.sh"

ROUNDS=5
ROWS=400000            # of the comparison of nodes
SIZES=(100000 1000000) # of the tables whose rows are compared
PLPROXY=no
CITUS=no
CITUS_PORT=$((20000 + RANDOM % 12000)) # below those that systems give to connections; the workers have the next two

options() {
    while [ $# -gt 0 ]; do
        case "$1" in
        --quick) ROUNDS=3 ROWS=100000 SIZES=(20000 200000) ;;
        --large) SIZES+=(10000000) ;;
        --rows)
            ROWS=${2:-}
            [[ "$ROWS" =~ ^[1-9][0-9]{4,6}$ ]] || die '--rows takes a number of 10000 to 9999999'
            shift
            ;;
        --markdown) MARKDOWN=yes ;;
        --save) MARKDOWN=yes SAVE=yes ;;
        -h | --help) sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) die "unknown option $1; --help shows what there is" ;;
        esac
        shift
    done
    ROWS=$((ROWS / 2 * 2))
    LARGEST=${SIZES[-1]}
}

# PL/Proxy is a package for the servers of Debian alone.
install_plproxy() {
    local package=postgresql-$PG_MAJOR-plproxy
    [[ "$PG_BIN" == /usr/lib/postgresql/* ]] && apt-cache show "$package" >/dev/null 2>&1 && install_packages "$package" && PLPROXY=yes
    [ "$PLPROXY" = yes ] || say "PL/Proxy is not measured: there is no package $package"
}

find_citus() {
    local library
    library=${CAAS_CITUS_STAGE:-}$("$PG_CONFIG" --pkglibdir)/citus.so
    if [ -e "$library" ]; then CITUS=yes; else say "Citus is not measured: there is no $library"; fi
}

# psql at a node.
at() {
    local node=$1
    shift
    client "$PG_BIN/psql" -X -q -h "$WORK/$node" -U postgres -v ON_ERROR_STOP=1 "$@" postgres
}

start_node() {
    start_server "$1" "caas.keyring_file = '$WORK/bench/keyring'" "caas.api_key_digests = 'bench:$(api_key_digest "$API_KEY")'" \
        'shared_buffers = 512MB' 'max_wal_size = 8GB' 'checkpoint_timeout = 1h' 'autovacuum = off' 'jit = off' \
        'max_parallel_workers_per_gather = 0' && at "$1" -v "first=$2" -v "last=$3" <"$ROOT/bench/scale_node.sql"
}

# Servers look for extensions in one folder besides their own: it has links to the files of caas and of Citus.
link_stages() {
    local folder from
    for folder in "$("$PG_CONFIG" --sharedir)/extension" "$("$PG_CONFIG" --pkglibdir)"; do
        mkdir -p "$WORK/both$folder"
        for from in "$STAGE" "${CAAS_CITUS_STAGE:-}"; do
            [ -z "$from" ] || ln -sf "$from$folder"/* "$WORK/both$folder/"
        done
    done
}

# A coordinator and two workers. The coordinator reaches the workers with the API key of its environment, and has one session at each.
start_citus() {
    local STAGE=$WORK/both number name
    local -x PGOPTIONS="-c caas.api_key=${API_KEY// /\\ }"
    for number in 0 1 2; do
        name=citus$number
        start_server "$name" "caas.keyring_file = '$WORK/bench/keyring'" "caas.api_key_digests = 'bench:$(api_key_digest "$API_KEY")'" \
            "shared_preload_libraries = 'citus,caas'" "listen_addresses = '127.0.0.1'" "port = $((CITUS_PORT + number))" \
            'shared_buffers = 256MB' 'max_wal_size = 8GB' 'checkpoint_timeout = 1h' 'autovacuum = off' 'jit = off' \
            'max_parallel_workers_per_gather = 0' 'max_prepared_transactions = 20' 'citus.max_adaptive_executor_pool_size = 1' \
            'citus.enable_version_checks = off' 'citus.enable_statistics_collection = off' "citus.node_conninfo = 'sslmode=disable'" &&
            at "$name" -p "$((CITUS_PORT + number))" -c 'CREATE EXTENSION citus' || return
    done
    at_citus -v "port=$CITUS_PORT" -v "rows=$ROWS" <"$ROOT/bench/scale_citus.sql"
}

at_citus() { at citus0 -p "$CITUS_PORT" "$@"; }

# The services by which the coordinator reaches its nodes, with the API key: postgres_fdw and PL/Proxy read them in its environment.
write_services() {
    local node
    for node in node1 node2; do
        printf '%s\n' "[$node]" "host=$WORK/$node" 'dbname=postgres' 'user=postgres' "options=-c caas.api_key=${API_KEY// /\\ }"
    done >"$WORK/services"
    chmod 644 "$WORK/services"
    export PGSERVICEFILE=$WORK/services
}

reload_citus() {
    local number
    for number in 0 1 2; do at "citus$number" -p "$((CITUS_PORT + number))" -c 'SELECT pg_reload_conf()' >/dev/null || return; done
}

# Node 1 has all the rows, node 2 its half of those that are compared.
start_nodes() {
    write_services
    start_bench_server 1 && start_node node1 1 "$((LARGEST > ROWS ? LARGEST : ROWS))" && start_node node2 "$((ROWS / 2 + 1))" "$ROWS" || return
    [ "$CITUS" = no ] || { link_stages && start_citus; } || return
    rotate_keyring || return
    [ "$CITUS" = no ] || reload_citus || return
    local node plproxy=0
    [ "$PLPROXY" = no ] || plproxy=1
    for node in node1 node2; do at "$node" -c 'SELECT pg_reload_conf()' >/dev/null || return; done
    cat "$ROOT/bench/scale_coordinator.sql" "$ROOT/bench/sample.sql" | sql -v "plproxy=$plproxy"
}

# ---- one measurement ----

restore() { at "$1" -c "CALL bench.restore('$2', $3)"; }
restore_whole() { restore node1 whole "$ROWS"; }
restore_halves() {
    local node
    for node in node1 node2; do restore "$node" half "$((ROWS / 2))" && restore "$node" few 10 || return; done
}
settle() {
    local node
    for node in node1 node2; do at "$node" -c CHECKPOINT || return; done
}

# A statement of a coordinator, which the first argument asks: then the name of the sample, what makes the connections, the statement.
run() {
    "$1" -At -v "rows=$ROWS" -v "warm=$3" -v "statement=$4" <"$ROOT/bench/scale_measure.sql" >"$WORK/time" && take_sample "$2" "$WORK/time"
}

take_sample() { sql -c "INSERT INTO bench.sample VALUES ($ROUND, '$1', $(cat "$2"))"; }

# caas_rotate in a session for each of these nodes, from the first to begin to the last to end.
rotate_at() {
    local name=$1 table=$2 node pids=() pid failed=0 begin
    shift 2
    begin=$(date +%s.%N)
    for node in "$@"; do
        at "$node" -c 'SET client_min_messages = warning' -c "CALL caas_rotate('bench.$table')" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    [ "$failed" -eq 0 ] && sql -c "INSERT INTO bench.sample VALUES ($ROUND, '$name', 1e9 * ($(date +%s.%N) - $begin) / $ROWS)" || return
    for node in "$@"; do
        [ "$(at "$node" -At -c "SELECT count(*) FROM bench.$table WHERE caas_generation(sealed) < 2")" = 0 ] || die "rows are left at $node"
    done
}

# ---- a round ----

by_fdw() {
    local work
    restore_whole && restore_halves && settle || return
    for work in plain verify reseal; do
        run sql "fdw $work, one" 'SELECT n FROM bench.verify_few' "SELECT n FROM bench.${work}_one" &&
            run sql "fdw $work, two" 'SELECT n FROM bench.verify_few' "SELECT sum(n) FROM bench.${work}_half" || return
    done
}

by_plproxy() {
    local work
    restore_whole && restore_halves && settle || return
    for work in verify reseal; do
        run sql "plproxy $work, one" "SELECT bench.verify_on_one('few')" "SELECT sum(n) FROM bench.${work}_on_one('whole') AS n" &&
            run sql "plproxy $work, two" "SELECT bench.verify_on_two('few')" "SELECT sum(n) FROM bench.${work}_on_two('half') AS n" || return
    done
}

by_citus() {
    local work
    at_citus -c 'CALL bench.restore()' || return
    for work in verify reseal; do
        run at_citus "citus $work, one" "SELECT bench.verify('few')" "SELECT bench.$work('whole')" &&
            run at_citus "citus $work, two" "SELECT bench.verify('few')" "SELECT bench.$work('half')" || return
    done
}

by_sessions() {
    restore_whole && restore_halves && settle && rotate_at 'rotate, one' whole node1 && rotate_at 'rotate, two' half node1 node2
}

# Processor time of a row, on one node.
by_size() {
    local size work
    for size in "${SIZES[@]}"; do
        [ "$size" -le 1000000 ] || [ "$ROUND" -eq 1 ] || continue
        restore node1 sized "$size" && at node1 -c CHECKPOINT || return
        for work in verify reseal; do
            at node1 -At -v "work=$work" -v "rows=$size" <"$ROOT/bench/scale_size.sql" >"$WORK/processor" &&
                take_sample "$work, $size" "$WORK/processor" || return
        done
    done
    at node1 -c 'DROP TABLE bench.sized'
}

measure() {
    for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
        say "Round $ROUND of $ROUNDS (load average $(cut -d' ' -f1 /proc/loadavg))"
        sql -c "INSERT INTO bench.sample VALUES ($ROUND, 'load average', $(cut -d' ' -f1 /proc/loadavg))"
        by_fdw || return
        [ "$PLPROXY" = no ] || by_plproxy || return
        [ "$CITUS" = no ] || by_citus || return
        by_sessions && by_size || return
    done
}

# ---- the result ----

print_markdown() {
    print_targets
    printf '\n%s\n%s\n' '| Without a target | Figure |' '|---|---|'
    sql -At -c "SELECT format('| %s | %s |', what, figure) FROM bench.printed_note ORDER BY place, what"
}

print_result() {
    if [ "$MARKDOWN" = yes ]; then print_markdown; else print_table; fi
    printf '\n%s\n' "Medians of $ROUNDS rounds; nodes by the clock, with $ROWS rows in one node or in two halves and a session at each; sizes of tables by processor time, with ${SIZES[*]} rows${SIZES[2]:+, the last in one round}. $(nproc) processors, $(
        machine '(caas_status()).openssl_version'
    )."
}

main() {
    options "$@"
    begin
    # The table alone goes to the output when it is to be pasted.
    [ "$MARKDOWN" = no ] || exec 3>&1 1>&2
    install_packages "${DEMO_PACKAGES[@]}"
    install_plproxy
    find_citus
    say 'Building'
    # shellcheck disable=SC2119 # nothing to set
    build || die 'the build failed'
    stage || die 'staging the installation failed'
    say 'Starting throwaway servers and filling tables'
    start_nodes || die 'the servers do not start'
    measure || die 'a measurement failed'
    cat "$ROOT/bench/scale_report.sql" "$ROOT/bench/print.sql" |
        sql -v "small=${SIZES[0]}" -v "middle=${SIZES[1]}" -v "large=${SIZES[2]:-0}" || die 'the report failed'
    [ "$MARKDOWN" = no ] || exec 1>&3
    hand_out scale
    judge
}

main "$@"
