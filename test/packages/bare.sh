#!/bin/bash
# Runs as root in a bare Debian (scripts/packages.sh): installs the packages of /build/first, runs their autopkgtest, upgrades to those of
# /build/second under a running server and service, removes and purges, and compares the files with those before.
# No systemd runs here. systemd-analyze reads the unit, and a stand-in for systemctl does what maintainer scripts ask of the service.
# shellcheck source=test/packages/checks.sh
. "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

UUID=4dbcbcfe-4800-40a8-badf-c26b73af230c
STATE=/build/state # what the stand-in, the writer and the client write
SOCKET=/run/caas-test.socket
mkdir "$STATE"

# Every file and folder that is not of this test, of apt's lists and logs, or of dpkg.
list_files() {
    find / -xdev \( -path /build -o -path /ccache -o -path /tmp -o -path /var/tmp -o -path /root -o -path /var/cache -o -path /var/log -o -path /var/lib/apt -o \
        -path /var/lib/dpkg -o -path /run -o -name __pycache__ \) -prune -o -print | sort
}

packages() { find "/build/$1" -name '*.deb' ! -name '*-dbgsym_*'; }

# What the packages depend on, and what the tests need, without the packages themselves.
install_dependencies() {
    local package depends=()
    apt-get -qq update || return
    for package in $(packages first); do depends+=("$(dpkg-deb -f "$package" Depends)"); done
    apt-get -qq -y satisfy "${depends[@]}" || return
    apt-get -qq -y install autopkgtest curl dpkg-dev make man-db openssl postgresql-server-dev-all procps systemd unzip || return
    (cd /build && unzip -q "caas-$VERSION.zip" && cd "caas-$VERSION" && pg_buildext updatecontrol) || return
    list_files >"$STATE/files.before"
}

# shellcheck disable=SC2046 # a list of files
install_packages() { apt-get -qq -y install $(packages "$1"); }

# The files of the packages, besides documents.
contents() {
    local version
    cat <<'END'
/etc/caas
/etc/caas/serve.conf
/usr/bin/caas
/usr/share/bash-completion/completions/caas
/usr/share/man/man1/caas.1.gz
END
    echo "$UNIT"
    for version in $VERSIONS; do
        echo "/usr/lib/postgresql/$version/lib/caas.so"
        echo "/usr/share/postgresql/$version/extension/caas--$VERSION.sql"
        echo "/usr/share/postgresql/$version/extension/caas.control"
        find "/build/caas-$VERSION/sql" -name 'caas--*--*.sql' -printf "/usr/share/postgresql/$version/extension/%f\n"
    done
}

server_packages() { for version in $VERSIONS; do echo "postgresql-$version-caas"; done; }

# shellcheck disable=SC2046 # a list of packages
installed_files() {
    dpkg -L caas $(server_packages) | sort -u | grep -v '^/usr/share/doc/\|^/usr/share/lintian' |
        while read -r file; do [ -f "$file" ] || [ "$file" = /etc/caas ] && echo "$file"; done
}

right_contents() { diff <(contents | sort) <(installed_files); }

unit_is_right() {
    systemd-analyze verify --man=no "$UNIT" && grep -qx 'ExecStart=/usr/bin/caas serve --config /etc/caas/serve.conf' "$UNIT" &&
        ! find /etc/systemd/system -name 'caas.service' | grep . && ! pgrep -x caas
}

autopkgtest_passes() {
    autopkgtest --no-built-binaries "/build/caas-$VERSION/" -- null >"$STATE/autopkgtest.log" 2>&1
    local status=$?
    if [ "$status" -ne 0 ]; then tail -n 80 "$STATE/autopkgtest.log"; return 1; fi
    # Later versions print the results again at their end.
    sed -nE 's/^(installcheck|program) +PASS/note: &/p' "$STATE/autopkgtest.log" | sort -u >"$STATE/autopkgtest.passed"
    cat "$STATE/autopkgtest.passed"
    [ "$(wc -l <"$STATE/autopkgtest.passed")" -eq 2 ]
}

# ---- a server and a service at work ----

as_postgres() { runuser -u postgres -- env -C / "$@"; }
psql_app() { as_postgres env PGOPTIONS="-c caas.api_key=$(cat "$STATE/key")" psql -XqAt -v ON_ERROR_STOP=1 -d app "$@"; }

start_server() {
    pg_createcluster --start -o listen_addresses= "$SERVER" main && as_postgres createdb app &&
        caas setup --cluster "$SERVER/main" --database app >"$STATE/key" || return
    psql_app -c 'CREATE TABLE written (n int, d text)' -c "SELECT caas_encrypt('$UUID', 'ada@example.com')" >"$STATE/digest" && [ -s "$STATE/digest" ]
}

# A session that lives through the upgrade: statements go in by one pipe, answers come by another.
open_session() {
    mkfifo "$STATE/ask" "$STATE/tell"
    psql_app <"$STATE/ask" >"$STATE/tell" 2>&1 &
    exec 7>"$STATE/ask" 8<"$STATE/tell"
}

ask() {
    local answer
    echo "$1" >&7
    read -r -t 120 answer <&8 || answer='no answer'
    echo "$answer"
}

same() { [ "$1" = "$2" ] || { printf 'expected: %s\ngot:      %s\n' "$1" "$2"; return 1; }; }

old_session_works() { same "$(cat "$STATE/digest")" "$(ask "SELECT caas_encrypt('$UUID', 'ada@example.com');")"; }
new_session_works() { same "$(cat "$STATE/digest")" "$(psql_app -c "SELECT caas_encrypt('$UUID', 'ada@example.com')")"; }

start_service() {
    local key
    install -m 600 /dev/null "$STATE/header"
    caas keyring init /etc/caas/keyring && key=$(caas api-key new --quiet) && printf %s "$key" | caas api-key digest --name app >/etc/caas/api-keys || return
    echo "Authorization: Bearer $key" >"$STATE/header"
    cat >/usr/local/sbin/systemctl <<END
#!/bin/bash
# Stands in for systemd and the unit: starts, restarts and stops the one service.
echo "\$*" >>"$STATE/systemctl.log"
pid=\$(cat "$STATE/service.pid" 2>/dev/null)
alive() { kill -0 "\$pid" 2>/dev/null; }
stop() { alive && kill "\$pid"; while alive; do sleep 0.1; done; }
start() {
    CAAS_KEYRING=/etc/caas/keyring CAAS_API_KEYS=/etc/caas/api-keys CAAS_LISTEN=unix:$SOCKET setsid \
        /usr/bin/caas serve --config /etc/caas/serve.conf >>"$STATE/service.log" 2>&1 </dev/null 7>&- 8<&- &
    echo \$! >"$STATE/service.pid"
}
case " \$* " in
*' is-enabled '*) echo disabled; exit 1 ;;
*' is-active '*) alive ;;
*' start caas.service '*) start ;;
*restart' caas.service '*) if alive; then stop; start; fi ;;
*' stop caas.service '*) stop ;;
esac
END
    chmod 755 /usr/local/sbin/systemctl
    mkdir -p /run/systemd/system
    echo 'DPkg::Path "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin";' >/etc/apt/apt.conf.d/99stand-in
    printf '%s\n' '#!/bin/sh' "test \"\$1\" = caas.service || exit 101" >/usr/sbin/policy-rc.d
    systemctl start caas.service && wait_for answers
}

call() {
    curl -sS --unix-socket "$SOCKET" http://localhost/encrypt -H "@$STATE/header" -H 'Content-Type: application/json' \
        -d "{\"userUUID\": \"$UUID\", \"sensitiveData\": \"ada@example.com\"}"
}
answers() { call >"$STATE/answer" && grep -q encrypted_data "$STATE/answer"; }

wait_for() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        "$@" 2>/dev/null && return
        sleep 0.2
    done
    "$@"
}

# A writer with a new session for each row, and a client of the service; both note what fails, until the file "done" is there.
keep_writing() {
    local n=0
    until [ -e "$STATE/done" ]; do
        n=$((n + 1))
        psql_app -c "INSERT INTO written VALUES ($n, caas_encrypt('$UUID', '$n'))" 2>>"$STATE/writer.errors" && echo "$n" >>"$STATE/acknowledged"
    done
}

keep_calling() {
    local answer expected
    expected=$(cat "$STATE/answer")
    until [ -e "$STATE/done" ]; do
        if answer=$(call 2>>"$STATE/client.errors"); then
            [ "$answer" = "$expected" ] && echo right || echo "wrong: $answer"
        else
            echo refused
        fi
    done >"$STATE/client.log"
}

# Upgrades between rows and answers that came before and others that came after.
upgrade_under_load() {
    local rows calls
    wait_for more_lines "$STATE/acknowledged" 1 && wait_for more_lines "$STATE/client.log" 1 && install_packages second && wait_for answers || return
    rows=$(wc -l <"$STATE/acknowledged")
    calls=$(wc -l <"$STATE/client.log")
    wait_for more_lines "$STATE/acknowledged" $((rows + 3)) && wait_for more_lines "$STATE/client.log" $((calls + 3))
}

upgrade() {
    keep_writing &
    keep_calling &
    upgrade_under_load
    local status=$?
    touch "$STATE/done"
    wait
    return "$status"
}
more_lines() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }

nothing_lost() {
    local rows
    rows=$(wc -l <"$STATE/acknowledged")
    echo "note: $rows rows written during the upgrade, each in a session of its own"
    same "$rows|$rows" "$(psql_app -c "SELECT count(*), count(*) FILTER (WHERE caas_verify('$UUID', n::text, d)) FROM written")" &&
        ! grep . "$STATE/writer.errors"
}

service_went_on() {
    echo "note: the service answered $(grep -c '^right' "$STATE/client.log") requests during the upgrade, $(grep -c '^refused' "$STATE/client.log") connections were refused while it restarted"
    ! grep '^wrong' "$STATE/client.log" && [ "$(tail -n 1 "$STATE/client.log")" = right ]
}

service_restarted() { grep 'restart caas.service' "$STATE/systemctl.log" && same "/usr/bin/caas" "$(readlink "/proc/$(cat "$STATE/service.pid")/exe")"; }

# The library of a process, from its memory map: "(deleted)" follows the name when the file was replaced.
library() { grep -o -m 1 '/caas\.so.*'; }
libraries_differ() {
    same '/caas.so (deleted)' "$(library <"/proc/$(ask 'SELECT pg_backend_pid();')/maps")" &&
        same '/caas.so' "$(psql_app -c "SELECT pg_read_file('/proc/self/maps')" | library)"
}

extension_updates() {
    same "$VERSION" "$(psql_app -c "SELECT extversion FROM pg_extension WHERE extname = 'caas'")" && psql_app -c 'ALTER EXTENSION caas UPDATE' &&
        same "$NEXT" "$(psql_app -c "SELECT extversion FROM pg_extension WHERE extname = 'caas'")" && same "caas $NEXT" "$(caas --version | cut -d' ' -f1-2)"
}

# ---- removal ----

# shellcheck disable=SC2046 # a list of packages
remove_warns() {
    apt-get -y remove $(server_packages) caas >"$STATE/remove.log" 2>&1 || { cat "$STATE/remove.log"; return 1; }
    grep "/etc/postgresql/$SERVER/main/conf.d/caas.conf" "$STATE/remove.log" || { cat "$STATE/remove.log"; return 1; }
    ! kill -0 "$(cat "$STATE/service.pid")" 2>/dev/null && [ -e /etc/caas/api-keys ] && ! psql_app -c 'SELECT 1' 2>/dev/null
}

# shellcheck disable=SC2046 # a list of packages
purge_frees_the_server() {
    apt-get -qq -y purge caas $(server_packages) || return
    wait_for as_postgres psql -XqAt -d app -c 'SELECT count(*) FROM written'
}

# What stays is the two keyrings: the service's and the server's.
only_keyrings_stay() {
    exec 7>&- 8<&-
    rm -rf /run/systemd/system /usr/local/sbin/systemctl /etc/apt/apt.conf.d/99stand-in "$SOCKET"
    pg_dropcluster --stop "$SERVER" main || return
    list_files >"$STATE/files.after"
    diff <(printf '%s\n' /etc/caas /etc/caas/keyring /var/lib/postgresql/caas "/var/lib/postgresql/caas/$SERVER-main.keyring") \
        <(comm -13 "$STATE/files.before" "$STATE/files.after") && ! comm -23 "$STATE/files.before" "$STATE/files.after" | grep .
}

check 'what the packages depend on is in this suite' install_dependencies
check 'the packages install on a bare system' install_packages first
VERSIONS=$(printf '%s\n' /usr/share/postgresql/*/extension/caas.control | cut -d/ -f5)
SERVER=$(tail -n 1 <<<"$VERSIONS")
UNIT=$(dpkg -L caas | grep '/caas\.service$')
ESSENTIAL=no
check 'they hold what they should' right_contents
check 'the unit is sound, and the service is neither enabled nor started' unit_is_right
check 'autopkgtest passes' autopkgtest_passes
ESSENTIAL=yes
check 'caas setup sets a server up' start_server
check 'the service runs' start_service
open_session
ESSENTIAL=no
check 'a session has a digest' old_session_works
check "the packages are upgraded to $NEXT under load" upgrade
check 'no row was lost or refused' nothing_lost
check 'the service answers before and after, and never wrongly' service_went_on
check 'the maintainer script restarted the service' service_restarted
check 'the old session works, with the library that it has loaded' old_session_works
check 'a new session works, with the new library' new_session_works
check 'which the process maps confirm' libraries_differ
check 'ALTER EXTENSION caas UPDATE works' extension_updates
check 'the old session works after it' old_session_works
check 'removal warns of servers that load the library, and stops the service' remove_warns
check 'purge takes the settings away, and sessions start again' purge_frees_the_server
check 'only the keyrings stay' only_keyrings_stay
