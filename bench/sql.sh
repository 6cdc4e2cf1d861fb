# shellcheck shell=bash disable=SC2034
# (what is set here is used by the benches that source it)
# The part that the benches of SQL share: the throwaway server and the printing. Sourced after scripts/server.sh.

MARKDOWN=no
SAVE=no
API_KEY='bench key, no secret'
MORE_OPTIONS='' # settings of the sessions to come

# The environment of a client whose sessions have the API key.
client() { as_server env PGOPTIONS="-c caas.api_key=${API_KEY// /\\ } $MORE_OPTIONS" "$@"; }

# psql in a backend of its own, as the server's user, so that what it starts can read the keyring.
sql() { client "$PG_BIN/psql" -X -q -h "$WORK/bench" -U postgres -v ON_ERROR_STOP=1 "$@" postgres; }

# fsync is off in these servers: figures are of the computation, not of the disk. $1: generations of the keyring; more lines
# of postgresql.conf may follow.
start_bench_server() {
    local generations=$1
    shift
    server_folder "$WORK/bench"
    new_keyring "$WORK/bench/keyring" "$generations" &&
        start_server bench "caas.keyring_file = '$WORK/bench/keyring'" \
            "caas.api_key_digests = 'bench:$(api_key_digest "$API_KEY")'" \
            'shared_buffers = 512MB' 'max_wal_size = 8GB' 'checkpoint_timeout = 1h' 'autovacuum = off' 'jit = off' "$@"
}

rotate_keyring() { caas_as_server keyring rotate "$WORK/bench/keyring" && sql -c 'SELECT pg_reload_conf()' >/dev/null; }

# The processor, then what the given SQL expressions say.
machine() {
    local cpu
    cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    sql -At -c "SELECT concat_ws(', ', '$cpu', 'PostgreSQL ' || current_setting('server_version'), $1)"
}

print_targets() {
    printf '%s\n' '| What | Figure | Target |' '|---|---|---|'
    sql -At -c "SELECT format('| %s | %s | %s%s |', what, figure, target, CASE WHEN missed THEN ', missed' END)
        FROM bench.printed ORDER BY place"
}

print_table() {
    sql -c '\pset footer off' -c '\pset border 0' \
        -c "SELECT what, figure, target, CASE WHEN missed THEN 'MISSED' ELSE 'met' END AS verdict, range AS \"rounds from, to\"
            FROM bench.printed ORDER BY place" \
        -c "SELECT what AS \"without a target\", figure, range AS \"rounds from, to\" FROM bench.printed_note ORDER BY place, what"
}

# Ends with 1 when a target is missed.
judge() {
    local missed
    missed=$(sql -At -c 'SELECT count(*) FROM bench.printed WHERE missed') || die 'the report failed'
    [ "$missed" -eq 0 ] || die "$missed of the targets are missed"
}

# Prints what print_result prints, or saves it as the figures of the kind $1. The table alone goes to the output when it is to be pasted.
hand_out() {
    if [ "$SAVE" = yes ]; then print_result | save_history "$1"; else print_result; fi
}
