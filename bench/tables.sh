#!/bin/bash
# Measures jobs over a table beside plain UPDATEs and compares with the targets: bench/tables.sh [--quick] [--rows N] [--markdown | --save]
# --quick: 3 rounds of 200,000 rows instead of 5 of 1,000,000. --markdown: the tables of docs/performance.md. Ends with 1 when a target is
# missed. --save: the same into bench/history/VERSION-tables.md.
# Nothing is installed but Debian packages; server, data and the staged installation live in a temporary folder.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"
# shellcheck source=bench/sql.sh
. "$ROOT/bench/sql.sh"

ROUNDS=5
ROWS=1000000
SMALL=100000        # rows of the small table
SECONDS_BEFORE=10   # of the writers, before a job begins beside them

# ---- states of the table, and what changes them ----

STATE_SEALED='NULL::text AS email, sealed, index'
STATE_PLAIN='email, NULL::bytea AS sealed, NULL::bytea AS index'
STATE_DIGEST='email, NULL::text AS digest'
PARTIAL='CREATE UNIQUE INDEX ON bench.people (index) WHERE index IS NOT NULL;'
UNIQUE='CREATE UNIQUE INDEX ON bench.people (index);'
SEAL="CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON bench.people
    FOR EACH ROW EXECUTE FUNCTION caas_seal_trigger('id', 'email=sealed:index@bench.email');"
DIGEST="CREATE TRIGGER protect BEFORE INSERT OR UPDATE ON bench.people
    FOR EACH ROW EXECUTE FUNCTION caas_encrypt_trigger('id', 'email=digest');"
VISITS='CREATE TABLE bench.visits (person uuid REFERENCES bench.people, at timestamptz DEFAULT now());'

# Random bytes as many as a sealed value has, and an index at a random place: 16 bytes that the row has already. A
# rotation leaves the index as it is, since the index key stays.
RANDOM_BYTES=$(od -An -vN 128 -tx1 /dev/urandom | tr -d ' \n')
SET_ROTATE="sealed = substring('\\x$RANDOM_BYTES'::bytea FOR octet_length(sealed)), index = index"
SET_BACKFILL="email = NULL, sealed = substring('\\x$RANDOM_BYTES'::bytea FOR 51 + octet_length(email)), index = uuid_send(id)"
# Digests have 64, 96 or 128 digits.
SET_DIGESTS="email = NULL, digest = substring('$RANDOM_BYTES' FOR 64 + (get_byte(uuid_send(id), 15) & 64))"

options() {
    while [ $# -gt 0 ]; do
        case "$1" in
        --quick) ROUNDS=3 ROWS=200000 SMALL=50000 SECONDS_BEFORE=5 ;;
        --rows)
            ROWS=${2:-}
            [[ "$ROWS" =~ ^[1-9][0-9]{5,8}$ ]] || die '--rows takes a number, at least 100000'
            shift
            ;;
        --markdown) MARKDOWN=yes ;;
        --save) MARKDOWN=yes SAVE=yes ;;
        -h | --help) sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) die "unknown option $1; --help shows what there is" ;;
        esac
        shift
    done
}

# ---- one measurement ----

restore() { sql -v "state=$1" -v "more=$2" -v "rows=${3:-$ROWS}" <"$ROOT/bench/tables_restore.sql"; }

# Runs a statement, and takes the time of a row.
run() { sql -v "round=$ROUND" -v "name=$1" -v "statement=$2" -v "rows=${3:-$ROWS}" <"$ROOT/bench/tables_measure.sql"; }

# A job that leaves rows as they are would be quick.
require_none() {
    [ "$(sql -At -c "SELECT count(*) FROM bench.people WHERE $1")" = 0 ] || die "rows are left with $1"
}
require_rotated() { require_none 'caas_generation(sealed) < 2'; }

# A job whose memory is watched from another session.
run_watched() {
    echo "SELECT bench.note_memory($ROUND, '$1') \watch 0.1" | sql >"$WORK/watch.log" 2>&1 &
    local watch=$!
    run "$1" "CALL caas_$1('bench.people')" || return
    wait "$watch"
    grep -q 'the job has ended' "$WORK/watch.log" && return
    cat "$WORK/watch.log"
    return 1
}

# The same statement in two sessions: %s is the number of the part.
run_parts() {
    local part pids=() pid failed=0
    for part in 1 2; do
        run "$1, part $part" "${2//%s/$part}" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    return "$failed"
}

# ---- writers ----

# pgbench with its scripts; every statement in a log. Its own messages are shown when a statement fails.
write() {
    local name=$1
    shift
    client "$PG_BIN/pgbench" -n -h "$WORK/bench" -U postgres -M prepared -D "rows=$ROWS" -l --log-prefix="$WORK/bench/$name.$ROUND" \
        "$@" postgres >"$WORK/$name.log" 2>&1 && return
    cat "$WORK/$name.log"
    return 1
}

writer_scripts() {
    local set="\\set n random(1, :rows)"
    printf '%s\n' "$set" 'UPDATE bench.people SET visits = visits + 1 WHERE id = bench.id_of(:n);' >"$WORK/update.sql"
    printf '%s\n' "$set" 'INSERT INTO bench.visits (person) VALUES (bench.id_of(:n));' >"$WORK/insert.sql"
    printf '%s\n' '\set ahead random(1, 60000)' \
        'INSERT INTO bench.visits (person) VALUES (bench.id_near_job(:ahead, :rows));' >"$WORK/near.sql"
    chmod a+r "$WORK"/*.sql
}

# Reads a log; the scripts are named in the order of their numbers. The time counts from when the statement was due.
read_statements() {
    local prefix=$1
    shift
    cat "$WORK/bench/$prefix.$ROUND".* | awk -v round="$ROUND" -v kinds="$*" '
        BEGIN { split(kinds, kind, " ") }
        { printf "%d,%s,%s,%s.%06d\n", round, kind[$4 + 1], $3, $5, $6 }' |
        sql -c '\copy bench.statement FROM pstdin CSV'
}

# A backfill beside two writers, and beside a third one that inserts what refers to rows near the present batch. The index is
# unique without a condition, so that the batches lock the keys of the rows.
beside_writers() {
    restore "$STATE_PLAIN" "$UNIQUE $SEAL $VISITS" || return
    local seconds pids=() pid failed=0
    seconds=$(sql -At -c "SELECT ceil($SECONDS_BEFORE + 3 + 1.5 * (end_at - begin_at)) FROM bench.span WHERE round = $ROUND AND name = 'backfill'")
    write writers -c 2 -R 50 -T "$seconds" -f "$WORK/update.sql" -f "$WORK/insert.sql" &
    pids+=($!)
    write near -c 1 -R 50 -T "$seconds" -f "$WORK/near.sql" &
    pids+=($!)
    sleep "$SECONDS_BEFORE"
    run 'backfill beside writers' "CALL caas_backfill('bench.people')" || failed=1
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    [ "$failed" -eq 0 ] && require_none 'email IS NOT NULL' && read_statements writers update insert && read_statements near near
}

# ---- a round ----

rotations() {
    restore "$STATE_SEALED" "$PARTIAL $SEAL" && run_watched rotate && require_rotated &&
        restore "$STATE_SEALED" "$PARTIAL" && run 'plain rotate' "CALL bench.plain_update(\$\$$SET_ROTATE\$\$)" &&
        restore "$STATE_SEALED" "$PARTIAL $SEAL" && run 'rotate by key' 'CALL bench.rotate_by_key()' && require_rotated &&
        restore "$STATE_SEALED" "$PARTIAL $SEAL" && run 'rotate by recipe' 'CALL bench.rotate_by_recipe()' && require_rotated
}

parts() {
    restore "$STATE_SEALED" "$PARTIAL $SEAL" && run_parts rotate "CALL caas_rotate('bench.people', %s, 2)" && require_rotated &&
        restore "$STATE_SEALED" "$PARTIAL" && run_parts 'plain rotate' "CALL bench.plain_update(\$\$$SET_ROTATE\$\$, %s, 2)"
}

backfills() {
    restore "$STATE_PLAIN" "$PARTIAL $SEAL" && run_watched backfill && require_none 'email IS NOT NULL' &&
        restore "$STATE_PLAIN" "$PARTIAL" && run 'plain backfill' "CALL bench.plain_update(\$\$$SET_BACKFILL\$\$)" &&
        restore "$STATE_DIGEST" "$DIGEST" && run 'backfill digests' "CALL caas_backfill('bench.people')" && require_none 'email IS NOT NULL' &&
        restore "$STATE_DIGEST" '' && run 'plain digests' "CALL bench.plain_update(\$\$$SET_DIGESTS\$\$)"
}

CHECK="SELECT * FROM caas_check('bench.people')"

checks() {
    restore "$STATE_SEALED" "$PARTIAL $SEAL" && run check "$CHECK" &&
        run open "SELECT count(caas_open(id, sealed, 'bench.email')) FROM bench.people" &&
        restore "$STATE_SEALED" "$PARTIAL $SEAL" "$SMALL" && run 'check, small' "$CHECK" "$SMALL" &&
        run 'rotate, small' "CALL caas_rotate('bench.people')" "$SMALL" && require_rotated
}

measure() {
    for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do
        say "Round $ROUND of $ROUNDS (load average $(cut -d' ' -f1 /proc/loadavg))"
        sql -c "INSERT INTO bench.sample VALUES ($ROUND, 'load average', $(cut -d' ' -f1 /proc/loadavg))"
        rotations && parts && backfills && checks && beside_writers || return
    done
}

# ---- the result ----

print_markdown() {
    print_targets
    printf '\n%s\n%s\n' '| Without a target | Figure |' '|---|---|'
    sql -At -c "SELECT format('| %s | %s |', what, figure) FROM bench.printed_note WHERE place < 12 ORDER BY place"
}

print_result() {
    if [ "$MARKDOWN" = yes ]; then print_markdown; else print_table; fi
    printf '\n%s\n' "Medians of $ROUNDS rounds of $ROWS rows, the small table has $SMALL; processor time of one backend, two sessions and writers by the clock. $(
        machine '(caas_status()).openssl_version'
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
    say 'Starting a throwaway server and sealing values'
    start_bench_server 1 || die 'the server does not start'
    cat "$ROOT/bench/tables_setup.sql" "$ROOT/bench/sample.sql" | sql -v "rows=$ROWS" || die 'the set-up failed'
    rotate_keyring || die 'the keyring was not rotated'
    writer_scripts
    measure || die 'a measurement failed'
    cat "$ROOT/bench/tables_report.sql" "$ROOT/bench/print.sql" | sql -v "rows=$ROWS" || die 'the report failed'
    [ "$MARKDOWN" = no ] || exec 1>&3
    hand_out tables
    judge
}

main "$@"
