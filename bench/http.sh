#!/bin/bash
# Measures caas serve beside a Django view under gunicorn, in interleaved rounds: bench/http.sh [--quick] [--minutes N] [--save]
# --quick: 3 short rounds, and no look at the memory over time. --minutes N: how long that look takes, 10 by default.
# Prints tables with the targets; ends with 1 when one is missed. wrk loads it from the same machine, on 8 connections.
# --save: the tables go to bench/history/VERSION-http.md.
# Nothing is installed but Debian packages; services and files live in a temporary folder.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"

ROUNDS=5
SECONDS_EACH=8
MINUTES=10
BATCH=1000
CONNECTIONS=8
API_KEY='bench key, no secret'
MISSED=0
SAVE=no
declare -A URL PID

options() {
    while [ $# -gt 0 ]; do
        case "$1" in
        --save) SAVE=yes ;;
        --quick) ROUNDS=3 SECONDS_EACH=3 MINUTES=0 ;;
        --minutes)
            MINUTES=${2:-}
            [[ "$MINUTES" =~ ^[0-9]+$ ]] || die '--minutes takes a number'
            shift
            ;;
        -h | --help) sed -n '2,6s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) die "unknown option $1; --help shows what there is" ;;
        esac
        shift
    done
}

# ---- services ----

# Waits for the line with this pattern in a log and makes what it captures the address of the service.
wait_for_url() {
    local name=$1 log=$2 pattern=$3 tries
    for ((tries = 0; tries < 200; tries++)); do
        URL[$name]=$(sed -nE "s,.*$pattern.*,\\1,p" "$log" 2>/dev/null | head -n 1)
        [ -n "${URL[$name]}" ] && return
        sleep 0.05
    done
    cat "$log"
    die "$name does not start"
}

start_caas() {
    local name=$1
    shift
    "$ROOT/caas" serve --keyring "$WORK/keyring" --api-keys "$WORK/api-keys" --listen 127.0.0.1:0 \
        --access-log "$WORK/$name.access" "$@" 2>"$WORK/$name.log" &
    PID[$name]=$!
    wait_for_url "$name" "$WORK/$name.log" 'listening on (https?://[0-9.:]+)'
}

start_django() {
    local name=$1
    shift
    gunicorn --chdir "$WORK/django" --bind 127.0.0.1:0 --workers 2 "$@" http_django:application 2>"$WORK/$name.log" &
    PID[$name]=$!
    wait_for_url "$name" "$WORK/$name.log" 'Listening at: (http://[0-9.:]+)'
}

start_services() {
    umask 077
    "$ROOT/caas" keyring init "$WORK/keyring" || die 'no keyring'
    printf 'bench:%s\n' "$(api_key_digest "$API_KEY")" >"$WORK/api-keys"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$WORK/tls.key" -out "$WORK/tls.pem" \
        -days 2 -subj /CN=localhost 2>"$WORK/openssl.log" || { cat "$WORK/openssl.log"; die 'no certificate'; }
    mkdir "$WORK/django" && cp "$ROOT/bench/http_django.py" "$WORK/django"
    start_caas caas
    start_caas tls --tls-cert "$WORK/tls.pem" --tls-key "$WORK/tls.key"
    start_django sync
    start_django gthread --worker-class gthread --threads 4 --keep-alive 75
}

# The processes of a service: of gunicorn the workers too.
processes() { echo "${PID[$1]}"; pgrep -P "${PID[$1]}"; }

# Processor time in microseconds.
processor_time() {
    local pid
    for pid in $(processes "$1"); do cut -d')' -f2 "/proc/$pid/stat"; done |
        awk -v tick="$(getconf CLK_TCK)" '{ ticks += $12 + $13 } END { printf "%d\n", ticks * 1000000 / tick }'
}

# Memory in kB, each page counted once.
memory() {
    local pid
    for pid in $(processes "$1"); do cat "/proc/$pid/smaps_rollup"; done | awk '/^Pss:/ { sum += $2 } END { print sum }'
}

resident() { awk '/^VmRSS:/ { print $2 }' "/proc/${PID[$1]}/status"; }

# ---- load ----

not_measured() {
    cat "$WORK/wrk.log"
    die "$1 could not be measured"
}

# Loads a service for so many seconds with requests of so many values each; what http.lua prints and the processor time of
# the service go to the file of this measurement. A single request that fails spoils it.
load() {
    local name=$1 service=$2 seconds=$3 values=$4 before after
    before=$(processor_time "$service")
    run_job wrk -t1 -c"$CONNECTIONS" -d"${seconds}s" -s "$ROOT/bench/http.lua" -H "Authorization: Bearer $API_KEY" \
        -H 'Content-Type: application/json' "${URL[$service]}" -- "$values" >"$WORK/wrk.log" || not_measured "$name"
    after=$(processor_time "$service")
    awk -v processor="$((after - before))" '
        $1 == "result" && $2 > 0 && $6 == 0 { print $2 / $3 * 1e6, $4, $5, processor / $2; found = 1 }
        END { exit !found }' "$WORK/wrk.log" >>"$WORK/result.$name" || not_measured "$name"
}

# One request, so that what is measured is known to answer as it should.
probe() {
    local name=$1 answer
    answer=$(curl -ks -H "Authorization: Bearer $API_KEY" -H 'Content-Type: application/json' \
        -d '{"userUUID":"4dbcbcfe-4800-40a8-badf-c26b73af230c","sensitiveData":"ada@example.com"}' "${URL[$name]}/encrypt")
    [[ "$answer" =~ ^\{\"encrypted_data\":\ ?\"[0-9a-f]{64,128}\"\}$ ]] || die "$name answers $answer"
}

measure() {
    local round
    for ((round = 1; round <= ROUNDS; round++)); do
        say "Round $round of $ROUNDS (load average $(cut -d' ' -f1 /proc/loadavg))"
        load sync sync "$SECONDS_EACH" 1
        load single caas "$SECONDS_EACH" 1
        load gthread gthread "$SECONDS_EACH" 1
        load batch caas "$SECONDS_EACH" "$BATCH"
        load tls tls "$SECONDS_EACH" 1
        load tls_batch tls "$SECONDS_EACH" "$BATCH"
    done
}

# Notes the service's memory twice a second, with the second of the script, until the service ends.
note_memory() {
    local kilobytes
    while sleep 0.5 && kilobytes=$(resident caas 2>/dev/null); do echo "$SECONDS $kilobytes"; done >"$WORK/resident"
}

# The most memory between two seconds.
most_memory() { awk -v from="$1" -v to="$2" '$1 >= from && $1 <= to && $2 > most { most = $2 } END { print most }' "$WORK/resident"; }

# Memory under load that does not end: single requests, and batches between them. Within a minute it goes up and down with
# the batches that are on their way, so that one look at a time would tell little.
watch_memory() {
    local half begin=$SECONDS notes
    note_memory &
    notes=$!
    for ((half = 1; half <= 2 * MINUTES; half++)); do
        load minutes caas 25 1
        load minutes_batch caas 5 "$BATCH"
    done
    kill "$notes"
    RSS_FIRST=$(most_memory "$begin" $((begin + 60)))
    RSS_LAST=$(most_memory $((SECONDS - 60)) "$SECONDS")
}

# ---- tables ----

middle() { sort -g | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'; }

# The median of a column of a measurement: 1 requests a second, 2 median, 3 99th percentile, 4 processor time.
median() { cut -d' ' -f"$2" "$WORK/result.$1" | middle; }

# How many times the requests a second of another measurement, round by round: what disturbs one round disturbs both.
times() { paste -d' ' "$WORK/result.$1" "$WORK/result.$2" | awk '{ print $1 / $5 }' | middle; }

calc() { awk "BEGIN { printf \"%.${2:-0}f\", $1 }" | sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta'; }

# A line of the table; the condition is one of awk.
target() {
    local what=$1 figure=$2 target=$3 condition=$4
    if ! awk "BEGIN { exit !($condition) }"; then
        target="$target, missed"
        MISSED=$((MISSED + 1))
    fi
    printf '| %s | %s | %s |\n' "$what" "$figure" "$target"
}

print_targets() {
    local django batch p99
    django=$(printf '%s\n' "$(times single sync)" "$(times single gthread)" | sort -g | head -n 1)
    batch=$(awk "BEGIN { print $(times batch single) * $BATCH }")
    p99=$(median single 3)
    printf '%s\n' '| What | Figure | Target |' '|---|---|---|'
    target 'requests a second, to those of Django at its best' "$(calc "$django" 1) times" 'at least 10 times' "$django >= 10"
    target '99th percentile of a request' "$(calc "$p99 / 1000" 2) ms" 'below 5 ms' "$p99 < 5000"
    target "values a second in batches of $BATCH, to single requests" "$(calc "$batch" 1) times" 'at least 10 times' "$batch >= 10"
    [ "$MINUTES" -eq 0 ] ||
        target "the most memory in the last of $MINUTES minutes of load, to that in the first" "$(calc "100 * $RSS_LAST / $RSS_FIRST" 1) %" \
            'at most 105 %' "$RSS_LAST <= 1.05 * $RSS_FIRST"
}

# A measurement as a line; the second figure is how many values a request of it has.
row() {
    local what=$1 name=$2 values=$3
    printf '| %s | %s | %s ms | %s ms | %s us |\n' "$what" "$(calc "$(median "$name" 1) * $values")" \
        "$(calc "$(median "$name" 2) / 1000" 2)" "$(calc "$(median "$name" 3) / 1000" 2)" "$(calc "$(median "$name" 4) / $values" 2)"
}

memory_row() { printf '| %s | %s MB |\n' "$1" "$(calc "$2 / 1024" 1)"; }

print_figures() {
    printf '\n%s\n%s\n' '| | Values a second | Median of a request | 99th percentile | Processor time a value |' '|---|---|---|---|---|'
    row 'caas serve' single 1
    row "caas serve, \`/batch\` of $BATCH" batch "$BATCH"
    row 'caas serve, TLS' tls 1
    row "caas serve, TLS, \`/batch\` of $BATCH" tls_batch "$BATCH"
    row 'Django, 2 sync workers, a connection a request' sync 1
    row 'Django, 2 gthread workers, keep-alive' gthread 1
    printf '\n%s\n%s\n' '| Memory | |' '|---|---|'
    memory_row 'caas serve, started' "$IDLE_CAAS"
    memory_row 'the same with TLS' "$IDLE_TLS"
    memory_row 'Django, started, its three processes' "$IDLE_DJANGO"
    [ "$MINUTES" -gt 0 ] || return
    memory_row 'caas serve resident, started' "$RSS_START"
    memory_row 'the most in the first minute of load' "$RSS_FIRST"
    memory_row "the most in the last of $MINUTES" "$RSS_LAST"
}

print_machine() {
    local cpu
    cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    printf '\n%s %s\n' "Medians of $ROUNDS rounds of $SECONDS_EACH s; wrk loads $CONNECTIONS connections from the same $(nproc) processors." \
        "$cpu, $(openssl version | cut -d' ' -f1-2), Django $(dpkg-query -W -f='${Version}' python3-django), $(gunicorn --version)."
}

main() {
    options "$@"
    begin
    # The tables alone go to the output.
    exec 3>&1 1>&2
    install_packages "${DEMO_PACKAGES[@]}" "${BENCH_PACKAGES[@]}"
    say 'Building'
    # shellcheck disable=SC2119 # nothing to set
    build || die 'the build failed'
    say 'Starting the services'
    start_services
    IDLE_CAAS=$(memory caas) IDLE_TLS=$(memory tls) RSS_START=$(resident caas)
    local name
    for name in caas tls sync gthread; do probe "$name"; done
    IDLE_DJANGO=$(memory sync)
    measure
    if [ "$MINUTES" -gt 0 ]; then
        say "Load for $MINUTES minutes"
        watch_memory
    fi
    exec 1>&3
    # No pipe here, because print_targets counts missed targets in a variable of this shell.
    {
        print_targets
        print_figures
        print_machine
    } >"$WORK/tables"
    if [ "$SAVE" = yes ]; then save_history http <"$WORK/tables"; else cat "$WORK/tables"; fi
    [ "$MISSED" -eq 0 ] || die "$MISSED of the targets are missed"
}

main "$@"
