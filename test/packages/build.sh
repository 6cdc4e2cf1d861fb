#!/bin/bash
# Runs as root in a bare Debian (scripts/packages.sh): builds the packages from the archive /build/caas-VERSION.zip, and checks them with
# lintian. /build/first gets the packages, /build/second those of a next version, for the test of an upgrade.
# shellcheck source=test/packages/checks.sh
. "$(dirname "${BASH_SOURCE[0]}")/checks.sh"

as_builder() { runuser -u builder -- env PATH="${CCACHE:+/usr/lib/ccache:}$PATH" CCACHE_DIR="$CCACHE" HOME=/home/builder "$@"; }

install_tools() {
    apt-get -qq update && apt-get -qq -y install build-essential debhelper lintian postgresql-server-dev-all unzip ${CCACHE:+ccache} || return
    useradd --create-home builder && { [ -z "$CCACHE" ] || chown builder "$CCACHE"; } && install -d -o builder /build/first /build/second
}

# The control file in the archive names the PostgreSQL of one suite; the build asks for the one of this suite.
unpack() {
    cd /home/builder && as_builder unzip -q "/build/caas-$VERSION.zip" && cd "caas-$VERSION" && as_builder pg_buildext updatecontrol
}

build_dependencies() { cd "$SOURCE" && apt-get -qq -y build-dep .; }

build() { cd "$SOURCE" && as_builder env DEB_BUILD_OPTIONS="parallel=$(nproc)" dpkg-buildpackage -us -uc && as_builder mv ../*_* /build/first/; }

# One archive is built on several releases of Debian. These tags ask for what an older release does not take, or name a tag that a newer one
# lacks. lintian refuses options with tags that it does not know, so its output is filtered.
RELEASE_TAGS='alien-tag|out-of-date-standards-version|package-uses-old-debhelper-compat-version|redundant-priority-optional-field|redundant-rules-requires-root-no-field'
lintian_clean() {
    local found
    cd /build/first || return
    if ! found=$(as_builder lintian --pedantic --display-info --fail-on none ./*.changes); then
        echo "$found"
        return 1
    fi
    ! grep -vE "^N:|^[EIP]: caas( source)?: ($RELEASE_TAGS)( |\$)" <<<"$found" | grep .
}

hardened() {
    local file header
    for file in "$SOURCE"/debian/caas/usr/bin/caas "$SOURCE"/debian/postgresql-*-caas/usr/lib/postgresql/*/lib/caas.so; do
        header=$(readelf -W -d -l "$file") || return
        for word in GNU_RELRO BIND_NOW; do grep -q "$word" <<<"$header" || { echo "$file: no $word"; return 1; }; done
        readelf -W -h "$file" | grep -q 'Type: *DYN' || { echo "$file: not position independent"; return 1; }
        ! grep -q 'GNU_STACK.*RWE' <<<"$header" || { echo "$file: executable stack"; return 1; }
        ! strings "$file" | grep -F /home/builder || return
    done
}

# The same sources under the next version, with an update script that changes nothing: what did not change is not compiled again.
build_next() {
    cd "$SOURCE" || return
    sed -i "s/^default_version = .*/default_version = '$NEXT'/" caas.control
    echo '-- Nothing changes.' >"sql/caas--$VERSION--$NEXT.sql"
    { sed "1,/^ -- /s/^caas ($VERSION)/caas ($NEXT)/; /^ -- /q" debian/changelog; echo; cat debian/changelog; } >/tmp/changelog && cp /tmp/changelog debian/changelog
    rm -f debian/debhelper-build-stamp
    as_builder env DEB_BUILD_OPTIONS="parallel=$(nproc)" dpkg-buildpackage -us -uc -b -nc && as_builder mv ../*_* /build/second/
}

SOURCE=/home/builder/caas-$VERSION
check 'the tools of a package build are installed' install_tools
check 'the archive is unpacked and the control file is made' unpack
check 'the build dependencies are installed' build_dependencies
check 'the packages are built from the archive' build
check 'lintian finds nothing, pedantic tags included' lintian_clean
check 'program and library are hardened and name no folder of the build' hardened
check "packages of a next version, $NEXT, are built" build_next
