# shellcheck shell=bash disable=SC2034
# (what is set here is used by the scripts that source it)
# Shared by the scripts: messages on the terminal, installation of packages, the temporary folder, and the clean-up.
# A script sources this file, then calls begin.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
WORK=''        # everything temporary; readable by the server's user
TICKER=''      # the process that shows the time of a long command
JOB=''         # process group of the running job, when there is one
APT_DROP_INS=() # files that exist only while packages are being installed

if [ -t 1 ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' CYAN=$'\e[36m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' RED='' GREEN='' CYAN='' PLAIN=''
fi

say() { printf '%s==>%s %s%s%s\n' "$CYAN" "$PLAIN" "$BOLD" "$*" "$PLAIN"; }

die() {
    printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2
    exit 1
}

# Writes the figures that it reads, of the kind sql, tables or http, to the file of this version.
save_history() {
    local version file
    version=$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" "$ROOT/caas.control")
    file=$ROOT/bench/history/$version-$1.md
    { printf '# caas %s: %s figures, %s\n\n' "$version" "$1" "$(date -u +%F)"; cat; } >"$file" && say "Saved in ${file#"$ROOT/"}"
}

begin() {
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/caas.XXXXXX") || die 'no folder for temporary files'
    chmod 755 "$WORK"
    mkdir -m 1777 "$WORK/tmp"
    export LC_ALL=C.UTF-8 PGTZ=UTC TMPDIR=$WORK/tmp
    unset PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE MAKEFLAGS MAKELEVEL
}

# Runs a command in a process group of its own and waits, so that a signal to the script is acted upon at once.
run_job() {
    set -m
    "$@" </dev/null &
    JOB=$!
    set +m
    wait "$JOB"
    local status=$?
    JOB=''
    return "$status"
}

# Runs a command that prints nothing for a while, and shows the time that it has taken: every 3 s in place on a terminal,
# every 15 s as a line elsewhere.
with_progress() {
    local started=$SECONDS terminal=no status
    [ ! -t 1 ] || terminal=yes
    while sleep 3 && kill -0 "$$" 2>/dev/null; do
        if [ "$terminal" = yes ]; then
            printf '\r    %d s ' $((SECONDS - started))
        elif [ $(((SECONDS - started) % 15)) -lt 3 ]; then
            printf '    %d s\n' $((SECONDS - started))
        fi
    done &
    TICKER=$!
    "$@"
    status=$?
    stop_ticker
    [ "$terminal" = no ] || printf '\r\e[K'
    return "$status"
}

stop_ticker() {
    [ -n "$TICKER" ] || return 0
    kill "$TICKER" 2>/dev/null
    wait "$TICKER" 2>/dev/null
    TICKER=''
}

# Processes whose command line names our temporary folder: nobody else's can, its name is random.
own_processes() {
    local entry
    for entry in /proc/[0-9]*; do
        [ "${entry#/proc/}" != "$$" ] && grep -qsF "$WORK" "$entry/cmdline" && echo "${entry#/proc/}"
    done
}

# Stops what is left of them by process id, harder every two seconds; SIGQUIT is PostgreSQL's immediate shutdown.
stop_own_processes() {
    local signal tries pids
    for signal in INT QUIT KILL; do
        for ((tries = 0; tries < 10; tries++)); do
            mapfile -t pids < <(own_processes)
            [ "${#pids[@]}" -gt 0 ] || return
            [ "$tries" -gt 0 ] || kill -s "$signal" "${pids[@]}" 2>/dev/null
            sleep 0.2
        done
    done
}

clean_up() {
    local status=$?
    trap '' HUP INT TERM
    trap - EXIT
    stop_ticker
    if [ -n "$JOB" ]; then
        kill -TERM -- "-$JOB" 2>/dev/null
        wait "$JOB" 2>/dev/null
    fi
    remove_drop_ins
    if [ -n "$WORK" ]; then
        stop_own_processes
        rm -rf "$WORK"
    fi
    exit "$status"
}

# ---- packages ----

SUDO=()
MISSING=()
DEMO_PACKAGES=(make g++ libssl-dev libicu-dev libcli11-dev libboost-dev libsimdjson-dev nlohmann-json3-dev prometheus-cpp-dev libsystemd-dev libpq-dev)
TEST_PACKAGES=(procps unzip libgtest-dev libipc-run-perl libio-socket-ssl-perl perltidy pgbouncer python3-cryptography-vectors python3-minimal binutils
    clang libclang-rt-dev clang-format clang-tidy shellcheck man-db systemd curl nodejs python3 openssl
    prometheus chromium haproxy # promtool, a browser for the page of caas report, the proxy before several services
    docker-compose python3-kubernetes python3-yaml) # what reads the examples of docs/containers.md
CLIENT_PACKAGES=(pgbouncer nodejs python3-django python3-psycopg2 python3-psycopg python3-sqlalchemy ruby-activerecord ruby-pg
    default-jdk-headless libpostgresql-jdbc-java)
command -v npm >/dev/null || CLIENT_PACKAGES+=(npm) # some packages of nodejs bring it along, and conflict with Debian's
BENCH_PACKAGES=(procps wrk gunicorn python3-django curl openssl) # what bench/http.sh compares and measures with

# Prints those of the named packages that are not installed, one a line.
missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

# The newest PostgreSQL whose server is installed here, else nothing.
installed_server() {
    local binary
    for binary in /usr/lib/postgresql/*/bin/postgres; do
        [ -x "$binary" ] && basename "${binary%/bin/postgres}"
    done | sort -n | tail -n 1
}

# The server and its headers, one package a line; none when PG_CONFIG names a PostgreSQL of the caller's.
postgresql_packages() {
    [ -z "${PG_CONFIG:-}" ] || return
    local version
    version=$(installed_server)
    # Without one: the version that this Debian's metapackage stands for.
    [ -n "$version" ] || version=$(apt-cache depends postgresql 2>/dev/null | grep -om1 'postgresql-[0-9]*$' | tr -dc 0-9)
    printf '%s\n' "postgresql-${version:-15}" "postgresql-server-dev-${version:-15}"
}

become_root() {
    [ "$(id -u)" -eq 0 ] && return
    SUDO=(sudo)
    command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; } && return
    die "installing packages needs root or sudo; missing are: $*"
}

# A file that keeps an installation from starting services or making a cluster; removed right after it.
drop_in() {
    local file=$1 mode=$2 content=$3
    [ -e "$file" ] && return
    printf '%s\n' "$content" >"$WORK/drop_in"
    APT_DROP_INS+=("$file")
    "${SUDO[@]}" install -D -m "$mode" "$WORK/drop_in" "$file"
}

remove_drop_ins() {
    [ "${#APT_DROP_INS[@]}" -eq 0 ] || "${SUDO[@]}" rm -f "${APT_DROP_INS[@]}"
    APT_DROP_INS=()
}

apt_quietly() {
    run_job "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" \
        >"$WORK/apt.log" 2>&1
}

apt() { with_progress apt_quietly "$@" || { cat "$WORK/apt.log"; die "apt-get $1 failed"; }; }

# Fills MISSING with those of the named packages, of the server and of its headers that are not installed.
find_missing() {
    local server
    mapfile -t server < <(postgresql_packages)
    mapfile -t MISSING < <(missing_packages "$@" "${server[@]}")
}

install_packages() {
    command -v apt-get >/dev/null || die 'this script installs what it needs with apt-get (Debian 12 or newer), which is not here'
    find_missing "$@"
    if [ "${#MISSING[@]}" -gt 0 ]; then
        become_root "${MISSING[@]}"
        say "Updating the list of Debian's packages"
        apt update
        find_missing "$@"
        say "Installing ${MISSING[*]}"
        drop_in /usr/sbin/policy-rc.d 755 $'#!/bin/sh\nexit 101'
        drop_in /etc/postgresql-common/createcluster.d/caas-build.conf 644 'create_main_cluster = false'
        apt install --no-install-recommends "${MISSING[@]}"
        remove_drop_ins
        # Their packages enable services that nobody here asked for.
        local service
        for service in pgbouncer prometheus haproxy; do
            [[ " ${MISSING[*]} " != *" $service "* ]] || "${SUDO[@]}" update-rc.d "$service" disable >/dev/null 2>&1
        done
    fi
    find_postgresql
}

find_postgresql() {
    : "${PG_CONFIG:=/usr/lib/postgresql/$(installed_server)/bin/pg_config}"
    [ -x "$PG_CONFIG" ] || die "$PG_CONFIG is not there; PG_CONFIG can name another"
    PGXS=$("$PG_CONFIG" --pgxs)
    [ -e "$PGXS" ] || die "$PGXS is not there: the server's headers are missing"
    PG_BIN=$("$PG_CONFIG" --bindir)
    PG_MAJOR=$("$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
    export PG_CONFIG PG_BIN PG_MAJOR PGXS
}
