# shellcheck shell=bash
# Throwaway Debian systems by debootstrap, for the scripts that need a bare machine. Sourced after lib.sh.

# Prints the address of Debian's packages: MIRROR, or the one that this machine's apt uses. Fails where there is none.
debian_mirror() {
    local mirror=${MIRROR:-}
    # shellcheck disable=SC2016 # for apt-get
    [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || { echo 'apt has no mirror of Debian here; MIRROR can name one' >&2; return 1; }
    echo "$mirror"
}

# Runs a command in namespaces of its own, so nothing stays mounted and no process survives it. The first process of a namespace gets no
# signal that it has no trap for. Without job control the command would ignore SIGINT.
# shellcheck disable=SC2016 # for the inner shell
isolated() {
    unshare --mount --pid --ipc --uts --fork --kill-child --mount-proc bash -c 'trap "exit 143" HUP INT TERM; set -m; "$@" & set +m; wait $!' bash "$@"
}

# Makes the folder $2 the root of a bare Debian of suite $1, in which no service starts. With CAAS_CHROOTS, a folder, the base of each suite
# is kept there as SUITE.tar and used again.
bare_root() {
    local suite=$1 root=$2 kept=${CAAS_CHROOTS:-$WORK}/$1.tar base=$WORK/base-$1 mirror
    mirror=$(debian_mirror) || return
    if [ ! -e "$kept" ]; then
        say "Making a bare Debian, $suite"
        with_progress run_job isolated debootstrap --variant=minbase "$suite" "$base" "$mirror" >"$WORK/debootstrap.log" 2>&1 ||
            { tail -n 20 "$WORK/debootstrap.log"; return 1; }
        tar -C "$base" --one-file-system -cf "$kept.part" . && mv "$kept.part" "$kept" && rm -rf "$base"
    fi
    mkdir -p "$root" && tar -C "$root" -xf "$kept" || return
    # A kept base may have been made from another mirror. The mirror may keep lists of packages beyond their date. dpkg need not wait for the
    # disk, because nobody keeps the system after a crash.
    echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/caas"
    echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/99caas"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
}

# Makes such a root for packages of PostgreSQL: no cluster is made, and nothing that is only recommended is installed.
new_root() {
    bare_root "$1" "$2" || return
    local root=$2
    echo 'APT::Install-Recommends "false";' >>"$root/etc/apt/apt.conf.d/99caas"
    mkdir -p "$root/etc/postgresql-common/createcluster.d"
    echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.d/caas.conf"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
}

# Runs a command as root in the root $1, with /proc, /sys and /dev of its own. A folder named by CAAS_CCACHE is /ccache there.
# shellcheck disable=SC2016 # for the inner shell
in_root() {
    isolated sh -ec '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount -t tmpfs -o mode=755 dev "$root/dev"
        mkdir "$root/dev/pts" "$root/dev/shm"
        for node in null zero full random urandom tty; do
            : >"$root/dev/$node"
            mount --bind "/dev/$node" "$root/dev/$node"
        done
        mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
        mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
        ln -s pts/ptmx "$root/dev/ptmx"
        ln -s /proc/self/fd "$root/dev/fd"
        ln -s fd/0 "$root/dev/stdin"
        ln -s fd/1 "$root/dev/stdout"
        ln -s fd/2 "$root/dev/stderr"
        if [ -n "${CAAS_CCACHE:-}" ]; then
            mkdir -p "$root/ccache"
            mount --bind "$CAAS_CCACHE" "$root/ccache"
        fi
        exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive CCACHE="${CAAS_CCACHE:+/ccache}" "$@"
    ' sh "$@"
}
